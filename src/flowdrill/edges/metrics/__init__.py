"""A run's numbers for Prometheus: to a Pushgateway, and into a folder of node-exporter's textfile collector."""
