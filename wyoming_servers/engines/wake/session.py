"""One stream of audio in which wake words are detected: request, frames, scores, detections."""

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.engines.base import Output
from wyoming_servers.engines.wake.features import (
    RATE,
    STEP,
    Classifier,
    FeatureExtractor,
    FloatArray,
)
from wyoming_servers.engines.wake.vad_gate import AudioFrame, Gate

DEFAULT_THRESHOLD: Final = 0.5
MAX_TRIGGER_LEVEL: Final = 125
"""10 s of frames; no wake word is that long."""
MAX_REFRACTORY: Final = 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class WakeRequest:
    """The request of a run, as described in `engines.base`."""

    words: tuple[str, ...] = ()
    """Names, each once; empty for all words."""
    threshold: float = DEFAULT_THRESHOLD
    """Minimum score of a frame, for words without an entry in `thresholds`."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    trigger_level: int = 1
    """Consecutive frames for a detection, for words without an entry in `trigger_levels`."""
    trigger_levels: Mapping[str, int] = field(default_factory=dict)
    refractory: float = 0.0
    """Seconds of audio after a detection in which the word is not detected again."""
    vad: bool = False
    """Whether only audio with voice activity is computed."""
    scores: bool = False
    """Whether every score is reported, not only detections."""

    @classmethod
    def parse(cls, request: Mapping[str, Any]) -> Self:
        """Validate a request. Raises BadRequestError with the name of the invalid field."""
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
        """Return the minimum score of a frame with `word`."""
        return self.thresholds.get(word, self.threshold)

    def trigger_level_of(self, word: str) -> int:
        """Return the number of consecutive frames for a detection of `word`."""
        return self.trigger_levels.get(word, self.trigger_level)


class Trigger:
    """Turns the scores of one word into detections; positions are samples since the stream began.

    A detection needs `level` consecutive scores of at least `threshold`. Then scores are ignored
    until `refractory` samples of audio have passed, and counting starts again. Time is counted in
    audio, so that a stalled network or a fast replay changes nothing.
    """

    def __init__(self, threshold: float, level: int, refractory: int) -> None:
        self._threshold = threshold
        self._level = level
        self._refractory = refractory
        self._consecutive = 0
        self._refractory_until = 0

    def update(self, score: float, sample: int) -> bool:
        """Take the score of the frame that ends at `sample`; return whether it is a detection."""
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


class ClientTimestamps:
    """Converts positions in a stream to timestamps of the client's clock.

    The client sends a timestamp in milliseconds with some chunks, for the chunk's first sample.
    Between two timestamps the clock advances with the samples.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._position = 0
        self._stamps: list[tuple[int, float]] = []

    def add(self, sample: int, timestamp: Any) -> None:
        """Add the timestamp of the chunk that begins at `sample`; None is ignored.

        Raises BadRequestError if it is not a number of milliseconds.
        """
        if timestamp is None:
            return
        if not isinstance(timestamp, int | float) or not math.isfinite(timestamp):
            raise BadRequestError(f"`timestamp` must be milliseconds, not {timestamp!r}.")
        self._stamps.append((sample, timestamp))

    def advance(self, sample: int) -> None:
        """Move to the end of a frame; positions never decrease."""
        self._position = sample
        while len(self._stamps) > 1 and self._stamps[1][0] < sample:
            del self._stamps[0]  # otherwise a stream of a week would keep millions

    @property
    def current(self) -> int | None:
        """The client's time at the current position; None before the first timestamp."""
        if not self._stamps:
            return None
        start, stamp = self._stamps[0]
        return round(stamp + (self._position - start) * 1000 / self._rate)


@dataclass(frozen=True, slots=True)
class ActiveWord:
    """A wake word that is detected in a stream."""

    name: str
    classifier: Classifier
    trigger: Trigger


class WakeSession:
    """Divides a stream into frames and reports detections; the engine computes the frames."""

    def __init__(
        self,
        extractor: FeatureExtractor,
        active_words: Sequence[ActiveWord],
        gate: Gate,
        advance: Callable[[Sequence["WakeSession"]], None],
        *,
        scores: bool = False,
    ) -> None:
        """`advance` computes the next frame of sessions, all of which have one."""
        self.active_words = active_words
        self._extractor = extractor
        self._advance = advance
        self._report_scores = scores
        self._scores: dict[str, float] = {}
        """Scores of the newest frame by word."""
        self._outputs: list[Output] = []
        self._depth = max(word.classifier.windows for word in active_words)
        self._pending = bytearray(2 * (STEP - extractor.lead))
        self._received = 0
        """Bytes of the stream."""
        self._framed_until = extractor.lead - STEP
        """Samples of the stream that are in frames."""
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
        """Return how many samples were received; audio after the last frame is not scored."""
        yield from ()
        return {"samples": self._received // 2}

    def close(self) -> None:
        self.active_words = ()
        self._pending.clear()
        self._frames.clear()

    def push_audio(self, payload: bytes, data: Mapping[str, Any]) -> None:
        """Append a chunk of the stream. Raises BadRequestError for an invalid `timestamp`."""
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
        """Whether there is a frame to compute."""
        return bool(self._frames)

    def next_frame(self) -> FloatArray:
        """Remove the next frame and return its `STEP` samples."""
        frame = self._frames.popleft()
        if frame.gap:
            self._reset()
        self._computed_until = frame.end
        self._timestamps.advance(frame.end)
        return np.frombuffer(frame.pcm, "<i2").astype(np.float32)

    def append_embedding(self, embedding: FloatArray) -> None:
        """Append the embedding of the newest frame."""
        self._history[:-1] = self._history[1:]
        self._history[-1] = embedding

    def recent_embeddings(self, count: int) -> FloatArray:
        """Return the last embeddings: (count, EMBEDDING)."""
        return self._history[-count:]

    def record_score(self, word: ActiveWord, score: float) -> None:
        """Record a word's score of the newest frame, which may be a detection."""
        if word.trigger.update(score, self._computed_until):
            time = self._timestamps.current
            self._outputs.append(detection_output(word.name, score, time, self._computed_until))
        if self._report_scores:
            self._scores[word.name] = score
            if len(self._scores) == len(self.active_words):
                self._outputs.append(scores_output(self._scores, self._computed_until))
                self._scores = {}

    def take_outputs(self) -> list[Output]:
        """Return the outputs since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _reset(self) -> None:
        """Return to the state after silence, at the beginning and after a gap."""
        self.state: Any = self._extractor.open()
        """The feature extractor's state of this stream."""
        self._history: FloatArray = np.tile(self._extractor.silence(), (self._depth, 1))


def detection_output(word: str, score: float, timestamp: int | None, sample: int) -> Output:
    """Return the output for a detection, as described in `engines.base`."""
    return Output(
        {"word": word, "score": round(score, 4), "timestamp": timestamp, "sample": sample}
    )


def scores_output(scores: Mapping[str, float], sample: int) -> Output:
    """Return the output with the scores of the frame that ends at `sample`."""
    rounded = {word: round(score, 4) for word, score in scores.items()}
    return Output({"scores": rounded, "sample": sample})


def _per_word(
    request: Mapping[str, Any], name: str, least: float, most: float
) -> tuple[float | None, dict[str, float]]:
    """Return a field's number for all words (None if there is none) and its numbers by word."""
    value: Any = request.get(name)
    if isinstance(value, Mapping):
        by_word = {
            str(word): _number(f"{name}.{word}", number, least, most)
            for word, number in value.items()
        }
        return None, by_word
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
