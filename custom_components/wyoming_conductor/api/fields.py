"""Reading JSON that somebody else wrote: each function returns its type or raises."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .errors import ConductorResponseError

type Json = Mapping[str, Any]


def mapping(value: object, what: str) -> Json:
    """Return a JSON object."""
    if not isinstance(value, Mapping):
        raise ConductorResponseError(f"{what} is not an object")
    return value


def items(data: Json, key: str) -> list[Json]:
    """Return a list of JSON objects; empty if there is none."""
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ConductorResponseError(f"{key} is not a list")
    return [mapping(item, key) for item in value]


def text(data: Json, key: str, default: str | None = None) -> str:
    """Return a text; without a default it must be there and not be empty."""
    value = data.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or (default is None and not value):
        raise ConductorResponseError(f"{key} is not a text")
    return value


def texts(data: Json, key: str) -> tuple[str, ...]:
    """Return a list of texts; empty if there is none."""
    value = data.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConductorResponseError(f"{key} is not a list of texts")
    return tuple(value)


def number(data: Json, key: str) -> float | None:
    """Return a number, or None if there is none."""
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConductorResponseError(f"{key} is not a number")
    return value


def whole(data: Json, key: str, default: int = 0) -> int:
    """Return a whole number."""
    value = number(data, key)
    return default if value is None else int(value)


def truth(data: Json, key: str, *, default: bool = False) -> bool:
    """Return true or false."""
    value = data.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ConductorResponseError(f"{key} is neither true nor false")
    return value


def moment(data: Json, key: str) -> datetime | None:
    """Return an ISO 8601 time with a zone, or None if there is none."""
    value = data.get(key)
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError) as err:
        raise ConductorResponseError(f"{key} is not a time") from err
    if when.tzinfo is None:
        raise ConductorResponseError(f"{key} has no time zone")
    return when
