"""Locust, in processes of its own, and the stream of outcomes that comes from it."""
