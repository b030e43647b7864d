"""Which rows of a batch are new; state lives on the device."""
