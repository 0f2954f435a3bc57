"""The ways back that a drill can take."""
