"""What `analysis_at_scale.py` runs in processes of their own."""
