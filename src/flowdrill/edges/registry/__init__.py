"""Images: a client of the OCI distribution API, and the making of flow images and broken images."""
