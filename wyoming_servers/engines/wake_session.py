"""One stream of audio in which words are waited for."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wyoming_servers.engines.base import Output
from wyoming_servers.engines.wake_classifier import Classifier
from wyoming_servers.engines.wake_clock import ClientClock
from wyoming_servers.engines.wake_features import RATE, STEP, Features, Floats
from wyoming_servers.engines.wake_request import detection
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
        advance: Callable[[Sequence["WakeSession"]], None],
    ) -> None:
        self.listeners = listeners
        self.state: Any = features.open()
        """The features' own, for this stream."""
        self._advance = advance
        self._outputs: list[Output] = []
        self._history: Floats = np.tile(
            features.silence(), (max(listener.classifier.windows for listener in listeners), 1)
        )
        self._pending = bytearray(2 * (STEP - features.lead))
        self._received = 0
        """Bytes of the stream."""
        self._heard = features.lead - STEP
        """Samples of the stream that steps have covered."""
        self._clock = ClientClock(RATE)

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

    def take(self, payload: bytes, data: Mapping[str, Any]) -> None:
        """Append a piece of the stream. Raises BadRequestError for a bad `timestamp`."""
        self._clock.mark(self._received // 2, data.get("timestamp"))
        self._pending += payload
        self._received += len(payload)

    @property
    def ready(self) -> bool:
        """Whether the audio of a whole step is there."""
        return len(self._pending) >= 2 * STEP

    def next_step(self) -> Floats:
        """Take the audio of one step out of the stream: STEP samples."""
        step = np.frombuffer(bytes(self._pending[: 2 * STEP]), "<i2").astype(np.float32)
        del self._pending[: 2 * STEP]
        self._heard += STEP
        self._clock.reach(self._heard)
        return step

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

    def outputs(self) -> list[Output]:
        """Take the detections made since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs
