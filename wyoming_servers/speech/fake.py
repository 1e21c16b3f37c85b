"""A coordinator without worker processes, for tests and for running the edges alone."""

import asyncio
import math
from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.audio.pcm import rms_dbfs
from wyoming_servers.audio.vad import FRAME_SECONDS, WINDOW_SAMPLES, VadFrame
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    ModelSpec,
    ModelState,
    Placement,
    Priority,
    Task,
    VoiceInfo,
    WakeWordInfo,
)
from wyoming_servers.core.errors import (
    ConductorError,
    ModelMissingError,
)
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.scheduling.lease import LoadedModelInfo
from wyoming_servers.scheduling.status import ModelStatus, ModelUsage, Snapshot
from wyoming_servers.worker.interface import OutputChunk

LOUD_DBFS: Final = -30.0
"""RMS level from which LoudnessVad reports speech."""

SPECS: Final[Mapping[str, ModelSpec]] = {
    spec.id: spec
    for spec in (
        ModelSpec("asr/english", Task.ASR, "fake", languages=("en",)),
        ModelSpec("asr/many", Task.ASR, "fake", languages=("en", "de", "zh", "no")),
        ModelSpec(
            "tts/joe",
            Task.TTS,
            "fake",
            voices=(VoiceInfo("en_US-joe", "Joe", ("en_US",), speakers=("Low", "high")),),
        ),
        ModelSpec(
            "tts/others",
            Task.TTS,
            "fake",
            voices=(
                VoiceInfo("de_DE-eva", "Eva", ("de_DE",)),
                VoiceInfo("en_GB-amy", "Amy", ("en_GB",)),
            ),
        ),
        ModelSpec(
            "wake/words",
            Task.WAKE,
            "fake",
            wake_words=(
                WakeWordInfo("hey_jarvis", "Hey Jarvis", ("en",), "hey jarvis"),
                WakeWordInfo("alexa", "Alexa", ("en",), "alexa"),
            ),
        ),
    )
}
"""Models for a FakeCoordinator."""

FakeInference = Callable[["ScriptedRun"], AsyncIterator[OutputChunk]]
"""One inference: reads the run's input, yields its output and sets its `answer`."""


class ScriptedRun:
    """A run whose inference is a generator that the test supplies."""

    def __init__(
        self,
        inference: FakeInference,
        request: Mapping[str, Any],
        payload: bytes,
        priority: Priority | None = None,
    ) -> None:
        self.request = dict(request)
        self.priority = priority
        self.answer: dict[str, Any] = {}
        self.received = bytearray(payload)
        """All input so far."""
        self.sent_chunks: list[tuple[bytes, Mapping[str, Any]]] = []
        """The input of a streaming run, chunk by chunk."""
        self.cancelled = False
        """Whether the caller left before the end."""
        self._input: asyncio.Queue[tuple[bytes, Mapping[str, Any]] | None] = asyncio.Queue()
        self._inference = inference
        self._finished = False

    async def send(self, payload: bytes, data: Mapping[str, Any] | None = None) -> None:
        chunk = (payload, data or {})
        self.received += payload
        self.sent_chunks.append(chunk)
        self._input.put_nowait(chunk)
        await asyncio.sleep(0)

    async def end(self) -> None:
        self._input.put_nowait(None)

    async def input(self) -> AsyncIterator[tuple[bytes, Mapping[str, Any]]]:
        """For the inference: the chunks as they arrive, until the input ends."""
        while (chunk := await self._input.get()) is not None:
            yield chunk

    async def __aiter__(self) -> AsyncIterator[OutputChunk]:
        async for chunk in self._inference(self):
            yield chunk
        self._finished = True

    async def result(self) -> Mapping[str, Any]:
        if not self._finished:
            async for _ in self:
                pass
        return self.answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancelled = not self._finished


class LoudnessVad:
    """Reports loud audio as speech, so that tests can use square waves."""

    def __init__(self) -> None:
        self._rest = b""
        self._time = 0.0
        self.closed = False

    async def analyze(self, pcm: bytes) -> list[VadFrame]:
        data = self._rest + pcm
        size = WINDOW_SAMPLES * SPEECH_FORMAT.width
        frames = []
        while len(data) >= size:
            window, data = data[:size], data[size:]
            self._time += FRAME_SECONDS
            frames.append(VadFrame(self._time, 1.0 if rms_dbfs(window) > LOUD_DBFS else 0.0))
        self._rest = data
        return frames

    def close(self) -> None:
        self.closed = True


class FakeLease:
    """A lease whose runs are scripted."""

    def __init__(self, spec: ModelSpec, owner: "FakeCoordinator") -> None:
        self.spec = spec
        self.placement = Placement()
        self.info = LoadedModelInfo(spec.id, owner.info.get(spec.task, {}))
        self._owner = owner

    def open(
        self,
        request: Mapping[str, Any],
        *,
        payload: bytes = b"",
        streaming: bool = False,
        priority: Priority | None = None,
    ) -> ScriptedRun:
        run = ScriptedRun(self._owner.inferences[self.spec.task], request, payload, priority)
        self._owner.runs.append(run)
        return run


class FakeCoordinator:
    """Grants leases at once, or when `gate` is set, and records what is requested."""

    def __init__(self, specs: Mapping[str, ModelSpec]) -> None:
        self.specs = specs
        self.active_leases = 0
        """Leases that were granted and not released."""
        self.waiting = 0
        """Requests that wait for the gate."""
        self.accepting = True
        self.leased: list[str] = []
        self.prefetched: list[tuple[str, str]] = []
        self.runs: list[ScriptedRun] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.lease_errors: list[ConductorError] = []
        """Errors that the next leases raise, one each."""
        self.inferences: dict[Task, FakeInference] = {
            Task.ASR: transcribe_duration,
            Task.TTS: synthesize_tone,
            Task.WAKE: detect_loud_sound,
            Task.SPEAKER: embed_level,
        }
        self.info: dict[Task, Mapping[str, Any]] = {Task.TTS: {"sample_rate": 16_000}}
        self.usage: dict[str, ModelUsage] = {}
        """What `model_usage` returns; call `notify_changed` after a change of any of these."""
        self.memory_critical = False
        self.serving_speech = False
        """What `wait_idle` waits for, in addition to leases and the gate."""
        self.devices_freeing_memory: set[str] = set()
        """Devices for which `memory_returned` waits."""
        self._changed = asyncio.Event()

    def lease(
        self,
        model: str,
        *,
        priority: Priority | None = None,
        client: str = "",
    ) -> AbstractAsyncContextManager[Lease]:
        return self._lease(model)

    @asynccontextmanager
    async def _lease(self, model: str) -> AsyncIterator[Lease]:
        if model not in self.specs:
            raise ModelMissingError(f"There is no model {model!r}.")
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        if self.lease_errors:
            raise self.lease_errors.pop(0)
        self.active_leases += 1
        self.leased.append(model)
        try:
            yield FakeLease(self.specs[model], self)
        finally:
            self.active_leases -= 1
            self.notify_changed()

    def prefetch(self, model: str, reason: str) -> None:
        self.prefetched.append((model, reason))

    async def load(self, model: str) -> bool:
        self.prefetched.append((model, "operator"))
        return True

    async def unload(self, model: str) -> bool:
        return model in self.specs

    async def wait_ready(self, model: str) -> None:
        if model not in self.specs:
            raise ModelMissingError(f"There is no model {model!r}.")
        await self.gate.wait()

    def set_accepting(self, accepting: bool) -> None:
        self.accepting = accepting
        self.notify_changed()

    def snapshot(self) -> Snapshot:
        models = tuple(
            ModelStatus(spec, ModelState.READY, spec.placements[0]) for spec in self.specs.values()
        )
        return Snapshot(models, (), self.waiting, accepting=self.accepting)

    def model_usage(self, model: str) -> ModelUsage:
        return self.usage.get(model, ModelUsage())

    def is_memory_critical(self) -> bool:
        return self.memory_critical

    def notify_changed(self) -> None:
        """For tests: wake everything that waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        await self._changed.wait()

    async def wait_accepting(self) -> None:
        while not self.accepting:
            await self.changed()

    async def wait_idle(self, timeout: float | None = None) -> bool:
        while self.serving_speech or self.active_leases or self.waiting:
            await self.changed()
        return True

    async def memory_returned(self, device: str) -> None:
        while device in self.devices_freeing_memory:
            await self.changed()


async def transcribe_duration(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    """Speech-to-text whose transcript is the length of the audio."""
    async for _ in run.input():
        pass
    seconds = len(run.received) / 32_000
    run.answer = {"text": f" {seconds:.1f} seconds", "language": run.request["language"] or "en"}
    yield OutputChunk({"start": 0.0, "end": seconds, "text": run.answer["text"]})


async def synthesize_tone(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    """A voice that returns 500 samples for each character, in two chunks."""
    samples = 500 * len(run.request["text"])
    half = samples // 2
    for count in (half, samples - half):
        await asyncio.sleep(0)
        yield OutputChunk({}, b"\x10\x20" * count)
    run.answer = {"samples": samples}


async def embed_level(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    """A speaker model for which the louder a voice is, the larger is its angle."""
    if run.received:
        yield _level_embedding(run.received)
    else:
        async for _ in run.input():
            yield _level_embedding(run.received)
    run.answer = {"seconds": SPEECH_FORMAT.seconds(len(run.received))}


def _level_embedding(audio: bytes | bytearray) -> OutputChunk:
    peak = max(map(abs, array("h", bytes(audio[: len(audio) // 2 * 2]))), default=0)
    angle = math.pi / 2 * min(1.0, peak / 32_768)
    vector = array("f", (math.cos(angle), math.sin(angle)))
    return OutputChunk({"seconds": SPEECH_FORMAT.seconds(len(audio))}, vector.tobytes())


async def detect_loud_sound(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    """A wake word model that detects the first word in every chunk with a loud first sample."""
    samples = 0
    async for audio, data in run.input():
        if audio and abs(int.from_bytes(audio[:2], "little", signed=True)) > 8_000:
            word = run.request["words"][0]
            chunk = {"word": word, "score": 0.9, "timestamp": data.get("timestamp")}
            yield OutputChunk(chunk | {"sample": samples})
        samples += len(audio) // 2
    run.answer = {"samples": samples}
