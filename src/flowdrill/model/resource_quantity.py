"""Kubernetes' quantities, such as 250m, 512Mi, 1e3."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Any

_QUANTITY = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<unit>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?", re.ASCII)
_LARGEST_EXPONENT = 40
_UNITS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}  # fmt: skip


def quantity(text: Any) -> Decimal:
    """Return a quantity's exact value; ValueError when it is none."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None or len(str(text)) > 40:
        raise ValueError(f"{text!r} is no quantity")
    unit = found["unit"] or ""
    if unit in _UNITS:
        factor = _UNITS[unit]
    else:
        factor = Decimal(10) ** max(-_LARGEST_EXPONENT, min(int(unit[1:]), _LARGEST_EXPONENT))
    return Decimal(found["number"]) * factor


def quantity_text(amount: Decimal, *, binary: bool = False) -> str:
    """Return an amount as Kubernetes writes it: the largest unit in which it is a whole number. `binary`: in Ki, Mi …
    from 1024 on. Below a billionth it is rounded up."""
    if binary and amount >= 1024:
        whole = int(amount.to_integral_value(ROUND_CEILING))
        return _in_units(whole, 1024, ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))
    if amount == amount.to_integral_value():
        return _in_units(int(amount), 1000, ("", "k", "M", "G", "T", "P", "E"))
    billionths = int((amount * 10**9).to_integral_value(ROUND_CEILING))
    return _in_units(billionths, 1000, ("n", "u", "m", ""))


def _in_units(number: int, step: int, units: tuple[str, ...]) -> str:
    unit = 0
    while number and unit + 1 < len(units) and number % step == 0:
        number, unit = number // step, unit + 1
    return f"{number}{units[unit] if number else ''}"
