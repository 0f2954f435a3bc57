"""What single values must be: counts, percentages, ports, quantities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flowdrill.cluster.api.metadata_rules import Cause, quoted
from flowdrill.model.resource_quantity import quantity


def not_negative(number: Any, field: str) -> Iterator[Cause]:
    """Refuse what is below 0."""
    if number is not None and number < 0:
        yield field, "FieldValueInvalid", f"Invalid value: {number}: must be greater than or equal to 0"


def int_or_percent(value: Any, field: str) -> Iterator[Cause]:
    """Refuse what is neither a count nor a percentage."""
    if isinstance(value, str) and not re.fullmatch(r"\d{1,9}%", value):
        message = f"Invalid value: {quoted(value)}: a valid percent string must be a numeric string followed by an "
        yield field, "FieldValueInvalid", f"{message}ending '%' (e.g. '1%',  or '93%', regex used is '[0-9]+%')"
    if isinstance(value, int):
        yield from not_negative(value, field)


def port(port: Any, field: str) -> Iterator[Cause]:
    """Refuse what is no port."""
    if port is None:
        yield field, "FieldValueRequired", "Required value"
    elif not 0 < port < 65536:
        yield field, "FieldValueInvalid", f"Invalid value: {port}: must be between 1 and 65535, inclusive"


def is_quantity(text: Any, field: str) -> Iterator[Cause]:
    """Refuse what is no quantity, or one below 0."""
    try:
        number = quantity(text)
    except ValueError:
        yield (
            field,
            "FieldValueInvalid",
            f"Invalid value: {quoted(text)}: quantities must match the regular expression",
        )
        return
    if number < 0:
        yield field, "FieldValueInvalid", f"Invalid value: {quoted(text)}: must be greater than or equal to 0"
