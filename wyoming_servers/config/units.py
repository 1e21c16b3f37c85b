"""Parses durations, sizes and memory budgets with units."""

import re
from math import isfinite
from typing import Any, Final

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_BYTES: Final = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "k": 2**10,
    "m": 2**20,
    "g": 2**30,
}
_PERCENTAGE: Final = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*%\s*$")
_PATTERN: Final = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$")


def parse_duration(value: Any) -> Any:
    """Convert a text such as `5m` to seconds; return any other type unchanged for pydantic.

    Raises ValueError if the text is not a duration.
    """
    return _parse(value, _SECONDS, default="s", example="`30s`, `5m` or a number of seconds")


AUTO: Final = "auto"


def parse_keep_alive(value: Any) -> Any:
    """Return `auto`, or a duration in seconds. Raises ValueError for anything else."""
    if value == AUTO:
        return AUTO
    seconds = parse_duration(value)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not isfinite(seconds):
        raise ValueError(f"{value!r} is not valid; use `auto`, `5m` or a number of seconds")
    return float(seconds)


def parse_size(value: Any) -> Any:
    """Convert a text such as `2GiB` to bytes; return any other type unchanged for pydantic.

    Raises ValueError if the text is not a size.
    """
    parsed = _parse(value, _BYTES, default="b", example="`512MiB`, `2GiB` or a number of bytes")
    return int(parsed) if isinstance(value, str) else parsed


def parse_budget(text: str, total: int) -> int:
    """Return a budget such as `4GiB` or `90%` in bytes, for a device with `total` bytes.

    The result is at most `total`. Raises ValueError if the text is neither a size nor a percentage.
    """
    percentage = _PERCENTAGE.match(text)
    if percentage is None:
        size = int(_parse(text, _BYTES, default="b", example="`90%` or `4GiB`"))
        if size <= 0:
            raise ValueError(
                f"{text!r} leaves no memory; use a size or a percentage, such as `4GiB` or `90%`"
            )
        return min(total, size)
    percent = float(percentage[1])
    if not 0 < percent <= 100:
        raise ValueError(f"{text!r} is not a valid percentage; use 1% to 100%")
    return int(total * percent / 100)


def _parse(value: Any, units: dict[str, float] | dict[str, int], default: str, example: str) -> Any:
    if not isinstance(value, str):
        return value
    match = _PATTERN.match(value)
    unit = (match[2].lower() or default) if match else ""
    if match is None or unit not in units:
        raise ValueError(f"{value!r} is not valid; use {example}")
    return float(match[1]) * units[unit]
