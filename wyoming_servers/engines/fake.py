"""An engine without a model that can fail on request; for tests of everything around engines.

It runs in a real worker process and returns plausible results: speech-to-text returns `text`
unless the audio is all zeros, text-to-speech hums for as long as the text would take to speak, and
a wake word is detected where the audio contains its name in ASCII. The fields of `FakeBehavior`
are set by load options, or for one run by `fake` in its request.
"""

import math
import os
import signal
import sys
import time
from array import array
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, NoReturn

from wyoming_servers.core.domain import SPEECH_FORMAT, ModelSpec, Placement, Task
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.engines.base import FinishedRun, Output, ReportProgress, Session

_SECONDS_PER_CHARACTER: Final = 0.06
"""Length of the speech for one character."""

_PITCH: Final = 110
"""Of the synthesized hum, in Hz."""

_SCORE: Final = 0.99


@dataclass(frozen=True, slots=True)
class FakeBehavior:
    """How the engine behaves; every field can be set as a load option."""

    load_seconds: float = 0.0
    load_error: str = ""
    """A name in `FAILURES`, triggered at the end of the load."""
    memory_bytes: int = 0
    """Memory that the loaded model occupies."""
    sample_rate: int = 22_050
    """Of the voice, in Hz."""
    words: tuple[str, ...] = ("hey_jarvis", "alexa")
    probability: float = 0.99
    """That the speaker has finished."""
    batch: int = 1
    """Maximum number of runs in one step."""
    text: str = "turn on the kitchen light"
    """Transcript of any audio that is not all zeros."""
    language: str = "en"
    chunks: int = 2
    """Steps, and output chunks, between the end of the input and the result."""
    chunk_seconds: float = 0.0
    """Duration of each step, which cannot be interrupted."""
    failure: str = ""
    """A name in `FAILURES`, triggered during a run."""
    failure_step: int = 0
    """The step of a run at which `failure` is triggered, from 0; each chunk of input is a step."""
    once_file: str = ""
    """Path of a file that limits failures, at load or in a run, to one: the process that deletes
    the file fails, and without the file nothing fails."""

    def with_options(self, options: Mapping[str, Any]) -> "FakeBehavior":
        """Return a copy with these fields set. Raises BadRequestError for an unknown field."""
        names = {item.name for item in fields(self)}
        if unknown := set(options) - names:
            raise BadRequestError(f"The fake engine has no option {min(unknown)!r}.")
        chosen = dict(options)
        if "words" in chosen:
            chosen["words"] = tuple(chosen["words"])
        return replace(self, **chosen)


class FakeEngine:
    """Implements `Engine`, `SupportsBatchFeed` and `SupportsBatchFinish` for all tasks."""

    def __init__(self) -> None:
        self._behavior = FakeBehavior()
        self._task = Task.ASR
        self._memory = b""

    @property
    def feed_limit(self) -> int:
        """Maximum number of runs fed in one step."""
        return self._behavior.batch

    @property
    def finish_limit(self) -> int:
        """Maximum number of runs finished in one step."""
        return self._behavior.batch

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        self._behavior = behavior = FakeBehavior().with_options(spec.options)
        self._task = spec.task
        progress("load", 0)
        time.sleep(behavior.load_seconds)
        # Not zeros: Linux backs zero pages with memory only when they are written.
        self._memory = b"\x5a" * behavior.memory_bytes
        if behavior.load_error and _armed(behavior.once_file):
            FAILURES[behavior.load_error]()
        progress("load", 100)
        return {
            "device": placement.device,
            "pid": os.getpid(),
            "sample_rate": behavior.sample_rate,
            "speakers": [],
            "words": list(behavior.words),
        }

    def warm_up(self) -> None:
        session = self.open({"text": "a", "fake": {"failure": "", "chunk_seconds": 0.0}})
        for _ in session.finish():
            pass
        session.close()

    def open(self, request: Mapping[str, Any]) -> Session:
        behavior = self._behavior.with_options(request.get("fake", {}))
        return _SESSIONS[self._task](request, behavior)

    def feed_batch(
        self, chunks: Sequence[tuple[Session, bytes, Mapping[str, Any]]]
    ) -> Sequence[Iterable[Output] | Exception]:
        return [list(session.feed(payload, data)) for session, payload, data in chunks]

    def finish_batch(self, sessions: Sequence[Session]) -> Sequence[FinishedRun | Exception]:
        return [_drain(session, len(sessions)) for session in sessions]

    def close(self) -> None:
        self._memory = b""


def _drain(session: Session, batch_size: int) -> FinishedRun | Exception:
    outputs, steps = [], session.finish()
    try:
        while True:
            outputs.append(next(steps))
    except StopIteration as end:
        return FinishedRun({**end.value, "batch_size": batch_size}, outputs)
    except RuntimeError as err:
        return err


class _FakeSession:
    """Counts the input and the steps of a run, and triggers its failure."""

    def __init__(self, request: Mapping[str, Any], behavior: FakeBehavior) -> None:
        self.request = request
        self.behavior = behavior
        self.size = 0
        self.silent = True
        self._steps = 0

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        self.run_step(0.0)
        self.size += len(payload)
        self.silent = self.silent and not any(payload)
        return ()

    def run_step(self, seconds: float) -> None:
        """Sleep for so many seconds; trigger the failure if this is its step."""
        behavior = self.behavior
        step, self._steps = self._steps, self._steps + 1
        if behavior.failure and step == behavior.failure_step and _armed(behavior.once_file):
            FAILURES[behavior.failure]()
        if seconds:
            time.sleep(seconds)

    def close(self) -> None:
        pass


class _FakeTranscription(_FakeSession):
    """Speech to text."""

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        behavior = self.behavior
        text = "" if self.silent else behavior.text
        seconds = SPEECH_FORMAT.seconds(self.size)
        words = text.split()
        count = max(1, behavior.chunks)
        for index in range(count):
            self.run_step(behavior.chunk_seconds)
            segment = words[index * len(words) // count : (index + 1) * len(words) // count]
            if segment:
                start, end = seconds * index / count, seconds * (index + 1) / count
                yield Output({"start": start, "end": end, "text": " ".join(segment)})
        return {
            "text": text,
            "language": self.request.get("language") or behavior.language,
            "language_probability": 1.0,
            "duration": seconds,
        }


class _FakeSynthesis(_FakeSession):
    """Text to speech."""

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        behavior = self.behavior
        text = self.request.get("text")
        if not isinstance(text, str):
            raise BadRequestError("The request has no text.")
        rate = behavior.sample_rate
        speed = float(self.request.get("speed") or 1.0)
        samples = int(len(text) * _SECONDS_PER_CHARACTER / speed * rate)
        count = max(1, behavior.chunks)
        for index in range(count):
            self.run_step(behavior.chunk_seconds)
            start, end = samples * index // count, samples * (index + 1) // count
            if end > start:
                yield Output(payload=_sawtooth(rate, start, end))
        return {"samples": samples}


class _FakeTurnAnalysis(_FakeSession):
    """End of the turn."""

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        self.run_step(self.behavior.chunk_seconds)
        yield from ()
        return {"probability": self.behavior.probability}


class _FakeWakeDetection(_FakeSession):
    """Wake word detection."""

    def __init__(self, request: Mapping[str, Any], behavior: FakeBehavior) -> None:
        super().__init__(request, behavior)
        self._words = [str(word) for word in request.get("words") or behavior.words]
        self._tail = b""
        self._refractory_until = dict.fromkeys(self._words, 0)

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        self.run_step(0.0)
        audio, begin = self._tail + payload, self.size - len(self._tail)
        matches = sorted(
            (begin + at + len(word), word)
            for word in self._words
            if (at := audio.find(word.encode())) >= 0
        )
        first = self.size // SPEECH_FORMAT.frame_bytes
        self.size += len(payload)
        longest = max((len(word) for word in self._words), default=1)
        self._tail = audio[len(audio) - longest + 1 :] if longest > 1 else b""
        stamp = data.get("timestamp")
        for end, word in matches:
            sample = end // SPEECH_FORMAT.frame_bytes
            if sample < self._refractory_until[word] or not self._reaches_threshold(word):
                continue
            pause = float(self.request.get("refractory") or 0.0)
            self._refractory_until[word] = sample + max(1, int(pause * SPEECH_FORMAT.rate))
            offset = (sample - first) * 1_000 // SPEECH_FORMAT.rate
            timestamp = None if stamp is None else int(stamp) + offset
            yield Output({"word": word, "score": _SCORE, "timestamp": timestamp, "sample": sample})

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        self.run_step(0.0)
        yield from ()
        return {"samples": self.size // SPEECH_FORMAT.frame_bytes}

    def _reaches_threshold(self, word: str) -> bool:
        threshold = self.request.get("threshold", 0.5)
        if isinstance(threshold, Mapping):
            threshold = threshold.get(word, 0.5)
        return float(threshold) <= _SCORE


class _FakeEmbedding(_FakeSession):
    """Speaker embeddings: the louder the voice, the larger its angle."""

    def __init__(self, request: Mapping[str, Any], behavior: FakeBehavior) -> None:
        super().__init__(request, behavior)
        self._peak = 0

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        super().feed(payload, data)
        samples = array("h", payload[: len(payload) // 2 * 2])
        self._peak = max(self._peak, max(map(abs, samples), default=0))
        if self._peak:
            yield self._output()

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        self.run_step(0.0)
        yield from ()
        return {"seconds": SPEECH_FORMAT.seconds(self.size)}

    def _output(self) -> Output:
        angle = math.pi / 2 * min(1.0, self._peak / 32_768)
        vector = array("f", (math.cos(angle), math.sin(angle)))
        return Output({"seconds": SPEECH_FORMAT.seconds(self.size)}, vector.tobytes())


_SESSIONS: Final[Mapping[Task, Callable[[Mapping[str, Any], FakeBehavior], Session]]] = {
    Task.ASR: _FakeTranscription,
    Task.TTS: _FakeSynthesis,
    Task.WAKE: _FakeWakeDetection,
    Task.TURN: _FakeTurnAnalysis,
    Task.SPEAKER: _FakeEmbedding,
}


def _sawtooth(rate: int, start: int, end: int) -> bytes:
    """Return the samples from `start` to `end` of a sawtooth with peaks of -18 dBFS."""
    period = max(2, rate // _PITCH)
    wave = array("h", (n * 8_000 // period - 4_000 for n in range(period))).tobytes()
    first = start % period
    repeated = wave * ((first + end - start) // period + 1)
    return repeated[2 * first : 2 * (first + end - start)]


def _armed(once_file: str) -> bool:
    """Whether to fail: no `once_file` is set, or this process is the one that deletes it."""
    if not once_file:
        return True
    try:
        Path(once_file).unlink()
    except FileNotFoundError:
        return False
    return True


def _fail() -> NoReturn:
    raise RuntimeError("The fake engine was told to fail.")


def _run_out_of_memory() -> NoReturn:
    raise MemoryError("The fake engine was told to find no memory.")


def _run_out_of_gpu_memory() -> NoReturn:
    raise RuntimeError("CUDA failed with error out of memory")


def _lose_device() -> NoReturn:
    raise RuntimeError("CUDA failed with error unspecified launch failure")


def _hang() -> NoReturn:
    sys.stderr.write("The fake engine hangs.\n")
    while True:
        time.sleep(3_600)


def _write_garbage() -> None:
    """Write to the worker's pipe, like a faulty library that uses a wrong file descriptor."""
    os.write(int(sys.argv[sys.argv.index("--fd") + 1]), b"\x00garbage\n" * 100)


FAILURES: Final[Mapping[str, Callable[[], object]]] = {
    "raise": _fail,
    "memory": _run_out_of_memory,
    "gpu memory": _run_out_of_gpu_memory,
    "device": _lose_device,
    "exit": lambda: os._exit(1),
    "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "freeze": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "hang": _hang,
    "garbage": _write_garbage,
}
"""Ways to fail: exceptions, exits of the process, and calls that never return."""
