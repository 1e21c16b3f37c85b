"""The interface between a worker process and the library that runs its model; helpers of engines.

A worker owns one engine. It calls `load`, then `warm_up`, then `open` for each run. All calls come
from one thread, the engine thread, and never at the same time, so an engine needs no locks, unless
it `SupportsParallelRuns`. A session's generators are advanced step by step: work between two
`yield`s cannot be interrupted, so yield often (a sentence, a segment, a frame).

Requests and outputs by task (audio is always 16-bit little-endian mono PCM):

ASR   request  {language: str|None (None: detect), beam_size: int, task: "transcribe"|"translate",
                initial_prompt: str|None, names: [str], terms: [str] (words that may occur; the
                engine uses as many as help, names first), languages: [code] (to detect among),
                word_timestamps: bool}; all optional
      input    16 kHz audio
      outputs  {start, end: seconds, text} for each segment
      result   {text, language, language_probability, duration, no_speech_prob?, avg_logprob?}
TTS   request  {text: str, voice: str|None, speaker: str|None, speed: float (1.0), length_scale?,
                noise_scale?, noise_w?, volume? (`text.voice_expression.VOICE_OPTIONS`)};
                for the scheduler of the worker, not for the engine:
                stream? (identifies the text that this sentence belongs to), buffered_seconds?
                (audio that the client has still to play; None before the first), next_characters?
                (lengths of the sentences that follow)
      input    none
      outputs  {} with audio as payload, at the rate that `load` reported as `sample_rate`
      result   {samples: int}
      `load` reports `streams_audio: true` if a sentence is yielded in chunks, as they are computed
WAKE  request  {words: [str], threshold: {word: float}|float, trigger_level: {word: int}|int,
                refractory: seconds, vad: bool (compute only audio with voice activity),
                scores: bool (report every score, for tuning)}
      input    16 kHz audio in chunks of any size; a chunk's data may have {timestamp: ms}
      outputs  {word, score, timestamp: ms|None, sample: int} for each detection, at once
               {scores: {word: float}, sample: int} for each step, if requested
      result   {samples: int}
      `load` reports `lead` and `step`: a stream is computed after `lead` samples and then after
      every `step` samples, so feeding it more often has no effect
TURN  request  {}
      input    16 kHz audio of the speaker up to a pause, at least the last 8 s if there are so many
      outputs  none
      result   {probability: float} that the speaker has finished
SPEAKER request  {}
      input    16 kHz audio in chunks of any size
      outputs  {seconds: float (speech that was embedded)} with the embedding of the voice so far as
                payload, little-endian float32 of unit length: whenever it has changed
      result   {seconds: float}; 0 if there was no speech
      `load` reports `dimensions`, and `step`: samples after which an embedding changes
"""

import ctypes
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from wyoming_servers.core.domain import ModelSpec, Placement
from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.core.errors import BadRequestError, LoadFailedError
from wyoming_servers.text.voice_expression import VOICE_OPTIONS

ReportProgress = Callable[[str, int], None]
"""Called with the phase (`load`, `warmup`) and the percentage (-1 if unknown)."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a run."""

    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


class Session(Protocol):
    """One run of an engine: input and output are streamed in chunks."""

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Take the next chunk of input; return or yield the outputs it results in."""
        ...

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Yield the remaining outputs after the last input; return the result."""
        ...

    def close(self) -> None:
        """Release resources after the run or its cancellation. Called exactly once."""
        ...


class Engine(Protocol):
    """A library with one model."""

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load the model; return facts that only the loaded model knows (`sample_rate`, `words`).

        Raises the library's exceptions, which `engines.error_mapping` classifies.
        """
        ...

    def warm_up(self) -> None:
        """Run a small inference, so that the first request is as fast as later ones."""
        ...

    def open(self, request: Mapping[str, Any]) -> Session:
        """Begin a run. Raises BadRequestError or a subclass for a request it cannot serve."""
        ...

    def close(self) -> None:
        """Release the model. The process exits afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """The remaining outputs and the result of one run of a batch."""

    result: Mapping[str, Any]
    outputs: Sequence[Output] = ()


@runtime_checkable
class SupportsBatchFeed(Protocol):
    """An engine that takes input of several runs in one batch (wake words).

    Used only while several runs wait with input at the same time; a single run uses the `feed` of
    its session, without delay.
    """

    @property
    def feed_limit(self) -> int:
        """Maximum runs in a batch, which cannot be interrupted."""
        ...

    def feed_batch(
        self, chunks: Sequence[tuple[Session, bytes, Mapping[str, Any]]]
    ) -> Sequence[Iterable[Output] | Exception]:
        """Feed one chunk to each session; return, in order, the outputs or the error of each.

        An exception fails all of them.
        """
        ...


@runtime_checkable
class SupportsBatchFinish(Protocol):
    """An engine that finishes several runs in one batch (batched decoding).

    Used only while several runs of equal priority wait with complete input at the same time; a
    single run uses the `finish` of its session, without delay.
    """

    @property
    def finish_limit(self) -> int:
        """Maximum runs in a batch, which cannot be interrupted."""
        ...

    def finish_batch(self, sessions: Sequence[Session]) -> Sequence[FinishedRun | Exception]:
        """Finish each session; return, in order, the outputs and result or the error of each.

        An exception fails all of them.
        """
        ...


@runtime_checkable
class SupportsParallelRuns(Protocol):
    """An engine that computes outputs of several runs at the same time, in several threads.

    Outputs of `finish` are then requested in other threads, one at a time for each run. All other
    calls still come from the engine thread, while those threads work.
    """

    @property
    def parallel_runs(self) -> int:
        """Maximum runs at the same time; 1 if it is not possible or not useful."""
        ...


def request_number(request: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """Return a number of the request, None if it is absent. Raises BadRequestError."""
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadRequestError(
            f"The request's {name} is not valid: {str(value)[:40]!r}.",
            hint=f"Choose a number from {low:g} to {high:g}.",
        )
    return float(value)


def voice_settings(
    request: Mapping[str, Any], options: Mapping[str, Any], names: Iterable[str]
) -> dict[str, float | None]:
    """Return options of a voice: of the request, else of the model, else None.

    Raises BadRequestError for a value out of range.
    """
    found: dict[str, float | None] = {}
    for name in names:
        value = request_number(request, name, *VOICE_OPTIONS[name])
        found[name] = (
            request_number(options, name, *VOICE_OPTIONS[name]) if value is None else value
        )
    return found


def release_free_memory() -> None:
    """Return free heap memory to the system, where the C library can (glibc).

    Called after a load or a long window, whose memory is not needed again. Otherwise a worker would
    keep it: 170 MB with Whisper base, because its allocator settings (`core.engine_info`) keep
    freed memory; 60 MB with Piper.
    """
    if sys.platform != "linux":
        return
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if malloc_trim is not None:
        malloc_trim(0)


def create_engine(name: str) -> Engine:
    """Import an engine's module and make an engine without a model in it.

    Raises LoadFailedError if the name is unknown or its library is not installed.
    """
    info = find_engine(name)
    if info is None:
        raise LoadFailedError(f"There is no engine named {name!r}.")
    module, _, attribute = info.module.partition(":")
    try:
        engine: Engine = getattr(import_module(module), attribute)()
    except ImportError as err:
        raise LoadFailedError(
            f"The library of engine {name!r} is not installed: {err}.",
            hint=f"Install it with `{info.install_command}`.",
        ) from err
    return engine
