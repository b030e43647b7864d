"""Which rows of a batch are wrong, and how far the others are from it."""
