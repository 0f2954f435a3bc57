"""The outcomes of a run for programs that compute."""
