"""Persists the measured memory use of loaded models (footprints), the estimates for next time."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from wyoming_servers.core.files import PRIVATE_MODE, atomic_write
from wyoming_servers.scheduling.planner.instance import FootprintKey

_LOGGER = logging.getLogger(__name__)

_VERSION: Final = 1


Footprints = Mapping[FootprintKey, int]
"""Bytes per model, device and compute type."""


class FootprintStore(Protocol):
    """Stores footprints; both calls may block and are made outside the event loop."""

    def load(self) -> dict[FootprintKey, int]:
        """Return the saved footprints; empty if there are none or they cannot be read."""
        ...

    def save(self, footprints: Footprints) -> None:
        """Replace the saved footprints. Never raises: a lost footprint is measured again."""
        ...


class InMemoryFootprintStore:
    """Stores footprints until the process exits."""

    def __init__(self, footprints: Footprints | None = None) -> None:
        self.saved: dict[FootprintKey, int] = dict(footprints or {})

    def load(self) -> dict[FootprintKey, int]:
        return dict(self.saved)

    def save(self, footprints: Footprints) -> None:
        self.saved = dict(footprints)


class FileFootprintStore:
    """Stores footprints in a small JSON file that is replaced atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[FootprintKey, int]:
        try:
            return self._parse(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as err:
            _LOGGER.warning("%s cannot be read and is ignored: %s", self._path, err)
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
            raise ValueError("unknown format")
        found = {}
        for entry in document["footprints"]:
            size = entry["bytes"]
            key = FootprintKey(entry["model"], entry["device"], entry["compute_type"])
            if not isinstance(size, int) or not all(isinstance(part, str) for part in key):
                raise ValueError("an entry has wrong types")
            if size > 0:
                found[key] = size
        return found
