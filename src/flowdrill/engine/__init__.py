"""The phases of a run, and the ports to everything else. Reads no clock and does no I/O itself."""
