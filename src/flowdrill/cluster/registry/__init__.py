"""A small OCI registry on loopback, on disk."""
