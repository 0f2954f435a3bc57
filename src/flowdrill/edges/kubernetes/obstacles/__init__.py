"""What a drill can put in the way of its own rollback on the cluster: one file an obstacle."""
