"""Code that every Python of a container runs when it starts: a `sitecustomize` that goes before any other."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

STARTUP_FILE = "/opt/flowdrill/sitecustomize.py"
_HEAD = """\
# Put here by flowdrill: this image is for a drill, and for nothing else.
def _the_image_s_own():
    import importlib.machinery, importlib.util, os, sys
    here = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_the_image_s_own()
"""


def startup_module(codes: tuple[str, ...]) -> bytes:
    """Return the module's text: first the image's own sitecustomize, if it has one, then each of `codes`."""
    return "\n\n".join((_HEAD, *codes)).encode("utf-8") + b"\n"


def startup_env(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variable that makes Python find the module, before what the image has in it."""
    own = env.get("PYTHONPATH")
    return {"PYTHONPATH": ":".join((posixpath.dirname(STARTUP_FILE), *([own] if own else ())))}
