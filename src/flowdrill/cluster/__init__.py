"""The embedded cluster: the Kubernetes API on loopback, pods as processes. Knows nothing of drills."""
