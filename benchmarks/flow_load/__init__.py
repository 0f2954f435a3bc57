"""A small flow service with known instants, and who asks it: the product's load, and its peers."""
