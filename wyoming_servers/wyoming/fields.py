"""Fields of an event from outside: of the right type, or BadRequestError.

The wyoming library takes whatever JSON brings; a number as a name would fail much later, as a bug
of ours. Null is the same as absent. Unknown fields are ignored.
"""

from collections.abc import Mapping
from typing import Any, Final

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BadRequestError

Data = Mapping[str, Any]

_MAX_EXACT: Final = 2**53
"""Beyond it JSON's numbers are not exact, or not finite; NaN is not less than it either."""


def optional_str(data: Data, name: str) -> str | None:
    """Return a text, None if it is absent."""
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong_type(name, "a text")
    return value


def optional_bool(data: Data, name: str) -> bool | None:
    """Return a yes or no, None if it is absent."""
    value = data.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong_type(name, "true or false")
    return value


def optional_float(data: Data, name: str) -> float | None:
    """Return a number, None if it is absent."""
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_EXACT:
        raise _wrong_type(name, "a number")
    return float(value)


def require_str(data: Data, name: str) -> str:
    """Return a text that must be there."""
    value = optional_str(data, name)
    if value is None:
        raise BadRequestError(f"The field `{name}` is missing.")
    return value


def str_list(data: Data, name: str) -> tuple[str, ...]:
    """Return a list of texts, empty if it is absent."""
    value = data.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong_type(name, "a list of texts")
    return tuple(value)


def mapping(data: Data, name: str) -> Data:
    """Return an object, empty if it is absent."""
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong_type(name, "an object")
    return value


def timestamp(data: Data) -> int | None:
    """Return the timestamp in milliseconds; some clients send fractions."""
    value = data.get("timestamp")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_EXACT:
        raise _wrong_type("timestamp", "a number of milliseconds")
    return int(value)


def audio_format(data: Data, known: AudioFormat | None = None) -> AudioFormat:
    """Return the format of audio; what is absent is as in `known`.

    Only the types are checked here; whether such audio can be converted is `audio`'s to say.
    """
    values = []
    for name in ("rate", "width", "channels"):
        value = data.get(name)
        if value is None and known is not None:
            value = getattr(known, name)
        if value is None:
            raise BadRequestError(f"The field `{name}` is missing.")
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(name, "a whole number")
        values.append(value)
    return AudioFormat(*values)


def _wrong_type(name: str, wanted: str) -> BadRequestError:
    return BadRequestError(f"The field `{name}` is not {wanted}.")
