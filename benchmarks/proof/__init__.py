"""What all benchmarks have in common: a claim, its measures in rounds, its goals, and how they are told."""
