"""Prometheus figures: counted from events as they happen, gauges read when somebody looks.

The registry is this object's own, so that two servers in one process do not share figures. No
label carries a client, a text or anything else without bound.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from wyoming_servers.core import events
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import Event
from wyoming_servers.scheduling.interface import DeviceStatus, ModelStatus, Snapshot

PREFIX: Final = "wyoming_conductor"

_LOAD_BUCKETS: Final = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
"""Seconds: from a small voice in the page cache to a large model from a slow disk."""

_REQUEST_BUCKETS: Final = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60)
"""Seconds: people notice from about 0.2, and requests end at 60 by default."""


class Metrics:
    """All figures of one server."""

    def __init__(self, snapshot: Callable[[], Snapshot], version: str = "") -> None:
        """`snapshot` is called at every scrape, in the thread that scrapes."""
        self.registry = CollectorRegistry(auto_describe=False)
        model = ("model", "device")
        self._loads = self._counter("model_loads", "Models that became ready.", model)
        self._load_seconds = Histogram(
            f"{PREFIX}_model_load_seconds",
            "Time from starting a worker to its model being warm.",
            model,
            buckets=_LOAD_BUCKETS,
            registry=self.registry,
        )
        self._unloads = self._counter(
            "model_unloads", "Models whose worker ended, by reason.", ("model", "reason")
        )
        self._evictions = self._counter(
            "model_evictions", "Idle models unloaded to make room.", ("model",)
        )
        self._waits = self._counter(
            "model_waits", "Loads that found no room and waited for memory.", model
        )
        self._fallbacks = self._counter(
            "model_fallbacks", "Times a lesser placement was used.", ("model", "to_device")
        )
        self._model_failures = self._counter(
            "model_failures", "Failed loads and died workers, by code.", ("model", "code")
        )
        self._requests = self._counter(
            "requests", "Requests that ended; the code is OK or an error code.", ("kind", "code")
        )
        self._request_seconds = Histogram(
            f"{PREFIX}_request_seconds",
            "Time from a request to its end.",
            ("kind", "model"),
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            f"{PREFIX}_request_stage_seconds",
            "Time of one stage of a request, such as queue, inference, first_audio.",
            ("kind", "stage"),
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._retries = self._counter(
            "request_retries", "Requests made once more, by what failed first.", ("kind", "code")
        )
        self._phrases = self._counter(
            "phrases", "Phrases spoken, by where they came from.", ("source",)
        )
        self._speculations = self._counter(
            "speculations",
            "Transcriptions begun in a pause, by what became of them: used, void, failed.",
            ("model", "outcome"),
        )
        self._detections = self._counter("wake_detections", "Wake words heard.", ("word",))
        self._lost = self._counter("events_lost", "Events these figures missed.", ())
        self.registry.register(_Gauges(snapshot, version))

    def observe(self, event: Event) -> None:
        """Count one event; a type nobody counts is ignored."""
        match event:
            case events.ModelLoaded():
                self._loads.labels(event.model, event.device).inc()
                self._load_seconds.labels(event.model, event.device).observe(event.seconds)
            case events.ModelUnloaded():
                self._unloads.labels(event.model, event.reason).inc()
            case events.ModelEvicted():
                self._evictions.labels(event.model).inc()
            case events.ModelWaiting():
                self._waits.labels(event.model, event.device).inc()
            case events.ModelFellBack():
                self._fallbacks.labels(event.model, event.to_device).inc()
            case events.ModelFailed():
                self._model_failures.labels(event.model, event.code).inc()
            case events.WakeWordDetected():
                self._detections.labels(event.word).inc()
            case events.SpeculationEnded():
                self._speculations.labels(event.model, event.outcome).inc()
            case events.RequestRetried():
                self._retries.labels(event.kind, event.code).inc()
            case events.RequestFinished():
                self._count_request(event)
            case _:
                pass

    async def run(self, bus: EventBus) -> None:
        """Count every event until cancelled."""
        with bus.subscribe() as subscription:
            lost = 0
            async for item in subscription:
                self.observe(item.event)
                if subscription.dropped > lost:
                    self._lost.inc(subscription.dropped - lost)
                    lost = subscription.dropped

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _count_request(self, event: events.RequestFinished) -> None:
        self._requests.labels(event.kind, event.code or "OK").inc()
        if event.phrases:
            self._phrases.labels("cache").inc(event.cached)
            self._phrases.labels("inference").inc(event.phrases - event.cached)
        if event.code:
            # A refusal takes no time and a timeout all of it: neither tells how fast answers are.
            return
        self._request_seconds.labels(event.kind, event.model).observe(event.seconds)
        for stage, seconds in event.stages.items():
            self._stage_seconds.labels(event.kind, stage).observe(seconds)

    def _counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)


class _Gauges(Collector):
    """What is true at this moment, read from the snapshot."""

    def __init__(self, snapshot: Callable[[], Snapshot], version: str) -> None:
        self._snapshot = snapshot
        self._version = version

    def collect(self) -> Iterable[GaugeMetricFamily]:
        now = self._snapshot()
        info = _gauge("info", "Always 1; the label tells the version.", "version")
        info.add_metric([self._version], 1)
        queue = _gauge("queue_depth", "Requests that wait for a model.")
        queue.add_metric([], now.queue_depth)
        yield info
        yield queue
        yield from self._models(now.models)
        yield from self._devices(now.devices)

    @staticmethod
    def _models(models: Sequence[ModelStatus]) -> Iterable[GaugeMetricFamily]:
        state = _gauge("model_state", "1 for the state a model is in.", "model", "kind", "state")
        memory = _gauge(
            "model_memory_bytes",
            "Memory a model holds, 0 if not loaded.",
            "model",
            "device",
        )
        leases = _gauge("model_active_requests", "Requests that use a model.", "model")
        for model in models:
            spec = model.spec
            loaded = model.state in _HOLDS_MEMORY
            state.add_metric([spec.id, str(spec.task), str(model.state)], 1)
            memory.add_metric(
                [spec.id, model.placement.device], model.memory_bytes if loaded else 0
            )
            leases.add_metric([spec.id], model.leases)
        return state, memory, leases

    @staticmethod
    def _devices(devices: Sequence[DeviceStatus]) -> Iterable[GaugeMetricFamily]:
        memory = _gauge(
            "device_memory_bytes",
            "Memory of a device: total, free, budget for models, reserved by loads, "
            "committed to loaded models.",
            "device",
            "what",
        )
        for device in devices:
            figures: dict[str, Any] = {
                "total": device.total,
                "free": device.free,
                "budget": device.budget,
                "reserved": device.reserved,
                "committed": device.committed,
            }
            for what, value in figures.items():
                memory.add_metric([device.device, what], value)
        return (memory,)


_HOLDS_MEMORY: Final = frozenset({"ready", "unloading"})
"""States in which `memory_bytes` is measured rather than a guess."""


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
