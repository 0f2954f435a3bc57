"""Which LangFlow an image has, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LANGFLOW_VERSION_LABEL = "dev.flowdrill.langflow-version"  # of an image: `lfx 1.13.0`, `langflow 1.13.0`, or `1.13.0`


class Product(StrEnum):
    """The packages that LangFlow comes in."""

    LANGFLOW = "langflow"
    LANGFLOW_BASE = "langflow-base"  # the server
    LFX = "lfx"  # the runtime alone


class VersionSource(StrEnum):
    """What says so. What is installed is a fact; the rest is what whoever built the image says."""

    LABEL = "label"
    ENVIRONMENT = "environment"
    LAYER = "layer"
    TAG = "tag"  # the weakest: anybody may push any image to any tag


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version that was found, as the package has it (PEP 440)."""

    product: Product
    version: str
    source: VersionSource
    where: str  # in plain words: `the label dev.flowdrill.langflow-version`, a path and its layer, `the tag 1.13.0`

    def __str__(self) -> str:
        return f"{self.product} {self.version}"


@dataclass(frozen=True, slots=True)
class VersionUnknown:
    """The version was not found out. That is never a reason to think that it is safe."""

    why: str
