"""One stream of audio in which words are waited for."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wyoming_servers.engines.base import Output
from wyoming_servers.engines.wake_classifier import Classifier
from wyoming_servers.engines.wake_clock import ClientTimestamps
from wyoming_servers.engines.wake_features import RATE, STEP, FeatureExtractor, FloatArray
from wyoming_servers.engines.wake_gate import Gate, AudioFrame
from wyoming_servers.engines.wake_request import detection_output, scores_output
from wyoming_servers.engines.wake_trigger import Trigger


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
            told = detection_output(listener.name, score, self._timestamps.current, self._computed_until)
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
