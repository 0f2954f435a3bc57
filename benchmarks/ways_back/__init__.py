"""The ways back from a broken image to the stable one: the engine's, and those of its peers."""
