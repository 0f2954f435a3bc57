"""The one node: pulls images, runs pods as processes, probes them, balances Services over them."""
