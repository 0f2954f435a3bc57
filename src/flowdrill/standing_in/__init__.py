"""Putting back what a run has changed, by whoever does it: the guard, its Job in the cluster, or a person."""
