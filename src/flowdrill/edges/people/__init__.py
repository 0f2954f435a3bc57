"""What people say to a drill while it runs, and what the API server's audit log says of people."""
