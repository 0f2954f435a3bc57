"""Prometheus and Alertmanager as the team's own detectors. They are read, and never written to."""
