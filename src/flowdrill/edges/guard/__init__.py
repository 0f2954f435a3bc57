"""The guard: a process beside the harness that puts everything back when the harness cannot."""
