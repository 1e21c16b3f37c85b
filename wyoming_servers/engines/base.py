"""What a library must look like to run inside a worker.

The worker child owns one engine. It calls `load`, then `warm_up`, then `open` for each run; all
calls come from one engine thread, never two at a time, so an engine needs no locks (one that
`SupportsParallelRuns` says otherwise of itself). A session's generators are advanced
one step at a time:
whatever happens between two `yield`s cannot be interrupted, so yield often (a sentence, a segment,
a frame).

Requests and outputs by kind (audio is always 16-bit little-endian mono PCM):

ASR   request  {language: str|None (None: detect), beam_size: int, task: "transcribe"|"translate",
                initial_prompt: str|None, names: [str], terms: [str] (words that may occur; the
                engine takes as many as help, names first), languages: [code] (to detect among),
                word_timestamps: bool}; all optional
      input    16 kHz audio
      chunks   {start, end: seconds, text} a segment
      result   {text, language, language_probability, duration, no_speech_prob?, avg_logprob?}
TTS   request  {text: str, voice: str|None, speaker: str|None, speed: float (1.0), noise_scale?,
                noise_w?, volume?}; for the scheduler of the worker, not for the engine:
                stream? (identifies the text that this sentence belongs to), buffered_seconds?
                (audio that the client has still to play; None before the first), next_characters?
                (lengths of the sentences that follow)
      input    none
      chunks   {} with audio as payload, in the rate that `load` reported as `sample_rate`
      result   {samples: int}
      `load` reports `streams_audio: true` if a sentence is yielded in chunks, as they are computed
WAKE  request  {words: [str], threshold: {word: float}|float, trigger_level: {word: int}|int,
                refractory: seconds, vad: bool (compute only while somebody may be speaking),
                scores: bool (tell every score, for tuning)}
      input    16 kHz audio in pieces of any size; a piece's data may carry {timestamp: ms}
      chunks   {word, score, timestamp: ms|None, sample: int} a detection, as soon as it is known
               {scores: {word: float}, sample: int} the scores of each step, if asked for
      result   {samples: int}
      `load` reports `lead` and `step`: a stream is computed when it has `lead` samples, and again
      with every `step` more, so that whoever feeds it need not do so more often
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)

ReportProgress = Callable[[str, int], None]
"""Called with the phase (`load`, `warmup`) and the percentage (-1 if unknown)."""


@dataclass(frozen=True, slots=True)
class Output:
    """One piece of a run's output."""

    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


class Session(Protocol):
    """One run of an engine: input comes in pieces, output leaves in pieces."""

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Take the next piece of input; return or yield what it already leads to."""
        ...

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """The input is complete: yield the remaining output, return the result."""
        ...

    def close(self) -> None:
        """The run is over or was cancelled: drop what it holds. Called exactly once."""
        ...


class Engine(Protocol):
    """A library with one model in it."""

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load the weights; return what only the loaded model knows (`sample_rate`, `words`, …).

        Raises what the library raises; `engines.faults` tells what it means.
        """
        ...

    def warm_up(self) -> None:
        """Run one tiny real inference, so that the first request is as fast as the tenth."""
        ...

    def open(self, request: Mapping[str, Any]) -> Session:
        """Begin a run. Raises BadRequestError and its kin for a request it cannot serve."""
        ...

    def close(self) -> None:
        """Let the model go. The process exits right after."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """How one run of a batch ended: its remaining outputs and its result."""

    result: Mapping[str, Any]
    outputs: Sequence[Output] = ()


@runtime_checkable
class SupportsBatchFeed(Protocol):
    """An engine that takes the next piece of several runs in one step (wake words).

    Used only while several runs wait with a piece at the same time; a lone one goes through its
    session's `feed` without delay.
    """

    @property
    def feed_limit(self) -> int:
        """Most runs in one step; bounds how long the step cannot be interrupted."""
        ...

    def feed_batch(
        self, pieces: Sequence[tuple[Session, bytes, Mapping[str, Any]]]
    ) -> Sequence[Iterable[Output] | Exception]:
        """Feed one piece to each session; return, in order, what it leads to or why it failed.

        Raising fails all of them.
        """
        ...


@runtime_checkable
class SupportsBatchFinish(Protocol):
    """An engine that finishes several runs in one step (batched decoding).

    Used only while several runs of equal priority wait with complete input at the same time; a
    lone one goes through its session's `finish` without delay.
    """

    @property
    def finish_limit(self) -> int:
        """Most runs in one step; bounds how long the step cannot be interrupted."""
        ...

    def finish_batch(self, sessions: Sequence[Session]) -> Sequence[FinishedRun | Exception]:
        """Finish each session; return, in order, its outputs and result or why it failed.

        Raising fails all of them.
        """
        ...


@runtime_checkable
class SupportsParallelRuns(Protocol):
    """An engine that makes the outputs of several runs at the same time.

    Outputs of `finish` are then asked for in other threads, those of one run one after the other;
    all other calls still come from the engine thread, while those threads work.
    """

    @property
    def parallel_runs(self) -> int:
        """Most runs at once; 1 if it cannot, or should not."""
        ...
