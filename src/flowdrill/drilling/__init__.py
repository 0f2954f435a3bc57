"""What can be done with a drill: carried out, repeated, gated, planned, checked, tried, scheduled."""
