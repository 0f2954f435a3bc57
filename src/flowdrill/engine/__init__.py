"""The phases of a run, and the ports through which it reaches everything else. Reads no clock and does no I/O itself."""
