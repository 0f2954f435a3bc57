"""The target workload, through the official Kubernetes client."""
