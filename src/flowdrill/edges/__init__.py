"""One folder a neighbour: the only code that does I/O. The folders do not know each other."""
