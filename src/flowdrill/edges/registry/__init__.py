"""Making flow images and broken images, and asking whether the stable one is retained."""
