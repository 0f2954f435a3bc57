"""What the benchmarks of images stand on: registries, proxies before them, and other tools for images."""
