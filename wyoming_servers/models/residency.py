"""Which models stay in memory although nobody uses them now: pinned ones and those in use.

A client pins models: they are loaded at start, stay loaded when idle and are never evicted, until
the same client unpins them, also after a restart (`<data_dir>/pins.json`). Models that settings or
references of clients name are *in use*: with `keep_alive: auto` they stay while there is memory to
spare. The scheduler decides on both; this tells it what is pinned and in use.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, Self

from wyoming_servers.core.errors import CapacityError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import (
    ConfigChanged,
    ModelInstalled,
    ModelRemoved,
    PinsChanged,
    ReferencesChanged,
)
from wyoming_servers.core.files import write_private

PINS_FILE: Final = "pins.json"

MAX_OWNERS: Final = 64
"""Clients that pin models; more are refused."""

_FORMAT: Final = 1

_CAUSES: Final = (ConfigChanged, ModelInstalled, ModelRemoved, PinsChanged, ReferencesChanged)
"""Events after which other models may be pinned or in use."""


class ResidencyTarget(Protocol):
    """The part of the coordinator that gets the models."""

    def set_residency(self, in_use: Iterable[str], pins: Mapping[str, tuple[str, ...]]) -> None:
        """Set the models that are in use, and the pinned ones with the clients that pinned them."""
        ...


class Pins:
    """The models that each client has pinned."""

    def __init__(self, path: Path, bus: EventBus) -> None:
        """Start without pins; `open` reads the file."""
        self._path = path
        self._bus = bus
        self._owners: dict[str, tuple[str, ...]] = {}
        self._saving = asyncio.Lock()
        """The last change is written last."""

    @classmethod
    async def open(cls, path: Path, bus: EventBus) -> Self:
        """Read the file; one that is missing or damaged counts as empty."""
        pins = cls(path, bus)
        pins._owners = await asyncio.to_thread(_read, path)
        return pins

    def all(self) -> dict[str, tuple[str, ...]]:
        """Return the pinned models of each client, by its name."""
        return dict(sorted(self._owners.items()))

    def by_model(self) -> dict[str, tuple[str, ...]]:
        """Return the clients that pin each model."""
        found: dict[str, tuple[str, ...]] = {}
        for owner, models in self.all().items():
            for model in models:
                found[model] = (*found.get(model, ()), owner)
        return found

    async def pin(self, owner: str, models: Sequence[str]) -> None:
        """Replace the pinned models of a client; none removes the client.

        Raises CapacityError if too many clients pin models, StorageError if it cannot be written.
        """
        wanted = tuple(dict.fromkeys(models))
        if wanted == self._owners.get(owner, ()):
            return
        if owner not in self._owners and len(self._owners) >= MAX_OWNERS:
            raise CapacityError(
                f"{MAX_OWNERS} clients have pinned models already.",
                hint="Remove those that are gone: DELETE /pins/{owner}.",
            )
        self._owners.pop(owner, None)
        if wanted:
            self._owners[owner] = wanted
        async with self._saving:
            document = {"format": _FORMAT, "pins": self._owners}
            await asyncio.to_thread(write_private, self._path, json.dumps(document, indent=1))
        self._bus.publish(PinsChanged(owner=owner, models=wanted))


async def follow_residency(
    bus: EventBus,
    pins: Pins,
    find_in_use: Callable[[], Iterable[str]],
    target: ResidencyTarget,
) -> None:
    """Tell the scheduler which models are pinned and in use, now and after each change."""
    with bus.subscribe() as events:
        target.set_residency(find_in_use(), pins.by_model())
        async for item in events:
            if isinstance(item.event, _CAUSES):
                target.set_residency(find_in_use(), pins.by_model())


def is_pins_file(content: bytes) -> bool:
    """Return whether a file has the content that `Pins` writes."""
    try:
        _parse(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _read(path: Path) -> dict[str, tuple[str, ...]]:
    try:
        return _parse(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _parse(content: bytes) -> dict[str, tuple[str, ...]]:
    document: dict[str, Any] = json.loads(content)
    if document["format"] != _FORMAT:
        raise ValueError("unknown format")
    pins: dict[str, tuple[str, ...]] = {}
    for owner, models in document["pins"].items():
        if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
            raise TypeError("pins are lists of models")
        pins[owner] = tuple(models)
    return pins
