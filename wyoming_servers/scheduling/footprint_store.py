"""Persists what loads of models took, the estimates for next time: memory (footprints) and time."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

from wyoming_servers.core.files import PRIVATE_MODE, atomic_write
from wyoming_servers.scheduling.planner.instance import FootprintKey, LoadProfile

_LOGGER = logging.getLogger(__name__)

_VERSION: Final = 1


Footprints = Mapping[FootprintKey, int]
"""Bytes per model, device and compute type."""

LoadProfiles = Mapping[FootprintKey, LoadProfile]
"""An earlier load per model, device and compute type."""


class FootprintStore(Protocol):
    """Stores footprints; both calls may block and are made outside the event loop."""

    def load(self) -> dict[FootprintKey, int]:
        """Return the saved footprints; empty if there are none or they cannot be read."""
        ...

    def load_profiles(self) -> dict[FootprintKey, LoadProfile]:
        """Return the saved durations of loads; empty if there are none or they cannot be read."""
        ...

    def save(self, footprints: Footprints, profiles: LoadProfiles = MappingProxyType({})) -> None:
        """Replace what is saved. Never raises: what is lost is measured again."""
        ...


class InMemoryFootprintStore:
    """Stores footprints until the process exits."""

    def __init__(self, footprints: Footprints | None = None) -> None:
        self.saved: dict[FootprintKey, int] = dict(footprints or {})
        self.saved_profiles: dict[FootprintKey, LoadProfile] = {}

    def load(self) -> dict[FootprintKey, int]:
        return dict(self.saved)

    def load_profiles(self) -> dict[FootprintKey, LoadProfile]:
        return dict(self.saved_profiles)

    def save(self, footprints: Footprints, profiles: LoadProfiles = MappingProxyType({})) -> None:
        self.saved, self.saved_profiles = dict(footprints), dict(profiles)


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

    def load_profiles(self) -> dict[FootprintKey, LoadProfile]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {
                _key(entry): LoadProfile(
                    {str(phase): float(at) for phase, at in entry["phases"].items()},
                    float(entry["seconds"]),
                )
                for entry in document.get("loads", ())
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}  # `load` has reported it.

    def save(self, footprints: Footprints, profiles: LoadProfiles = MappingProxyType({})) -> None:
        document = {
            "version": _VERSION,
            "footprints": [
                {**key._asdict(), "bytes": size} for key, size in sorted(footprints.items())
            ],
            "loads": [
                {
                    **key._asdict(),
                    "phases": {phase: round(at, 3) for phase, at in profile.phases.items()},
                    "seconds": round(profile.seconds, 3),
                }
                for key, profile in sorted(profiles.items())
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
            key = _key(entry)
            if not isinstance(size, int) or not all(isinstance(part, str) for part in key):
                raise ValueError("an entry has wrong types")
            if size > 0:
                found[key] = size
        return found


def _key(entry: Any) -> FootprintKey:
    return FootprintKey(entry["model"], entry["device"], entry["compute_type"])
