"""A vulnerability scanner's word on an image."""
