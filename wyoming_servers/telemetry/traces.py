"""Keeps the last requests with the time that each stage took."""

import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from wyoming_servers.core.event_bus import EventBus, SequencedEvent
from wyoming_servers.core.events import ModelLoaded, RequestFinished

MAX_TRACES: Final = 500
"""About a day of a busy home."""

TraceListener = Callable[["Trace"], None]


@dataclass(frozen=True, slots=True)
class Span:
    """One stage of a request; seconds since 1970."""

    stage: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Trace:
    """One request, from its first byte to its last."""

    id: str
    """32 hexadecimal digits, as an OpenTelemetry trace id."""
    kind: str
    """asr, tts or wake."""
    client: str
    model: str
    device: str
    """Device of the model at the end of the request; empty if it was unloaded."""
    ended: float
    """Seconds since 1970."""
    seconds: float
    """Of an utterance: from its end to the response; the speech itself is a stage."""
    code: str = ""
    """Error code; empty for a successful request."""
    message: str = ""
    stages: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage (queue, load, speech, inference, first_audio, …)."""
    spans: tuple[Span, ...] = ()
    """The stages with start and end; only the first ones of a long request."""
    speaker: str = ""
    """Name of the recognized speaker; empty if nobody was recognized."""
    confidence: float = 0.0
    """Confidence of the recognition, from 0 to 1."""


class DeviceLookup(Protocol):
    """Returns the device of a model, or an empty string."""

    def __call__(self, model: str, /) -> str: ...


class TraceBuffer:
    """A ring buffer of traces, filled from the event bus."""

    def __init__(self, device_of: DeviceLookup, *, kept: int = MAX_TRACES) -> None:
        self._device_of = device_of
        self._traces: deque[Trace] = deque(maxlen=kept)
        self._listeners: list[TraceListener] = []
        self._loads: dict[str, Span] = {}
        """The last load of each model, which may be part of a request's time."""
        self.model_stats = ModelStatsRegistry()
        """Statistics of all requests since the start, including those no longer kept."""

    def add_listener(self, listener: TraceListener) -> None:
        """Call `listener` with every new trace; it must return quickly and never raise."""
        self._listeners.append(listener)

    async def run(self, bus: EventBus) -> None:
        """Collect until cancelled."""
        with bus.subscribe() as subscription:
            async for item in subscription:
                self.observe(item)

    def observe(self, item: SequencedEvent) -> None:
        """Record one event; most events are ignored."""
        match item.event:
            case ModelLoaded() as loaded:
                self._loads[loaded.model] = Span(
                    "load", item.timestamp - loaded.seconds, item.timestamp
                )
            case RequestFinished() as event:
                self.model_stats.record(event)
                self._add_trace(event, item.timestamp)

    def _add_trace(self, event: RequestFinished, ended: float) -> None:
        spans = [Span(name, ended - start, ended - end) for name, start, end in event.spans]
        stages = dict(event.stages)
        load = self._load_span(event, ended, spans)
        if load is not None:
            spans.append(load)
            stages["load"] = load.end - load.start
        trace = Trace(
            id=event.request or uuid.uuid4().hex,
            kind=event.kind,
            client=event.client,
            model=event.model,
            device=self._device_of(event.model),
            ended=ended,
            seconds=event.seconds,
            code=event.code,
            message=event.message,
            stages=stages,
            spans=tuple(spans),
            speaker=event.speaker,
            confidence=event.confidence,
        )
        self._traces.append(trace)
        for listener in self._listeners:
            listener(trace)

    def _load_span(self, event: RequestFinished, ended: float, spans: list[Span]) -> Span | None:
        """Return the part of the model's last load that lies within the request."""
        load = self._loads.get(event.model)
        start = min([ended - event.seconds, *(span.start for span in spans)])
        if load is None or load.end <= start or load.start >= ended:
            return None
        return Span("load", max(start, load.start), load.end)

    def latest(
        self, limit: int = 100, *, kind: str | None = None, slower_than: float = 0.0
    ) -> list[Trace]:
        """Return traces, newest first, optionally of one kind and longer than `slower_than`."""
        found = [
            trace
            for trace in reversed(self._traces)
            if (kind is None or trace.kind == kind) and trace.seconds >= slower_than
        ]
        return found[:limit]


_CANCELLED: Final = "CANCELLED"
"""Code of a request whose client disconnected: neither a success nor a failure."""


@dataclass(frozen=True, slots=True)
class ModelStats:
    """One model's requests since the server started."""

    requests: int = 0
    """Completed or failed requests, without those that the client cancelled."""
    errors: int = 0
    last_seconds: float | None = None
    """Duration of the last successful request; of an utterance, from its end to the response."""
    real_time_factor: float | None = None
    """Seconds of inference per second of audio, in the last request with inference."""

    def with_request(self, event: RequestFinished) -> "ModelStats":
        """Return the statistics including one more request."""
        if event.code == _CANCELLED:
            return self
        if event.code:
            return replace(self, requests=self.requests + 1, errors=self.errors + 1)
        inference = event.stages.get("inference")
        factor = self.real_time_factor
        if inference is not None and event.audio_seconds > 0:
            factor = inference / event.audio_seconds
        return ModelStats(self.requests + 1, self.errors, event.seconds, factor)


class ModelStatsRegistry:
    """Statistics of all models, by id."""

    def __init__(self) -> None:
        self._stats: dict[str, ModelStats] = {}

    def record(self, event: RequestFinished) -> None:
        """Count a request, unless it ended before a model was chosen."""
        if event.model:
            self._stats[event.model] = self.get(event.model).with_request(event)

    def get(self, model: str) -> ModelStats:
        """Return a model's statistics, empty before its first request."""
        return self._stats.get(model, ModelStats())
