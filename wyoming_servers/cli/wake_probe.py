"""Runs wake word models on recordings, in worker processes of the command itself."""

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
from wyoming_servers.speech.wake.registry import (
    CustomWakeWords,
    RegisteredWakeWord,
    WakeWordRegistry,
)
from wyoming_servers.worker.interface import Worker
from wyoming_servers.worker.process import ProcessLauncher

_CHUNK_SECONDS: Final = 1.0
"""Audio per message to a worker."""

_STOP_SECONDS: Final = 5.0
"""Time for a worker to stop."""

_PADDING_SECONDS: Final = 1.0
"""Silence after a recording: the score peaks up to half a second after the word."""


@dataclass(slots=True)
class ProbeResult:
    """The scores and detections of one recording."""

    seconds: float = 0.0
    """Length of the recording."""
    scores: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By word: the time of each step in seconds, and the score."""
    detections: list[tuple[float, str, float]] = field(default_factory=list)
    """Time in seconds, word and score."""

    def best(self, word: str) -> tuple[float, float]:
        """Return the time and the value of the best score of a word."""
        return max(self.scores.get(word, ()), key=lambda item: item[1], default=(0.0, 0.0))

    def longest_run(self, word: str, threshold: float) -> int:
        """Return the most consecutive steps with at least this score; for `trigger_level`."""
        longest = current = 0
        for _, score in self.scores.get(word, ()):
            current = current + 1 if score >= threshold else 0
            longest = max(longest, current)
        return longest


class WakeProbe:
    """The loaded models of some wake words; call `process` for each recording."""

    def __init__(
        self,
        words: Sequence[RegisteredWakeWord],
        registry: WakeWordRegistry,
        refractory: float,
        threshold: float | None,
    ) -> None:
        """`threshold` replaces the configured thresholds of all words."""
        self.words = [word.info.name for word in words]
        self._words = words
        self._registry = registry
        self._refractory = refractory
        self._threshold = threshold
        self._workers: dict[str, Worker] = {}

    def threshold(self, word: str) -> float:
        """Return the score from which a word is detected."""
        return self._registry.threshold(word) if self._threshold is None else self._threshold

    async def start(self, on_status: Callable[[str], None]) -> None:
        """Load the models. Raises LoadFailedError."""
        for word in self._words:
            spec = word.spec
            if spec.id not in self._workers:
                on_status(f"loading {spec.id}")
                worker = await ProcessLauncher().launch(spec, spec.placements[0])
                self._workers[spec.id] = worker
                await worker.load(lambda phase, percent: None)

    async def stop(self) -> None:
        """Stop the workers."""
        await asyncio.gather(*(worker.stop(_STOP_SECONDS) for worker in self._workers.values()))

    async def process(self, pcm: bytes) -> ProbeResult:
        """Return the scores of a whole recording of 16 kHz mono speech."""
        padded = pcm + bytes(SPEECH_FORMAT.bytes_for(_PADDING_SECONDS))
        result = ProbeResult(SPEECH_FORMAT.seconds(len(pcm)), {word: [] for word in self.words})
        for model, worker in self._workers.items():
            names = [word.info.name for word in self._words if word.spec.id == model]
            request: dict[str, Any] = {
                "words": names,
                "threshold": {name: self.threshold(name) for name in names},
                "trigger_level": {name: self._registry.trigger_level(name) for name in names},
                "refractory": self._refractory,
                "scores": True,
            }
            async with worker.open(request, streaming=True) as run, asyncio.TaskGroup() as tasks:

                async def send() -> None:
                    step = SPEECH_FORMAT.bytes_for(_CHUNK_SECONDS)
                    for start in range(0, len(padded), step):
                        await run.send(padded[start : start + step])
                    await run.end()

                tasks.create_task(send())
                async for chunk in run:
                    _record_result(chunk.data, result)
        result.detections.sort()
        return result


async def probe_recordings(
    config: Config,
    clips: Mapping[Path, Wav],
    names: Sequence[str],
    threshold: float | None,
    on_status: Callable[[str], None],
) -> tuple[dict[Path, ProbeResult], WakeProbe]:
    """Process recordings with some words, or all installed words if `names` is empty.

    Raises the errors of `open_wake_probe`.
    """
    results = {}
    async with open_wake_probe(config, names, threshold, on_status) as probe:
        for number, (path, clip) in enumerate(clips.items(), 1):
            on_status(f"processing {number} of {len(clips)}: {path.name}")
            results[path] = await probe.process(await asyncio.to_thread(clip.speech))
    return results, probe


@asynccontextmanager
async def open_wake_probe(
    config: Config,
    names: Sequence[str],
    threshold: float | None,
    on_status: Callable[[str], None],
) -> AsyncIterator[WakeProbe]:
    """Yield a loaded probe for some words, or all installed words if `names` is empty.

    Raises ModelMissingError for an unknown word, LoadFailedError.
    """
    store = await ModelStore.open(config.data_dir, offline=True)
    for model in await store.embedded_models():
        if store.entry(model).kind is Task.WAKE:
            await store.ensure(model)
    specs = await asyncio.to_thread(model_specs, config, store)
    custom = await asyncio.to_thread(
        CustomWakeWords, wake_words_folder(config.data_dir, config.wake.models_dir)
    )
    registry = WakeWordRegistry(specs, ConfigHolder(config), custom)
    probe = WakeProbe(registry.find(names).words, registry, config.wake.refractory, threshold)
    try:
        await probe.start(on_status)
        yield probe
    finally:
        await probe.stop()


def find_recordings(paths: Sequence[Path]) -> list[Path]:
    """Return the given WAV files, and those in the given folders. Raises ModelMissingError."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.rglob("*.wav")) if path.is_dir() else [path]
    if not files:
        raise ModelMissingError("There is no .wav file.", hint="Name a recording or its folder.")
    return files


def _record_result(data: Any, result: ProbeResult) -> None:
    """Add one output of an engine; see `engines.base`."""
    sample = data.get("sample")
    if not isinstance(sample, int):
        raise InferenceFailedError("The engine sent a result without a position.")
    seconds = sample / SPEECH_FORMAT.rate
    if "scores" in data:
        for word, score in data["scores"].items():
            result.scores[word].append((seconds, score))
    else:
        result.detections.append((seconds, data["word"], data["score"]))
