"""What is recorded of a request: how long each stage took, how it ended, and its text and audio.

Every pipeline creates one timer per request; metrics, traces and the event stream read the event.
Text and audio are kept only if the owner has switched that on, and in memory only, so nothing that
was said is ever on a disk.
"""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import RequestsSection
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import RequestFinished, RequestRetried

_MAX_SPANS: Final = 64
"""Spans kept per request; a long text has one inference per sentence."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Audio of all requests together; about 30 minutes."""

MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024
"""A longer recording is not kept."""

MAX_TEXT: Final = 10_000
"""Characters that are kept of one request."""


class RequestTimer:
    """Publishes RequestFinished exactly once, however the request ends; all times in seconds."""

    def __init__(self, kind: Task, client: str, bus: EventBus, clock: Clock) -> None:
        self._kind = kind
        self._client = client
        self._bus = bus
        self._clock = clock
        self._start = clock.now()
        self._stages: dict[str, float] = {}
        self._spans: list[tuple[str, float, float]] = []
        """(stage, start, end) on the clock."""
        self._done = False
        self.id = uuid.uuid4().hex
        """Id of the request in traces and events."""
        self.phrases = 0
        """Phrases synthesized or played from the cache."""
        self.cached = 0
        """Phrases that were played from the cache."""
        self.audio_seconds = 0.0
        """Audio that the model transcribed or synthesized; cached audio does not count."""
        self.model = ""
        """Id of the model that serves the request; empty until it is selected."""
        self.speaker = ""
        """Name of the recognized speaker."""
        self.confidence = 0.0
        """Confidence of the recognition, from 0 to 1."""

    def restart(self, stage: str) -> None:
        """Record the time so far as `stage` and start the request's own time now.

        Used for an utterance: the time a person speaks is not part of the response time.
        """
        now = self._clock.now()
        self._stages[stage] = now - self._start
        self._record_span(stage, self._start, now)
        self._start = now

    def mark(self, stage: str) -> None:
        """Record the time since the start of the request, the first time `stage` is reached."""
        if stage not in self._stages:
            now = self._clock.now()
            self._stages[stage] = now - self._start
            self._record_span(stage, self._start, now)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside `with` to a stage."""
        start = self._clock.now()
        try:
            yield
        finally:
            now = self._clock.now()
            self._stages[name] = self._stages.get(name, 0.0) + now - start
            self._record_span(name, start, now)

    def publish_retry(self, error: ConductorError) -> None:
        """Publish RequestRetried: a run failed with `error` and is started again."""
        self._bus.publish(
            RequestRetried(
                kind=self._kind.value,
                model=self.model,
                client=self._client,
                code=error.code,
                message=error.message,
            )
        )

    def finish(self, error: BaseException | None = None) -> None:
        """Publish RequestFinished, with `error` if the request failed; later calls do nothing."""
        if self._done:
            return
        self._done = True
        code, message = _code_and_message(error)
        now = self._clock.now()
        self._bus.publish(
            RequestFinished(
                request=self.id,
                kind=self._kind.value,
                model=self.model,
                client=self._client,
                seconds=now - self._start,
                code=code,
                message=message,
                stages=dict(self._stages),
                spans=tuple((name, now - start, now - end) for name, start, end in self._spans),
                phrases=self.phrases,
                cached=self.cached,
                audio_seconds=self.audio_seconds,
                speaker=self.speaker,
                confidence=self.confidence,
            )
        )

    def _record_span(self, stage: str, start: float, end: float) -> None:
        if len(self._spans) < _MAX_SPANS:
            self._spans.append((stage, start, end))


@dataclass(frozen=True, slots=True)
class RequestContent:
    """What was said in one request."""

    text: str = ""
    """Transcript or synthesized text; empty if it is not kept."""
    pcm: bytes = b""
    """16-bit mono audio; empty if it is not kept."""
    rate: int = 16_000
    """Samples per second."""
    voice: str = ""
    """Name of the voice, for text-to-speech."""


class RequestArchive:
    """Contents of recent requests by id; the oldest ones are dropped first."""

    def __init__(self, config: ConfigHolder, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, RequestContent]] = OrderedDict()
        """Time on the clock, and content."""
        config.subscribe(lambda _: self._prune())

    @property
    def keeps_text(self) -> bool:
        return self._settings.keep_text

    @property
    def keeps_audio(self) -> bool:
        return self._settings.keep_audio

    def add(self, request: str, content: RequestContent) -> None:
        """Keep the content of a request, as far as the settings allow."""
        keep = RequestContent(
            text=content.text[:MAX_TEXT] if self.keeps_text else "",
            pcm=content.pcm if self.keeps_audio and len(content.pcm) <= MAX_REQUEST_BYTES else b"",
            rate=content.rate,
            voice=content.voice,
        )
        if keep.text or keep.pcm:
            self._kept[request] = (self._clock.now(), keep)
            self._prune()

    def get(self, request: str) -> RequestContent | None:
        """Return the content of a request; None if it is not kept."""
        self._prune()
        entry = self._kept.get(request)
        return None if entry is None else entry[1]

    def remove(self, request: str) -> bool:
        """Forget one request; return whether it was kept."""
        return self._kept.pop(request, None) is not None

    def clear(self) -> int:
        """Forget all requests; return their number."""
        count = len(self._kept)
        self._kept.clear()
        return count

    def _prune(self) -> None:
        settings, kept = self._settings, self._kept
        if not (settings.keep_text or settings.keep_audio):
            kept.clear()  # switched off: forget at once
        since = self._clock.now() - settings.retention
        size = sum(len(content.pcm) for _, content in kept.values())
        while kept:
            time, content = next(iter(kept.values()))
            if len(kept) <= settings.max_kept and size <= MAX_BYTES and time >= since:
                break
            size -= len(content.pcm)
            kept.popitem(last=False)

    @property
    def _settings(self) -> RequestsSection:
        return self._config.current.requests


def _code_and_message(error: BaseException | None) -> tuple[str, str]:
    if error is None:
        return "", ""
    if isinstance(error, ConductorError):
        return error.code, error.message
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "CANCELLED", "The client left before the end."
    return "UNKNOWN", f"{type(error).__name__}: {error}"
