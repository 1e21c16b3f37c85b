"""Wake words by openWakeWord: any number of streams and words over shared features."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wyoming_servers.domain import ModelSpec, Placement
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.engines.wake_features import LEAD, RATE, STEP, Features, Floats
from wyoming_servers.engines.wake_reference import ReferenceFeatures
from wyoming_servers.engines.wake_request import WakeRequest
from wyoming_servers.engines.wake_trigger import ClientClock, Trigger
from wyoming_servers.engines.wake_words import Classifier, WakeWord, WordCatalog, load_classifier
from wyoming_servers.errors import BadRequestError, InternalError


@dataclass(frozen=True, slots=True)
class _Listener:
    """One word a stream waits for."""

    word: str
    classifier: Classifier
    trigger: Trigger


class WakeSession:
    """One stream of audio."""

    def __init__(
        self, engine: "OpenWakeWordEngine", state: Any, listeners: list[_Listener]
    ) -> None:
        self.state = state
        self.listeners = listeners
        self._engine = engine
        depth = max(listener.classifier.windows for listener in listeners)
        self._history = np.tile(engine.features.silence(), (depth, 1))
        self._pending = bytearray(2 * (STEP - LEAD))
        self._received = 0
        self._heard = LEAD - STEP
        self._clock = ClientClock(RATE)

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        return self._engine.feed_batch([(self, payload, data)])[0]

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Return how many samples came; audio after the last whole step is never scored."""
        yield from ()
        return {"samples": self._received // 2}

    def close(self) -> None:
        self.listeners = []
        self._pending.clear()

    def take(self, payload: bytes, data: Mapping[str, Any]) -> None:
        """Append a piece of the stream. Raises BadRequestError for a bad `timestamp`."""
        timestamp = data.get("timestamp")
        if timestamp is not None:
            if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
                raise BadRequestError(f"`timestamp` must be milliseconds, not {timestamp!r}.")
            self._clock.mark(self._received // 2, timestamp)
        self._pending += payload
        self._received += len(payload)

    @property
    def ready(self) -> bool:
        """Whether the audio of a whole step is there."""
        return len(self._pending) >= 2 * STEP

    def next_step(self) -> Floats:
        """Take the audio of one step out of the stream."""
        step = np.frombuffer(bytes(self._pending[: 2 * STEP]), "<i2").astype(np.float32)
        del self._pending[: 2 * STEP]
        self._heard += STEP
        return step

    def remember(self, embedding: Floats) -> None:
        """Put the newest embedding behind those kept."""
        self._history[:-1] = self._history[1:]
        self._history[-1] = embedding

    def window(self, length: int) -> Floats:
        """Return the last `length` embeddings: (length, EMBEDDING)."""
        return self._history[-length:]

    def judge(self, listener: _Listener, score: float) -> Output | None:
        """Take a word's score of the newest step; return the detection it makes, if it does."""
        if not listener.trigger.update(score, self._heard):
            return None
        return Output(
            {
                "word": listener.word,
                "score": round(score, 4),
                "timestamp": self._clock.at(self._heard),
                "sample": self._heard,
            }
        )


class OpenWakeWordEngine:
    """Kind WAKE; `files["models_dir"]` may name a folder with the user's own models.

    `load` reports `words`: [{name, phrase, languages}].
    """

    def __init__(self) -> None:
        self._features: Features | None = None
        self._catalog = WordCatalog(None)
        self._classifiers: dict[str, tuple[WakeWord, Classifier]] = {}

    @property
    def features(self) -> Features:
        """The networks all streams share."""
        if self._features is None:
            raise InternalError("The wake word engine was used before it was loaded.")
        return self._features

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        progress("load", 0)
        folder = spec.files.get("models_dir")
        self._catalog = WordCatalog(Path(folder) if folder else None)
        self._features = ReferenceFeatures()
        progress("load", 100)
        return {
            "words": [
                {"name": word.name, "phrase": word.phrase, "languages": list(word.languages)}
                for word in self._catalog.words
            ]
        }

    def warm_up(self) -> None:
        """Hear half a second of silence."""
        session = self.open({})
        for _ in session.feed(bytes(RATE), {}):
            pass
        session.close()

    def open(self, request: Mapping[str, Any]) -> WakeSession:
        """Begin a stream; no `words` means all.

        Raises ModelMissingError for a word that is not there, LoadFailedError for one whose file
        is broken.
        """
        wanted = WakeRequest.parse(request)
        refractory = round(wanted.refractory * RATE)
        return WakeSession(
            self,
            self.features.open(),
            [
                _Listener(
                    name,
                    self._classifier(name),
                    Trigger(wanted.threshold_of(name), wanted.trigger_level, refractory),
                )
                for name in wanted.words or [word.name for word in self._catalog.words]
            ],
        )

    def feed_batch(
        self, pieces: Sequence[tuple[WakeSession, bytes, Mapping[str, Any]]]
    ) -> list[list[Output]]:
        """Take a piece of each of several streams at once; return what each leads to.

        Streams that have a whole step go through the networks together. A stream may be there
        more than once; its output is then with its last piece.
        """
        outputs: dict[WakeSession, list[Output]] = {}
        places: list[list[Output]] = [[] for _ in pieces]
        for place, (session, payload, data) in zip(places, pieces, strict=True):
            session.take(payload, data)
            outputs[session] = place
        while ready := [session for session in outputs if session.ready]:
            self._step(ready, outputs)
        return places

    def close(self) -> None:
        self._features = None
        self._classifiers.clear()

    def _step(
        self, sessions: Sequence[WakeSession], outputs: Mapping[WakeSession, list[Output]]
    ) -> None:
        """Move each stream on by one step."""
        audio = np.stack([session.next_step() for session in sessions])
        embeddings = self.features.step([session.state for session in sessions], audio)
        waiting: dict[Classifier, list[tuple[WakeSession, _Listener]]] = {}
        for session, embedding in zip(sessions, embeddings, strict=True):
            session.remember(embedding)
            for listener in session.listeners:
                waiting.setdefault(listener.classifier, []).append((session, listener))
        for classifier, group in waiting.items():
            windows = np.stack([session.window(classifier.windows) for session, _ in group])
            for (session, listener), score in zip(group, classifier.scores(windows), strict=True):
                if detection := session.judge(listener, float(score)):
                    outputs[session].append(detection)

    def _classifier(self, name: str) -> Classifier:
        word = self._catalog.find(name)
        known = self._classifiers.get(name)
        if known is None or known[0] != word:
            known = (word, load_classifier(word))
            self._classifiers[name] = known
        return known[1]
