"""Typed access to untrusted JSON: each function returns its type or raises ConductorResponseError.

An absent or null field returns the default or an empty value where a function has one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from .errors import ConductorResponseError

Json: TypeAlias = Mapping[str, Any]


def as_mapping(value: object, name: str) -> Json:
    """Return `value` as a JSON object; `name` is used in the error message."""
    if not isinstance(value, Mapping):
        raise ConductorResponseError(f"{name} is not an object")
    return value


def get_objects(data: Json, key: str) -> list[Json]:
    """Return a list of JSON objects; empty if the field is absent."""
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ConductorResponseError(f"{key} is not a list")
    return [as_mapping(item, key) for item in value]


def get_str(data: Json, key: str, default: str | None = None) -> str:
    """Return a string; without a default it must be present and not empty."""
    value = data.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or (default is None and not value):
        raise ConductorResponseError(f"{key} is not a string")
    return value


def get_str_list(data: Json, key: str) -> tuple[str, ...]:
    """Return a list of strings; empty if the field is absent."""
    value = data.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConductorResponseError(f"{key} is not a list of strings")
    return tuple(value)


def get_float(data: Json, key: str) -> float | None:
    """Return a number; None if the field is absent."""
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConductorResponseError(f"{key} is not a number")
    return value


def get_int(data: Json, key: str, default: int = 0) -> int:
    """Return an integer; a fraction is truncated."""
    value = get_float(data, key)
    return default if value is None else int(value)


def get_bool(data: Json, key: str, *, default: bool = False) -> bool:
    """Return true or false."""
    value = data.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ConductorResponseError(f"{key} is not true or false")
    return value


def get_datetime(data: Json, key: str) -> datetime | None:
    """Return an ISO 8601 time with a time zone; None if the field is absent."""
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
