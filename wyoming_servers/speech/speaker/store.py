"""The enrolled speakers: names and embeddings, in a private file of the data directory.

The file holds vectors, no audio, and is replaced as a whole, so that a crash loses at most the last
change. Deleting a speaker deletes the vectors.
"""

import asyncio
import base64
import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import BadRequestError, CapacityError, ConflictError, NotFoundError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import SpeakersChanged
from wyoming_servers.core.files import remove_file, write_private
from wyoming_servers.speech.speaker.scoring import Embedding

SPEAKERS_FILE: Final = "speakers.json"
"""In the data directory."""

MAX_SPEAKERS: Final = 50
MAX_SAMPLES: Final = 200
"""Of one speaker; the oldest are dropped."""

MAX_NAME: Final = 60
"""Characters."""

_FORMAT: Final = 1

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VoiceSample:
    """Some seconds of a voice."""

    model: str
    """Id of the model that computed the embedding; others cannot compare it."""
    embedding: Embedding
    seconds: float


@dataclass(frozen=True, slots=True)
class Speaker:
    """An enrolled speaker, or foreign speech that measures the thresholds of the others."""

    id: str
    name: str
    created: float
    """Seconds since 1970."""
    samples: tuple[VoiceSample, ...] = ()
    threshold: float | None = None
    """Set by the user; None: measured."""
    foreign: bool = False
    """Whether this is nobody of the home, such as the television: it is never recognized."""

    def embeddings(self, model: str) -> list[Embedding]:
        """Return the embeddings of one model."""
        return [sample.embedding for sample in self.samples if sample.model == model]


class SpeakerStore:
    """All speakers; reading is free, changes take effect at once."""

    def __init__(self, path: Path, bus: EventBus, clock: Clock) -> None:
        """Start without speakers; `open` reads the file."""
        self._path = path
        self._bus = bus
        self._clock = clock
        self.by_id: dict[str, Speaker] = {}
        """Replaced with every change; a plain attribute, because every utterance reads it."""
        self._lock = asyncio.Lock()
        self.revision = 0
        """Number of changes since the start."""

    @classmethod
    async def open(cls, path: Path, bus: EventBus, clock: Clock) -> Self:
        """Read the file; one that is missing or damaged counts as empty."""
        store = cls(path, bus, clock)
        store.by_id = await asyncio.to_thread(_read, path)
        return store

    def all(self) -> list[Speaker]:
        """Return every speaker, in the order of enrollment."""
        return list(self.by_id.values())

    def get(self, speaker: str) -> Speaker:
        """Return a speaker by id. Raises NotFoundError."""
        found = self.by_id.get(speaker)
        if found is None:
            raise NotFoundError(
                f"There is no speaker with the id {speaker[:40]!r}.",
                hint="`GET /speakers` lists the ids.",
            )
        return found

    async def add(self, name: str, *, foreign: bool = False) -> Speaker:
        """Add a speaker without samples.

        Raises BadRequestError, ConflictError for a name in use, CapacityError.
        """
        async with self._lock:
            if len(self.by_id) >= MAX_SPEAKERS:
                raise CapacityError(
                    f"{MAX_SPEAKERS} speakers are enrolled already.",
                    hint="Delete those that are not needed: DELETE /speakers/{id}.",
                )
            speaker = Speaker(
                id=secrets.token_hex(6),
                name=self._valid_name(name),
                created=self._clock.wall(),
                foreign=foreign,
            )
            await self._save({**self.by_id, speaker.id: speaker})
        return speaker

    async def add_samples(self, speaker: str, samples: Sequence[VoiceSample]) -> Speaker:
        """Add samples to a speaker. Raises NotFoundError, StorageError."""
        async with self._lock:
            found = self.get(speaker)
            kept = (*found.samples, *samples)[-MAX_SAMPLES:]
            return await self._replace(replace(found, samples=kept))

    async def update(
        self,
        speaker: str,
        *,
        name: str | None = None,
        threshold: float | None = None,
        measured: bool = False,
    ) -> Speaker:
        """Rename a speaker or set the threshold; `measured` removes the threshold.

        Raises NotFoundError, BadRequestError, ConflictError, StorageError.
        """
        async with self._lock:
            found = self.get(speaker)
            if name is not None:
                found = replace(found, name=self._valid_name(name, speaker))
            if threshold is not None or measured:
                found = replace(found, threshold=threshold)
            return await self._replace(found)

    async def remove(self, speaker: str) -> None:
        """Delete a speaker with all samples. Raises NotFoundError, StorageError."""
        async with self._lock:
            self.get(speaker)
            rest = {key: each for key, each in self.by_id.items() if key != speaker}
            await self._save(rest)

    async def clear(self) -> int:
        """Delete every speaker, files that were set aside included; return their number."""
        async with self._lock:
            count = len(self.by_id)
            await self._save({})
            return count

    async def _replace(self, speaker: Speaker) -> Speaker:
        await self._save({**self.by_id, speaker.id: speaker})
        return speaker

    async def _save(self, speakers: dict[str, Speaker]) -> None:
        if speakers:
            await asyncio.to_thread(write_private, self._path, _render(speakers))
        else:
            await asyncio.to_thread(_remove_all, self._path)
        self.by_id = speakers
        self.revision += 1
        count = sum(not each.foreign for each in speakers.values())
        self._bus.publish(SpeakersChanged(count=count))

    def _valid_name(self, name: str, speaker: str = "") -> str:
        name = " ".join(name.split())
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise BadRequestError(f"A name has 1 to {MAX_NAME} printable characters.")
        for each in self.by_id.values():
            if each.name.casefold() == name.casefold() and each.id != speaker:
                raise ConflictError(
                    f"{each.name} is enrolled already.",
                    hint=f"Add more speech to the speaker with the id {each.id}.",
                )
        return name


def is_speakers_file(content: bytes) -> bool:
    """Return whether a file has the content that `SpeakerStore` writes."""
    try:
        _parse(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return True


def _remove_all(path: Path) -> None:
    remove_file(path)
    for copy in path.parent.glob(f"{path.name}.broken-*"):
        remove_file(copy)


def _render(speakers: dict[str, Speaker]) -> str:
    return json.dumps(
        {
            "format": _FORMAT,
            "speakers": [
                {
                    "id": each.id,
                    "name": each.name,
                    "created": each.created,
                    "threshold": each.threshold,
                    "foreign": each.foreign,
                    "samples": [
                        {
                            "model": sample.model,
                            "seconds": round(sample.seconds, 2),
                            "embedding": base64.b64encode(
                                sample.embedding.astype("<f4").tobytes()
                            ).decode("ascii"),
                        }
                        for sample in each.samples
                    ],
                }
                for each in speakers.values()
            ],
        },
        ensure_ascii=False,
        indent=1,
    )


def _read(path: Path) -> dict[str, Speaker]:
    try:
        return _parse(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        _LOGGER.warning("The speakers in %s cannot be read: %s", path, err)
        return {}


def _parse(content: bytes) -> dict[str, Speaker]:
    document: dict[str, Any] = json.loads(content)
    if document["format"] != _FORMAT:
        raise ValueError("unknown format")
    speakers = {}
    for item in document["speakers"]:
        threshold = item["threshold"]
        speaker = Speaker(
            id=str(item["id"]),
            name=str(item["name"]),
            created=float(item["created"]),
            samples=tuple(_parse_sample(sample) for sample in item["samples"]),
            threshold=None if threshold is None else float(threshold),
            foreign=bool(item["foreign"]),
        )
        speakers[speaker.id] = speaker
    return speakers


def _parse_sample(item: dict[str, Any]) -> VoiceSample:
    vector = np.frombuffer(base64.b64decode(item["embedding"], validate=True), "<f4")
    if not vector.size or not np.isfinite(vector).all():
        raise ValueError("an embedding is not valid")
    return VoiceSample(str(item["model"]), vector.astype(np.float32), float(item["seconds"]))
