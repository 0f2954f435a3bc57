"""This host: its clock, its signals, and the inbox that collects facts from all threads."""
