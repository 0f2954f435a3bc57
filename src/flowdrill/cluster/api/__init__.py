"""The Kubernetes API: a store, its rules, and the HTTP server in front of it."""
