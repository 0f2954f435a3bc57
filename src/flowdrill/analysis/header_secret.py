"""Whether a secret from the environment can be sent in an HTTP header."""

from __future__ import annotations


def unfit_for_a_header(secret: str) -> str | None:
    """Return what keeps an environment variable's text from being one, as the end of a sentence about the variable, or
    None where it can be sent."""
    if not secret:
        return "is not set or empty"
    if not (secret.isascii() and secret.isprintable()):
        return "holds characters that no HTTP header can carry"
    return None
