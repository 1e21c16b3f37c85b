"""An engine without a model, for tests of everything around engines; it can fail in every way.

It runs in a real worker process and answers as plausibly as it can: speech-to-text says `text`
unless the audio is all zeros, text-to-speech hums for as long as the text would take, and a wake
word is heard where the audio contains its name in ASCII. Load options, and `fake` in a request
for that run alone, set the fields of `Behaviour`.
"""

import os
import signal
import sys
import time
from array import array
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, NoReturn

from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.engines.base import FinishedRun, Output, ReportProgress, Session

_SECONDS_PER_CHARACTER: Final = 0.06
"""How long a character takes to say."""

_PITCH: Final = 110
"""Pitch of the fake voice, in Hz."""

_SCORE: Final = 0.99


@dataclass(frozen=True, slots=True)
class FakeBehavior:
    """What the engine does; every field can be set as a load option."""

    load_seconds: float = 0.0
    load_error: str = ""
    """A name in `MISHAPS` that happens at the end of the load."""
    memory_bytes: int = 0
    """Memory that the loaded model holds."""
    sample_rate: int = 22_050
    """Of the voice, in Hz."""
    words: tuple[str, ...] = ("hey_jarvis", "alexa")
    batch: int = 1
    """Most runs in one step."""
    text: str = "turn on the kitchen light"
    """What is heard in any audio that is not all zeros."""
    language: str = "en"
    chunks: int = 2
    """Steps, and chunks, from the end of the input to the result."""
    chunk_seconds: float = 0.0
    """How long each step takes; it cannot be interrupted."""
    mishap: str = ""
    """A name in `MISHAPS`."""
    mishap_at: int = 0
    """The step of a run in which the mishap happens, counted from 0; pieces of input count too."""
    fuse: str = ""
    """Path of a file: a mishap, at load or in a run, happens only if it is there, and removes it.
    So it happens once, whichever process comes first."""

    def with_options(self, options: Mapping[str, Any]) -> "FakeBehavior":
        """Return a copy with the known options set. Raises BadRequestError for wrong names."""
        names = {item.name for item in fields(self)}
        if unknown := set(options) - names:
            raise BadRequestError(f"The fake engine has no option {min(unknown)!r}.")
        chosen = dict(options)
        if "words" in chosen:
            chosen["words"] = tuple(chosen["words"])
        return replace(self, **chosen)


class FakeEngine:
    """See the module."""

    def __init__(self) -> None:
        self._behaviour = FakeBehavior()
        self._kind = Task.ASR
        self._memory = b""

    @property
    def feed_limit(self) -> int:
        """Most runs that are fed in one step."""
        return self._behaviour.batch

    @property
    def finish_limit(self) -> int:
        """Most runs that are finished in one step."""
        return self._behaviour.batch

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        self._behaviour = behaviour = FakeBehavior().with_options(spec.options)
        self._kind = spec.task
        progress("load", 0)
        time.sleep(behaviour.load_seconds)
        # Not zeros, which Linux gives without giving memory.
        self._memory = b"\x5a" * behaviour.memory_bytes
        if behaviour.load_error and _armed(behaviour.fuse):
            FAILURES[behaviour.load_error]()
        progress("load", 100)
        return {
            "device": placement.device,
            "pid": os.getpid(),
            "sample_rate": behaviour.sample_rate,
            "speakers": [],
            "words": list(behaviour.words),
        }

    def warm_up(self) -> None:
        session = self.open({"text": "a", "fake": {"mishap": "", "chunk_seconds": 0.0}})
        for _ in session.finish():
            pass
        session.close()

    def open(self, request: Mapping[str, Any]) -> Session:
        behaviour = self._behaviour.with_options(request.get("fake", {}))
        return _SESSIONS[self._kind](request, behaviour)

    def feed_batch(
        self, pieces: Sequence[tuple[Session, bytes, Mapping[str, Any]]]
    ) -> Sequence[Iterable[Output] | Exception]:
        return [list(session.feed(payload, data)) for session, payload, data in pieces]

    def finish_batch(self, sessions: Sequence[Session]) -> Sequence[FinishedRun | Exception]:
        return [_drain(session, len(sessions)) for session in sessions]

    def close(self) -> None:
        self._memory = b""


def _drain(session: Session, together: int) -> FinishedRun | Exception:
    outputs, steps = [], session.finish()
    try:
        while True:
            outputs.append(next(steps))
    except StopIteration as end:
        return FinishedRun({**end.value, "together": together}, outputs)
    except RuntimeError as err:
        return err


class _FakeSession:
    """What the three kinds of run share: the input, and the steps that may go wrong."""

    def __init__(self, request: Mapping[str, Any], behaviour: FakeBehavior) -> None:
        self.request = request
        self.behaviour = behaviour
        self.size = 0
        self.silent = True
        self._steps = 0

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        self.run_step(0.0)
        self.size += len(payload)
        self.silent = self.silent and not any(payload)
        return ()

    def run_step(self, seconds: float) -> None:
        """Work for a while, or have the mishap that is due."""
        at, self._steps = self._steps, self._steps + 1
        if self.behaviour.mishap and at == self.behaviour.mishap_at and _armed(self.behaviour.fuse):
            FAILURES[self.behaviour.mishap]()
        if seconds:
            time.sleep(seconds)

    def close(self) -> None:
        pass


class _FakeTranscription(_FakeSession):
    """Speech to text."""

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        behaviour = self.behaviour
        text = "" if self.silent else behaviour.text
        seconds = SPEECH_FORMAT.seconds(self.size)
        words = text.split()
        parts = max(1, behaviour.chunks)
        for part in range(parts):
            self.run_step(behaviour.chunk_seconds)
            said = words[part * len(words) // parts : (part + 1) * len(words) // parts]
            if said:
                start, end = seconds * part / parts, seconds * (part + 1) / parts
                yield Output({"start": start, "end": end, "text": " ".join(said)})
        return {
            "text": text,
            "language": self.request.get("language") or behaviour.language,
            "language_probability": 1.0,
            "duration": seconds,
        }


class _FakeSynthesis(_FakeSession):
    """Text to speech."""

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        behaviour = self.behaviour
        text = self.request.get("text")
        if not isinstance(text, str):
            raise BadRequestError("There is no text to say.")
        rate = behaviour.sample_rate
        speed = float(self.request.get("speed") or 1.0)
        samples = int(len(text) * _SECONDS_PER_CHARACTER / speed * rate)
        parts = max(1, behaviour.chunks)
        for part in range(parts):
            self.run_step(behaviour.chunk_seconds)
            start, end = samples * part // parts, samples * (part + 1) // parts
            if end > start:
                yield Output(payload=_sawtooth(rate, start, end))
        return {"samples": samples}


class _FakeWakeDetection(_FakeSession):
    """Wake words."""

    def __init__(self, request: Mapping[str, Any], behaviour: FakeBehavior) -> None:
        super().__init__(request, behaviour)
        self._words = [str(word) for word in request.get("words") or behaviour.words]
        self._tail = b""
        self._refractory_until = dict.fromkeys(self._words, 0)

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        self.run_step(0.0)
        heard, begin = self._tail + payload, self.size - len(self._tail)
        found = sorted(
            (begin + at + len(word), word)
            for word in self._words
            if (at := heard.find(word.encode())) >= 0
        )
        first = self.size // SPEECH_FORMAT.frame_bytes
        self.size += len(payload)
        longest = max((len(word) for word in self._words), default=1)
        self._tail = heard[len(heard) - longest + 1 :] if longest > 1 else b""
        stamp = data.get("timestamp")
        for end, word in found:
            sample = end // SPEECH_FORMAT.frame_bytes
            if sample < self._refractory_until[word] or not self._reaches_threshold(word):
                continue
            pause = float(self.request.get("refractory") or 0.0)
            self._refractory_until[word] = sample + max(1, int(pause * SPEECH_FORMAT.rate))
            ahead = (sample - first) * 1_000 // SPEECH_FORMAT.rate
            timestamp = None if stamp is None else int(stamp) + ahead
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


_SESSIONS: Final[Mapping[Task, Callable[[Mapping[str, Any], FakeBehavior], Session]]] = {
    Task.ASR: _FakeTranscription,
    Task.TTS: _FakeSynthesis,
    Task.WAKE: _FakeWakeDetection,
}


def _sawtooth(rate: int, start: int, end: int) -> bytes:
    """A sawtooth at a comfortable loudness (-18 dBFS at its peaks), from sample to sample."""
    period = max(2, rate // _PITCH)
    wave = array("h", (n * 8_000 // period - 4_000 for n in range(period))).tobytes()
    first = start % period
    repeated = wave * ((first + end - start) // period + 1)
    return repeated[2 * first : 2 * (first + end - start)]


def _armed(fuse: str) -> bool:
    """Whether a mishap is to happen: there is no fuse, or this process is the one to blow it."""
    if not fuse:
        return True
    try:
        Path(fuse).unlink()
    except FileNotFoundError:
        return False
    return True


def _fail() -> NoReturn:
    raise RuntimeError("The fake engine was told to fail.")


def _no_memory() -> NoReturn:
    raise MemoryError("The fake engine was told to find no memory.")


def _gpu_out_of_memory() -> NoReturn:
    raise RuntimeError("CUDA failed with error out of memory")


def _lose_device() -> NoReturn:
    raise RuntimeError("CUDA failed with error unspecified launch failure")


def _hang() -> NoReturn:
    sys.stderr.write("The fake engine hangs.\n")
    while True:
        time.sleep(3_600)


def _write_garbage() -> None:
    """Write to the worker's pipe as a broken library would to a descriptor that is not its own."""
    os.write(int(sys.argv[sys.argv.index("--fd") + 1]), b"\x00garbage\n" * 100)


FAILURES: Final[Mapping[str, Callable[[], object]]] = {
    "raise": _fail,
    "memory": _no_memory,
    "gpu memory": _gpu_out_of_memory,
    "device": _lose_device,
    "exit": lambda: os._exit(1),
    "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "freeze": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "hang": _hang,
    "garbage": _write_garbage,
}
"""Ways to fail: exceptions, ends of the process, and things that never return."""
