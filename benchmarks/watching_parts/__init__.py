"""The processes that `watching_cost.py` puts side by side."""
