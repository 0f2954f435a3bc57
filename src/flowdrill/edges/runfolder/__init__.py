"""The run folder: everything a run saw, and the reports made from it."""
