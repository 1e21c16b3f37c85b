"""One stream of audio in which words are waited for."""

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.engines.base import Output
from wyoming_servers.engines.wake.classifier import Classifier
from wyoming_servers.engines.wake.features import (
    RATE,
    STEP,
    FeatureExtractor,
    FloatArray,
)
from wyoming_servers.engines.wake.vad_gate import (
    AudioFrame,
    Gate,
)

# When a run of scores is a detection: threshold, consecutive frames, refractory time. Pure.


class Trigger:
    """One word of one stream; positions are samples since the stream began.

    A detection needs `level` consecutive scores of at least `threshold`. After one, the count
    starts anew and scores are ignored until `refractory` samples of audio have passed: time is
    the stream's, so that a stalled network or a fast replay changes nothing.
    """

    def __init__(self, threshold: float, level: int, refractory: int) -> None:
        self._threshold = threshold
        self._level = level
        self._refractory = refractory
        self._consecutive = 0
        self._refractory_until = 0

    def update(self, score: float, sample: int) -> bool:
        """Take the score of the frame that ends at `sample`; tell whether it is a detection."""
        if sample < self._refractory_until:
            return False
        if score < self._threshold:
            self._consecutive = 0
            return False
        self._consecutive += 1
        if self._consecutive < self._level:
            return False
        self._consecutive = 0
        self._refractory_until = sample + self._refractory
        return True


# What the client's clock says at a place in its stream.


class ClientTimestamps:
    """Maps positions in a stream to the client's own clock.

    The client stamps some pieces with the milliseconds at which they begin; between two stamps
    its clock runs with the samples.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._position = 0
        self._stamps: list[tuple[int, float]] = []

    def add(self, sample: int, timestamp: Any) -> None:
        """Note that the piece that begins at `sample` was stamped so; None is no stamp.

        Raises BadRequestError for what is not a number of milliseconds.
        """
        if timestamp is None:
            return
        if not isinstance(timestamp, int | float) or not math.isfinite(timestamp):
            raise BadRequestError(f"`timestamp` must be milliseconds, not {timestamp!r}.")
        self._stamps.append((sample, timestamp))

    def advance(self, sample: int) -> None:
        """Move on to the end of a frame; positions never decrease."""
        self._position = sample
        while len(self._stamps) > 1 and self._stamps[1][0] < sample:
            del self._stamps[0]  # or a stream of a week would keep millions

    @property
    def current(self) -> int | None:
        """The client's time at the position reached; None while no piece was stamped."""
        if not self._stamps:
            return None
        start, stamped = self._stamps[0]
        return round(stamped + (self._position - start) * 1000 / self._rate)


# What a client of wake words asks for, checked, and what it is told.

DEFAULT_THRESHOLD: Final = 0.5
MAX_TRIGGER_LEVEL: Final = 125
"""10 s of frames; no word is that long."""
MAX_REFRACTORY: Final = 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class WakeRequest:
    """The request of a run, as `engines.base` describes it."""

    words: tuple[str, ...] = ()
    """Names, each once; empty: all there are."""
    threshold: float = DEFAULT_THRESHOLD
    """Score from which a frame counts, for words without one of their own."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    trigger_level: int = 1
    """Consecutive frames that make a detection, for words without a number of their own."""
    trigger_levels: Mapping[str, int] = field(default_factory=dict)
    refractory: float = 0.0
    """Seconds of audio a word stays silent after a detection."""
    vad: bool = False
    """Whether only that is computed in which somebody may be speaking."""
    scores: bool = False
    """Whether every score is told, not only detections."""

    @classmethod
    def parse(cls, request: Mapping[str, Any]) -> Self:
        """Raises BadRequestError naming the field that is wrong."""
        words = request.get("words") or ()
        if isinstance(words, str) or not all(isinstance(word, str) for word in words):
            raise BadRequestError("`words` must be a list of names of wake words.")
        threshold, thresholds = _per_word(request, "threshold", 0.0, 1.0)
        level, levels = _per_word(request, "trigger_level", 1, MAX_TRIGGER_LEVEL)
        for value in (level or 1.0, *levels.values()):
            if value != int(value):
                raise BadRequestError(f"`trigger_level` must be a whole number, not {value}.")
        return cls(
            words=tuple(dict.fromkeys(words)),
            threshold=DEFAULT_THRESHOLD if threshold is None else threshold,
            thresholds=thresholds,
            trigger_level=1 if level is None else int(level),
            trigger_levels={word: int(value) for word, value in levels.items()},
            refractory=_number("refractory", request.get("refractory", 0.0), 0.0, MAX_REFRACTORY),
            vad=_flag(request, "vad"),
            scores=_flag(request, "scores"),
        )

    def threshold_of(self, word: str) -> float:
        """Return the score from which a frame counts as `word`."""
        return self.thresholds.get(word, self.threshold)

    def trigger_level_of(self, word: str) -> int:
        """Return how many consecutive frames make a detection of `word`."""
        return self.trigger_levels.get(word, self.trigger_level)


def detection_output(word: str, score: float, timestamp: int | None, sample: int) -> Output:
    """Return what tells a client that a word was heard, as `engines.base` describes it."""
    return Output(
        {"word": word, "score": round(score, 4), "timestamp": timestamp, "sample": sample}
    )


def scores_output(scores: Mapping[str, float], sample: int) -> Output:
    """Return what tells the scores of the frame that ends at `sample`."""
    rounded = {word: round(score, 4) for word, score in scores.items()}
    return Output({"scores": rounded, "sample": sample})


def _per_word(
    request: Mapping[str, Any], name: str, least: float, most: float
) -> tuple[float | None, dict[str, float]]:
    """Read a number for all words, or one for each; None where there is none for all."""
    value: Any = request.get(name)
    if isinstance(value, Mapping):
        each = {
            str(word): _number(f"{name}.{word}", number, least, most)
            for word, number in value.items()
        }
        return None, each
    return None if value is None else _number(name, value, least, most), {}


def _flag(request: Mapping[str, Any], name: str) -> bool:
    value = request.get(name, False)
    if not isinstance(value, bool):
        raise BadRequestError(f"`{name}` must be true or false, not {value!r}.")
    return value


def _number(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequestError(
            f"`{name}` must be a number from {least:g} to {most:g}, not {value!r}."
        )
    return float(value)


@dataclass(frozen=True, slots=True)
class ActiveWord:
    """One word a stream waits for."""

    name: str
    classifier: Classifier
    trigger: Trigger


class WakeSession:
    """Cuts a stream into steps and tells detections; what happens in a step is the engine's."""

    def __init__(
        self,
        features: FeatureExtractor,
        listeners: Sequence[ActiveWord],
        gate: Gate,
        advance: Callable[[Sequence["WakeSession"]], None],
        *,
        scores: bool = False,
    ) -> None:
        self.active_words = listeners
        self._extractor = features
        self._advance = advance
        self._report_scores = scores
        self._scores: dict[str, float] = {}
        """Those of the newest step."""
        self._outputs: list[Output] = []
        self._depth = max(listener.classifier.windows for listener in listeners)
        self._pending = bytearray(2 * (STEP - features.lead))
        self._received = 0
        """Bytes of the stream."""
        self._framed_until = features.lead - STEP
        """Samples of the stream that were cut into steps."""
        self._computed_until = self._framed_until
        """Samples of the stream that were computed."""
        self._gate = gate
        self._frames: deque[AudioFrame] = deque()
        self._timestamps = ClientTimestamps(RATE)
        self._reset()

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        self.push_audio(payload, data)
        while self.has_frame:
            self._advance([self])
        return self.take_outputs()

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Return how many samples came; audio after the last whole step is never scored."""
        yield from ()
        return {"samples": self._received // 2}

    def close(self) -> None:
        self.active_words = ()
        self._pending.clear()
        self._frames.clear()

    def push_audio(self, payload: bytes, data: Mapping[str, Any]) -> None:
        """Append a piece of the stream. Raises BadRequestError for a bad `timestamp`."""
        self._timestamps.add(self._received // 2, data.get("timestamp"))
        self._pending += payload
        self._received += len(payload)
        while len(self._pending) >= 2 * STEP:
            self._framed_until += STEP
            self._frames.extend(
                self._gate.push(AudioFrame(bytes(self._pending[: 2 * STEP]), self._framed_until))
            )
            del self._pending[: 2 * STEP]

    @property
    def has_frame(self) -> bool:
        """Whether there is a whole step to compute."""
        return bool(self._frames)

    def next_frame(self) -> FloatArray:
        """Take the audio of one step out of the stream: STEP samples."""
        step = self._frames.popleft()
        if step.gap:
            self._reset()
        self._computed_until = step.end
        self._timestamps.advance(step.end)
        return np.frombuffer(step.pcm, "<i2").astype(np.float32)

    def append_embedding(self, embedding: FloatArray) -> None:
        """Put the newest embedding behind those kept."""
        self._history[:-1] = self._history[1:]
        self._history[-1] = embedding

    def recent_embeddings(self, length: int) -> FloatArray:
        """Return the last `length` embeddings: (length, EMBEDDING)."""
        return self._history[-length:]

    def record_score(self, listener: ActiveWord, score: float) -> None:
        """Take a word's score of the newest step, which may make it a detection."""
        if listener.trigger.update(score, self._computed_until):
            told = detection_output(
                listener.name, score, self._timestamps.current, self._computed_until
            )
            self._outputs.append(told)
        if self._report_scores:
            self._scores[listener.name] = score
            if len(self._scores) == len(self.active_words):
                self._outputs.append(scores_output(self._scores, self._computed_until))
                self._scores = {}

    def take_outputs(self) -> list[Output]:
        """Take the detections made since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _reset(self) -> None:
        """Forget what was heard: the stream was silent for long enough."""
        self.state: Any = self._extractor.open()
        """The features' own, for this stream."""
        self._history: FloatArray = np.tile(self._extractor.silence(), (self._depth, 1))
