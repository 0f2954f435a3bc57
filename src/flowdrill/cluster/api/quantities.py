"""Quantities such as 250m, 512Mi, 1e3."""

from flowdrill.model.resource_quantity import quantity

__all__ = ["quantity"]
