"""One stream of audio in which words are waited for."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wyoming_servers.engines.base import Output
from wyoming_servers.engines.wake_classifier import Classifier
from wyoming_servers.engines.wake_clock import ClientClock
from wyoming_servers.engines.wake_features import RATE, STEP, Features, Floats
from wyoming_servers.engines.wake_gate import Gate, Step
from wyoming_servers.engines.wake_request import detection, scored
from wyoming_servers.engines.wake_trigger import Trigger


@dataclass(frozen=True, slots=True)
class Listener:
    """One word a stream waits for."""

    word: str
    classifier: Classifier
    trigger: Trigger


class WakeSession:
    """Cuts a stream into steps and tells detections; what happens in a step is the engine's."""

    def __init__(
        self,
        features: Features,
        listeners: Sequence[Listener],
        gate: Gate,
        advance: Callable[[Sequence["WakeSession"]], None],
        *,
        scores: bool = False,
    ) -> None:
        self.listeners = listeners
        self._features = features
        self._advance = advance
        self._tells_scores = scores
        self._scores: dict[str, float] = {}
        """Those of the newest step."""
        self._outputs: list[Output] = []
        self._depth = max(listener.classifier.windows for listener in listeners)
        self._pending = bytearray(2 * (STEP - features.lead))
        self._received = 0
        """Bytes of the stream."""
        self._cut = features.lead - STEP
        """Samples of the stream that were cut into steps."""
        self._heard = self._cut
        """Samples of the stream that were computed."""
        self._gate = gate
        self._steps: deque[Step] = deque()
        self._clock = ClientClock(RATE)
        self._begin()

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        self.take(payload, data)
        while self.ready:
            self._advance([self])
        return self.outputs()

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Return how many samples came; audio after the last whole step is never scored."""
        yield from ()
        return {"samples": self._received // 2}

    def close(self) -> None:
        self.listeners = ()
        self._pending.clear()
        self._steps.clear()

    def take(self, payload: bytes, data: Mapping[str, Any]) -> None:
        """Append a piece of the stream. Raises BadRequestError for a bad `timestamp`."""
        self._clock.mark(self._received // 2, data.get("timestamp"))
        self._pending += payload
        self._received += len(payload)
        while len(self._pending) >= 2 * STEP:
            self._cut += STEP
            self._steps.extend(
                self._gate.pass_on(Step(bytes(self._pending[: 2 * STEP]), self._cut))
            )
            del self._pending[: 2 * STEP]

    @property
    def ready(self) -> bool:
        """Whether there is a whole step to compute."""
        return bool(self._steps)

    def next_step(self) -> Floats:
        """Take the audio of one step out of the stream: STEP samples."""
        step = self._steps.popleft()
        if step.gap:
            self._begin()
        self._heard = step.end
        self._clock.reach(step.end)
        return np.frombuffer(step.pcm, "<i2").astype(np.float32)

    def remember(self, embedding: Floats) -> None:
        """Put the newest embedding behind those kept."""
        self._history[:-1] = self._history[1:]
        self._history[-1] = embedding

    def window(self, length: int) -> Floats:
        """Return the last `length` embeddings: (length, EMBEDDING)."""
        return self._history[-length:]

    def judge(self, listener: Listener, score: float) -> None:
        """Take a word's score of the newest step, which may make it a detection."""
        if listener.trigger.update(score, self._heard):
            told = detection(listener.word, score, self._clock.milliseconds, self._heard)
            self._outputs.append(told)
        if self._tells_scores:
            self._scores[listener.word] = score
            if len(self._scores) == len(self.listeners):
                self._outputs.append(scored(self._scores, self._heard))
                self._scores = {}

    def outputs(self) -> list[Output]:
        """Take the detections made since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _begin(self) -> None:
        """Forget what was heard: the stream was silent for long enough."""
        self.state: Any = self._features.open()
        """The features' own, for this stream."""
        self._history: Floats = np.tile(self._features.silence(), (self._depth, 1))
