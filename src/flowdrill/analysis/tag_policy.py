"""Which references stay what they are: a digest, a whole version, a commit, or what the team says of its own tags."""

from __future__ import annotations

import re

from flowdrill.model.image_reference import ImageReference

_MOVING = frozenset(
    {"latest", "nightly", "snapshot", "edge", "canary", "main", "master", "trunk", "develop", "dev", "head", "next",
     "stable", "current", "testing", "staging", "prod", "production", "release"}
)  # fmt: skip
# three numbers or four (also a date: 2026.01.05), then what semantic versioning calls pre-release and build; tags have
# no `+`, so a build follows `-` or `_`
_VERSION = re.compile(r"[vV]?[0-9]{1,18}(?:\.[0-9]{1,18}){2,3}(?:[-_][0-9A-Za-z][0-9A-Za-z._-]*)?")
_PART_OF_A_VERSION = re.compile(r"[vV]?[0-9]{1,6}(?:\.[0-9]{1,6})?(?:[-_][A-Za-z][0-9A-Za-z._-]*)?")
# with a digit, since `facade` is a word; all digits may be one
_COMMIT = re.compile(r"(?:(?:sha|git|commit)-)?(?=[0-9a-f]*[0-9])(?:[0-9a-f]{7,40}|[0-9a-f]{64})")


def tag_problem(reference: ImageReference, tag_pattern: str | None = None) -> str | None:
    """Return why nobody can say which image `reference` will be tomorrow, or None when it is fixed: a digest, a whole
    version (1.2.3, v1.2.3-rc.1), a commit hash (7 to 40 hex digits, also `sha-…`), or a tag that the team's
    `tag_pattern` matches as a whole. Names like `latest` move whatever the pattern says."""
    if reference.digest is not None:
        return None
    tag = reference.tag
    if tag is None:
        return "it has no tag and no digest, so it is whatever `latest` is"
    if tag.lower() in _MOVING:
        return f"the tag {tag!r} moves, so nobody can say what to roll back to"
    if tag_pattern is not None and re.fullmatch(tag_pattern, tag):
        return None
    if _COMMIT.fullmatch(tag):
        return None
    if _VERSION.fullmatch(tag):
        if re.split(r"[-_.]", tag)[-1].lower() in _MOVING:
            return f"the tag {tag!r} ends in a name that moves, so nobody can say what to roll back to"
        return None
    if _PART_OF_A_VERSION.fullmatch(tag):
        return f"the tag {tag!r} is only a part of a version: it moves with every release that begins so"
    return f"the tag {tag!r} is no whole version and no commit hash: nothing says that it stays where it is"
