"""What is asked of an API server to see how fast it is: patches among many objects, watches, rollouts."""
