"""Which models are in use, and why: clearing a cache must not take the voice of an assistant.

A client declares the models, voices and wake words that it needs: a *reference*. It expires unless
the client renews it. The last request for each model is remembered too. Both are kept in
`<data_dir>/references.json` and survive a restart.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import CLOCK_SET_SINCE, Clock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import CapacityError, StorageError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import ReferencesChanged, RequestFinished
from wyoming_servers.core.files import write_private
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.text.voice_expression import voice_names

_LOGGER: Final = logging.getLogger(__name__)

REFERENCES_FILE: Final = "references.json"

MAX_OWNERS: Final = 64
"""References of different clients; more are refused."""

_FORMAT: Final = 1

_SAVE_SECONDS: Final = 3_600.0
"""Requests for a model are written at most this often."""


class UseKind(StrEnum):
    """Why a model is in use."""

    CONFIGURATION = "configuration"
    """A setting names the model, or one of its voices or wake words."""
    REFERENCE = "reference"
    """A client has declared that it needs it."""
    LOADED = "loaded"
    REQUESTS = "requests"
    """It has running or waiting requests."""
    OWN_FILES = "own_files"
    """Its files are the user's and cannot be downloaded again."""
    PACKAGE = "package"
    """It is part of a Python package, so that deleting it would free nothing."""
    RECENT = "recent"
    """It had a request within `downloads.keep_used`."""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One reason for which a model is in use."""

    kind: UseKind
    detail: str
    """For people, such as `tts.voice is en_US-joe-medium`."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What one client needs."""

    owner: str
    models: tuple[str, ...] = ()
    voices: tuple[str, ...] = ()
    """Names of voices, variants (`name@slow`) and mixes."""
    wake_words: tuple[str, ...] = ()
    declared: float = 0.0
    """Seconds since 1970."""
    expires: float = 0.0
    """Seconds since 1970."""
    announce_wyoming: bool = True
    """False: the client needs no announcements of the Wyoming services."""

    def uses_of(self, entry: ModelEntry) -> list[str]:
        """Return the names in this reference that belong to a model."""
        return [
            *(name for name in self.models if name == entry.id),
            *(name for name in self.voices if _has_voice(entry, name)),
            *(name for name in self.wake_words if _has_wake_word(entry, name)),
        ]


@dataclass(slots=True)
class _State:
    references: dict[str, Reference] = field(default_factory=dict)
    last_used: dict[str, float] = field(default_factory=dict)
    """Model to the time of its last request, in seconds since 1970."""


class References:
    """The references of all clients; `run` must be running to remember requests."""

    def __init__(self, path: Path, bus: EventBus, clock: Clock) -> None:
        """Start without references; `open` reads the file."""
        self._path = path
        self._bus = bus
        self._clock = clock
        self._state = _State()
        self._saving = asyncio.Lock()
        """The last change is written last."""

    @classmethod
    async def open(cls, path: Path, bus: EventBus, clock: Clock) -> Self:
        """Read the file, if there is one."""
        references = cls(path, bus, clock)
        references._state = await asyncio.to_thread(_read, path)
        return references

    async def declare(self, reference: Reference, lifetime: float) -> Reference:
        """Add or replace the reference of its owner for `lifetime` seconds.

        Raises CapacityError if there are too many owners, StorageError if it cannot be written.
        """
        self._drop_expired()
        known = self._state.references
        if reference.owner not in known and len(known) >= MAX_OWNERS:
            raise CapacityError(
                f"{MAX_OWNERS} clients have declared references already.",
                hint="Delete references of clients that are gone: DELETE /references/{owner}.",
            )
        now = self._clock.wall()
        added = replace(reference, declared=now, expires=now + lifetime)
        known[reference.owner] = added
        await self._save()
        self._bus.publish(ReferencesChanged(owner=reference.owner))
        return added

    async def withdraw(self, owner: str) -> bool:
        """Remove the reference of a client; False if there is none."""
        if self._state.references.pop(owner, None) is None:
            return False
        await self._save()
        self._bus.publish(ReferencesChanged(owner=owner))
        return True

    def all(self) -> list[Reference]:
        """Return the references that have not expired, by owner."""
        self._drop_expired()
        return [self._state.references[owner] for owner in sorted(self._state.references)]

    def replaces_wyoming(self) -> bool:
        """Return whether a client uses the API in place of the announced Wyoming services."""
        return any(not reference.announce_wyoming for reference in self.all())

    def owners_of(self, entry: ModelEntry) -> list[str]:
        """Return the clients that need a model."""
        return [reference.owner for reference in self.all() if reference.uses_of(entry)]

    def last_used(self, model: str) -> float:
        """Return the time of the last request for a model, in seconds since 1970; 0 if unknown."""
        return self._state.last_used.get(model, 0.0)

    async def run(self) -> None:
        """Remember the requests for each model, until cancelled."""
        with self._bus.subscribe() as events:
            async for item in events:
                event = item.event
                if isinstance(event, RequestFinished) and event.model and not event.code:
                    await self._note_request(event.model)

    async def _note_request(self, model: str) -> None:
        now = self._clock.wall()
        if now < CLOCK_SET_SINCE or now - self.last_used(model) < _SAVE_SECONDS:
            return
        self._state.last_used[model] = now
        try:
            await self._save()
        except StorageError as err:
            _LOGGER.warning("The last request for %s cannot be remembered: %s", model, err)

    def _drop_expired(self) -> None:
        now = self._clock.wall()
        expired = [owner for owner, it in self._state.references.items() if it.expires <= now]
        for owner in expired:
            _LOGGER.info("The reference of %s has expired", owner)
            del self._state.references[owner]

    async def _save(self) -> None:
        async with self._saving:
            document = {
                "format": _FORMAT,
                "references": [asdict(reference) for reference in self._state.references.values()],
                "last_used": self._state.last_used,
            }
            await asyncio.to_thread(write_private, self._path, json.dumps(document, indent=1))


def read_references(path: Path, now: float) -> list[Reference]:
    """Return the references in a file that have not expired. Blocks on the disk."""
    return [it for it in _read(path).references.values() if it.expires > now]


def _read(path: Path) -> _State:
    """Return the content of a file; one that is missing or not valid counts as empty."""
    try:
        return _parse(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _State()


def is_references_file(content: bytes) -> bool:
    """Return whether a file has the content that `References` writes."""
    try:
        _parse(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _parse(content: bytes) -> _State:
    document: dict[str, Any] = json.loads(content)
    if document["format"] != _FORMAT:
        raise ValueError("unknown format")
    references = {}
    for item in document["references"]:
        lists = {key: tuple(item[key]) for key in ("models", "voices", "wake_words")}
        reference = Reference(
            str(item["owner"]),
            declared=float(item["declared"]),
            expires=float(item["expires"]),
            announce_wyoming=item.get("announce_wyoming", True) is not False,
            **lists,
        )
        references[reference.owner] = reference
    used = {str(model): float(time) for model, time in document["last_used"].items()}
    return _State(references, used)


def configured_uses(config: Config, entry: ModelEntry) -> list[ModelUse]:
    """Return the settings that name a model, one of its voices, or one of its wake words."""
    found: list[str] = []
    if config.asr.enabled and entry.kind is Task.ASR:
        found += [f"asr.model is {entry.id}"] if config.asr.model == entry.id else []
        found += [f"asr.extra_ports has {entry.id}"] if entry.id in config.asr.extra_ports else []
    if config.asr.enabled and entry.kind is Task.TURN and config.asr.turn_model == entry.id:
        found.append(f"asr.turn_model is {entry.id}")
    if config.tts.enabled and entry.kind is Task.TTS:
        found += [f"tts.voice is {config.tts.voice}"] if _has_voice(entry, config.tts.voice) else []
        found += [f"tts.presets has {it}" for it in config.tts.presets if _has_voice(entry, it)]
    if config.wake.enabled and entry.kind is Task.WAKE:
        found += [f"wake.words has {it}" for it in config.wake.words if _has_wake_word(entry, it)]
    if config.speakers.enabled and entry.kind is Task.SPEAKER:
        found += [f"speakers.model is {entry.id}"] if config.speakers.model == entry.id else []
    if isinstance(config.preload, list) and entry.id in config.preload:
        found.append(f"preload has {entry.id}")
    if (settings := config.models.get(entry.id)) is not None and settings.pinned:
        found.append(f"models.{entry.id}.pinned is true")
    return [ModelUse(UseKind.CONFIGURATION, detail) for detail in found]


def referenced_uses(references: Iterable[Reference], entry: ModelEntry) -> list[ModelUse]:
    """Return the references that name a model, one of its voices, or one of its wake words."""
    return [
        ModelUse(UseKind.REFERENCE, f"{reference.owner} uses {', '.join(names)}")
        for reference in references
        if (names := reference.uses_of(entry))
    ]


def unknown_names(reference: Reference, entries: Sequence[ModelEntry]) -> list[str]:
    """Return the names in a reference that no model of the catalog has."""
    ids = {entry.id for entry in entries}
    return [
        *(name for name in reference.models if name not in ids),
        *(name for name in reference.voices if not any(_has_voice(it, name) for it in entries)),
        *(
            name
            for name in reference.wake_words
            if not any(_has_wake_word(it, name) for it in entries)
        ),
    ]


def _has_voice(entry: ModelEntry, expression: str) -> bool:
    if entry.kind is not Task.TTS:
        return False
    names = set(voice_names(expression))
    return any(offer.name in names for offer in entry.offers)


def _has_wake_word(entry: ModelEntry, name: str) -> bool:
    return entry.kind is Task.WAKE and any(offer.name == name for offer in entry.offers)
