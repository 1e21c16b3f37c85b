"""The server's settings, as `GET /config` shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .fields import Json, mapping, texts


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Effective values, nested as in the server's configuration file."""

    values: Mapping[str, Any]
    restart_needed: tuple[str, ...] = ()
    """Settings that were changed and hold from the server's next start on."""

    @classmethod
    def from_json(cls, data: Json) -> ServerConfig:
        """Read the answer of `GET /config`."""
        return cls(mapping(data.get("config"), "config"), texts(data, "restart_needed"))

    def get(self, *path: str) -> Any:
        """Return the value at a path such as `("asr", "language")`; None if there is none."""
        value: Any = self.values
        for name in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(name)
        return value


def patch(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a JSON Merge Patch (RFC 7396) that sets one value; None takes it back."""
    for name in reversed(path):
        value = {name: value}
    return dict(value)
