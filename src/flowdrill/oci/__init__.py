"""The OCI distribution API: registries, manifests, layers. Knows nothing of drills."""
