"""Small changes of a batch: chance is drawn on the host, the change itself is pure on the device."""
