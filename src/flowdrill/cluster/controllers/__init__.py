"""What Kubernetes' controller manager and scheduler do: from what is wanted to what there is."""
