"""What loaded models were seen to hold, kept across restarts as the next estimate."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from wyoming_servers.core.files import PRIVATE_MODE, atomic_write

_LOGGER = logging.getLogger(__name__)

_VERSION: Final = 1


class FootprintKey(NamedTuple):
    """What a footprint depends on."""

    model: str
    device: str
    compute_type: str


Footprints = Mapping[FootprintKey, int]
"""Bytes per model, device and compute type."""


class FootprintStore(Protocol):
    """Keeps footprints; both calls may block and are made outside the event loop."""

    def load(self) -> dict[FootprintKey, int]:
        """Return what was saved last; empty if there is nothing or it cannot be read."""
        ...

    def save(self, footprints: Footprints) -> None:
        """Replace what was saved. Never raises: a footprint that is lost is measured again."""
        ...


class InMemoryFootprintStore:
    """Keeps them as long as the process lives."""

    def __init__(self, footprints: Footprints | None = None) -> None:
        self.saved: dict[FootprintKey, int] = dict(footprints or {})

    def load(self) -> dict[FootprintKey, int]:
        return dict(self.saved)

    def save(self, footprints: Footprints) -> None:
        self.saved = dict(footprints)


class FileFootprintStore:
    """Keeps them in a small JSON file, which is replaced as a whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[FootprintKey, int]:
        try:
            return self._parse(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as err:
            _LOGGER.warning("%s cannot be read and is started anew: %s", self._path, err)
            return {}

    def save(self, footprints: Footprints) -> None:
        document = {
            "version": _VERSION,
            "footprints": [
                {**key._asdict(), "bytes": size} for key, size in sorted(footprints.items())
            ],
        }
        try:
            atomic_write(self._path, json.dumps(document, indent=1), mode=PRIVATE_MODE)
        except OSError as err:
            _LOGGER.warning("%s cannot be written: %s", self._path, err)

    @staticmethod
    def _parse(document: object) -> dict[FootprintKey, int]:
        if not isinstance(document, dict) or document.get("version") != _VERSION:
            raise ValueError("it has another format")
        found = {}
        for entry in document["footprints"]:
            size = entry["bytes"]
            key = FootprintKey(entry["model"], entry["device"], entry["compute_type"])
            if not isinstance(size, int) or not all(isinstance(part, str) for part in key):
                raise ValueError("an entry has the wrong types")
            if size > 0:
                found[key] = size
        return found
