"""Which known vulnerabilities a version still has, by PEP 440's order of versions.

Before 1.12, langflow-base was numbered 0.N.M where LangFlow is 1.N.M (0.0.x: 1.0). Before 1.10, lfx had numbers of its
own (0.1 to 0.4): of such a one nothing is known but that its LangFlow is older than 1.10.
"""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from flowdrill.model.advisories import Advisory
from flowdrill.model.langflow_version import FoundVersion, Product

_LONGEST = 64  # characters of a version
_BEFORE_LFX_HAD_LANGFLOWS_NUMBERS = "1.10.0.dev0"


@dataclass(frozen=True, slots=True)
class LangflowRelease:
    """The LangFlow that a package belongs to, in LangFlow's own numbers: those that advisories name."""

    version: str
    exact: bool  # False: this is the newest that it may be
    words: str  # how it was compared, where the package is not LangFlow itself; else ""


def parse_version(text: str) -> Version | None:
    """Return the version that `text` is, or None: it may come from an image."""
    try:
        return Version(text) if len(text) <= _LONGEST else None
    except InvalidVersion:
        return None


def advisories_of(version: str, advisories: tuple[Advisory, ...]) -> tuple[Advisory, ...]:
    """Return the advisories that a LangFlow of this version has not fixed yet, the worst first: exploited ones, then by
    the release that fixes them. A pre-release of the release that fixes one (1.9.0rc1, 1.9.0.dev3) comes before it and
    still has it; a post-release does not. ValueError when `version` is none."""
    found = Version(version)
    still = [one for one in advisories if found < Version(one.fixed_in)]
    return tuple(sorted(still, key=lambda one: (not one.exploited, Version(one.fixed_in), one.id)))


def safe_from(advisories: tuple[Advisory, ...]) -> str:
    """Return the first version that has none of these; ValueError when there are none."""
    return max((one.fixed_in for one in advisories), key=Version)


def langflow_release(found: FoundVersion) -> LangflowRelease:
    """Return the LangFlow that a found package belongs to. ValueError when its version is none."""
    version = Version(found.version)
    if found.product is Product.LANGFLOW or version.major > 0:
        own = found.product is Product.LANGFLOW
        return LangflowRelease(found.version, True, "" if own else f"the version of {found.product} was compared")
    if found.product is Product.LFX:
        words = f"{found} is of a LangFlow before 1.10: at the least these"
        return LangflowRelease(_BEFORE_LFX_HAD_LANGFLOWS_NUMBERS, False, words)
    _, minor, micro = (*version.release, 0, 0)[:3]
    release = "1.0" if minor == 0 else f"1.{minor}.{micro}{_stage(version)}"
    return LangflowRelease(release, True, f"{found} is of LangFlow {release}, which was compared")


def _stage(version: Version) -> str:
    """What follows the three numbers of a version: rc1, .post2, .dev3."""
    pre = "".join(str(part) for part in version.pre or ())
    post = "" if version.post is None else f".post{version.post}"
    return pre + post + ("" if version.dev is None else f".dev{version.dev}")
