"""The folder of a site: its pages, what it wrote, and what it has read already."""
