"""Wake words heard in recordings, by an engine in a worker process of this command's own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wyoming_servers.audio.wav import Wav
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    Task,
)
from wyoming_servers.core.errors import (
    InferenceFailedError,
    ModelMissingError,
)
from wyoming_servers.data_dir.wake_word_files import wake_words_folder
from wyoming_servers.models.specs import model_specs
from wyoming_servers.models.store import ModelStore
from wyoming_servers.speech.wake.custom_words import CustomWakeWords
from wyoming_servers.speech.wake.registry import (
    RegisteredWakeWord,
    WakeWordRegistry,
)
from wyoming_servers.worker.interface import Worker
from wyoming_servers.worker.process import ProcessLauncher

_CHUNK_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 5.0
_PADDING_SECONDS: Final = 1.0
"""Silence put behind a recording: a score peaks up to half a second after its word."""


@dataclass(slots=True)
class ProbeResult:
    """What was made of one recording."""

    seconds: float = 0.0
    """Its length."""
    scores: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By word: seconds into the recording, and the score there, step by step."""
    detections: list[tuple[float, str, float]] = field(default_factory=list)
    """Seconds into the recording, word and score."""

    @property
    def last_score_time(self) -> float:
        """When the last score was made, in seconds; a little after the recording's end."""
        return max((scores[-1][0] for scores in self.scores.values() if scores), default=0.0)

    def peak(self, word: str) -> float:
        """Return the best score of a word."""
        return max((score for _, score in self.scores.get(word, ())), default=0.0)


class WakeProbe:
    """The workers that hear the words asked for; `hear` as many recordings as you like."""

    def __init__(
        self,
        words: Sequence[RegisteredWakeWord],
        book: WakeWordRegistry,
        refractory: float,
        threshold: float | None,
    ) -> None:
        self.words = [word.info.name for word in words]
        self._words = words
        self._book = book
        self._refractory = refractory
        self._threshold = threshold
        self._workers: dict[str, Worker] = {}

    def threshold(self, word: str) -> float:
        """Return the score from which a word is detected here."""
        return self._book.threshold(word) if self._threshold is None else self._threshold

    async def start(self, on_status: Callable[[str], None]) -> None:
        """Load the models. Raises LoadFailedError."""
        for word in self._words:
            spec = word.spec
            if spec.id not in self._workers:
                on_status(f"loading {spec.id}")
                placement = spec.placements[0]
                worker = await ProcessLauncher().launch(spec, placement)
                self._workers[spec.id] = worker
                await worker.load(lambda phase, percent: None)

    async def stop(self) -> None:
        """End the workers."""
        await asyncio.gather(*(worker.stop(_STOP_SECONDS) for worker in self._workers.values()))

    async def process(self, pcm: bytes) -> ProbeResult:
        """Hear a whole recording of 16 kHz speech, as fast as it goes."""
        padded = pcm + bytes(SPEECH_FORMAT.bytes_for(_PADDING_SECONDS))
        heard = ProbeResult(SPEECH_FORMAT.seconds(len(pcm)), {word: [] for word in self.words})
        for model, worker in self._workers.items():
            names = [word.info.name for word in self._words if word.spec.id == model]
            request: dict[str, Any] = {
                "words": names,
                "threshold": {name: self.threshold(name) for name in names},
                "trigger_level": {name: self._book.trigger_level(name) for name in names},
                "refractory": self._refractory,
                "scores": True,
            }
            async with worker.open(request, streaming=True) as run, asyncio.TaskGroup() as tasks:

                async def send() -> None:
                    step = SPEECH_FORMAT.bytes_for(_CHUNK_SECONDS)
                    for at in range(0, len(padded), step):
                        await run.send(padded[at : at + step])
                    await run.end()

                tasks.create_task(send())
                async for chunk in run:
                    _record_result(chunk.data, heard)
        heard.detections.sort()
        return heard


async def probe_recordings(
    config: Config,
    clips: Mapping[Path, Wav],
    names: Sequence[str],
    threshold: float | None,
    on_status: Callable[[str], None],
) -> tuple[dict[Path, ProbeResult], WakeProbe]:
    """Hear every recording; all words that are offered without names. Raises as `listeners`."""
    results = {}
    async with open_wake_probe(config, names, threshold, on_status) as found:
        for number, (path, clip) in enumerate(clips.items(), 1):
            on_status(f"hearing {number} of {len(clips)}: {path.name}")
            results[path] = await found.process(await asyncio.to_thread(clip.speech))
    return results, found


@asynccontextmanager
async def open_wake_probe(
    config: Config,
    names: Sequence[str],
    threshold: float | None,
    on_status: Callable[[str], None],
) -> AsyncIterator[WakeProbe]:
    """Give the listeners for some words; all that are offered without names.

    Raises ModelMissingError for a word that is not there, LoadFailedError.
    """
    store = await ModelStore.open(config.data_dir, offline=True)
    for model in await store.embedded_models():
        if store.entry(model).kind is Task.WAKE:
            await store.ensure(model)
    specs = await asyncio.to_thread(model_specs, config, store)
    own = await asyncio.to_thread(
        CustomWakeWords, wake_words_folder(config.data_dir, config.wake.models_dir)
    )
    book = WakeWordRegistry(specs, ConfigHolder(config), own)
    found = WakeProbe(book.find(names), book, config.wake.refractory, threshold)
    try:
        await found.start(on_status)
        yield found
    finally:
        await found.stop()


def find_recordings(paths: Sequence[Path]) -> list[Path]:
    """Return the WAV files named, and those below the folders named. Raises ModelMissingError."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.rglob("*.wav")) if path.is_dir() else [path]
    if not files:
        raise ModelMissingError("There is no .wav file.", hint="Name a recording or its folder.")
    return files


def _record_result(data: Any, heard: ProbeResult) -> None:
    """Take what an engine tells; see `engines.base`."""
    sample = data.get("sample")
    if not isinstance(sample, int):
        raise InferenceFailedError("The engine told something without its place.")
    at = sample / SPEECH_FORMAT.rate
    if "scores" in data:
        for word, score in data["scores"].items():
            heard.scores[word].append((at, score))
    else:
        heard.detections.append((at, data["word"], data["score"]))
