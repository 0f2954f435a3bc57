"""What the commands do, each imported only when it is called: Kubernetes' client alone takes most of a second."""
