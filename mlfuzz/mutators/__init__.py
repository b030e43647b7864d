"""Small changes of a batch: chance is drawn on the host, the change is pure on the device."""
