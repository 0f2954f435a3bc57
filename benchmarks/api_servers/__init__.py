"""API servers to compare: the embedded cluster, and a real Kubernetes' control plane of the benchmark's own."""
