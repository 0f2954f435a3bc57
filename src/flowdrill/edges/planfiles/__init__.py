"""Drill and scenario files: YAML in, models out, errors with file, line and key."""
