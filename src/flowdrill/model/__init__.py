"""Frozen data: what a drill is, what a run saw, what came of it. No I/O, no clock."""
