"""Prometheus metrics: counters fed by events, gauges read from a snapshot at each scrape.

Each `Metrics` has its own registry, so that two servers in one process do not share metrics. No
label contains a client, a text or anything else of unbounded number.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from wyoming_servers.core import events
from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import Event
from wyoming_servers.scheduling.status import DeviceStatus, ModelStatus, Snapshot

PREFIX: Final = "wyoming_conductor"

_LOAD_BUCKETS: Final = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
"""Seconds: from a small voice in the page cache to a large model on a slow disk."""

_REQUEST_BUCKETS: Final = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60)
"""Seconds: users notice from about 0.2, and requests time out at 60 by default."""


_LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
"""Seconds: a quarter is where the watchdog logs the culprit."""


class Metrics:
    """All metrics of one server."""

    def __init__(self, snapshot: Callable[[], Snapshot], version: str = "") -> None:
        """`snapshot` is called at each scrape, in the thread of the scrape."""
        self.registry = CollectorRegistry(auto_describe=False)
        model = ("model", "device")
        self._loads = self._counter("model_loads", "Model loads that succeeded.", model)
        self._load_seconds = Histogram(
            f"{PREFIX}_model_load_seconds",
            "Seconds from the start of a worker until its model is warm.",
            model,
            buckets=_LOAD_BUCKETS,
            registry=self.registry,
        )
        self._unloads = self._counter(
            "model_unloads", "Model unloads by reason.", ("model", "reason")
        )
        self._evictions = self._counter(
            "model_evictions", "Idle models unloaded to free memory for another.", ("model",)
        )
        self._waits = self._counter("model_waits", "Loads that had to wait for memory.", model)
        self._fallbacks = self._counter(
            "model_fallbacks", "Uses of a fallback placement.", ("model", "to_device")
        )
        self._model_failures = self._counter(
            "model_failures", "Failed loads and crashed workers by error code.", ("model", "code")
        )
        self._requests = self._counter(
            "requests", "Finished requests by code: OK or an error code.", ("kind", "code")
        )
        self._request_seconds = Histogram(
            f"{PREFIX}_request_seconds",
            "Seconds from a request to its end.",
            ("kind", "model"),
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            f"{PREFIX}_request_stage_seconds",
            "Seconds of one stage of a request, such as queue, inference, first_audio.",
            ("kind", "stage"),
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._retries = self._counter(
            "request_retries",
            "Requests that were retried, by the error of the first attempt.",
            ("kind", "code"),
        )
        self._phrases = self._counter(
            "phrases", "Synthesized phrases by source: cache or inference.", ("source",)
        )
        self._speculations = self._counter(
            "speculations",
            "Speculative transcriptions by outcome: used, void, failed.",
            ("model", "outcome"),
        )
        self._detections = self._counter("wake_detections", "Detected wake words.", ("word",))
        self._loop_lag = Histogram(
            f"{PREFIX}_event_loop_lag_seconds",
            "Seconds that a callback waited for the event loop; ten samples a second.",
            buckets=_LAG_BUCKETS,
            registry=self.registry,
        )
        Gauge(
            f"{PREFIX}_tasks",
            "Tasks of the event loop; a number that only grows is a leak.",
            registry=self.registry,
        ).set_function(_count_tasks)
        self._lost = self._counter("events_lost", "Events that these metrics missed.", ())
        self.registry.register(_Gauges(snapshot, version))

    def observe(self, event: Event) -> None:
        """Count one event; events without a metric are ignored."""
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

    def observe_loop_lag(self, seconds: float) -> None:
        """Count one sample of the event loop's lag; may be called in any thread."""
        self._loop_lag.observe(seconds)

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
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def _count_request(self, event: events.RequestFinished) -> None:
        self._requests.labels(event.kind, event.code or "OK").inc()
        if event.phrases:
            self._phrases.labels("cache").inc(event.cached)
            self._phrases.labels("inference").inc(event.phrases - event.cached)
        if event.code:
            # A refusal takes no time and a timeout all of it; neither is a response time.
            return
        self._request_seconds.labels(event.kind, event.model).observe(event.seconds)
        for stage, seconds in event.stages.items():
            self._stage_seconds.labels(event.kind, stage).observe(seconds)

    def _counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)


def _count_tasks() -> float:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # no event loop in this thread
        return 0


class _Gauges(Collector):
    """Reads the gauges from a snapshot at each scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot], version: str) -> None:
        self._snapshot = snapshot
        self._version = version

    def collect(self) -> Iterable[GaugeMetricFamily]:
        snapshot = self._snapshot()
        info = _gauge("info", "Always 1; the label is the version.", "version")
        info.add_metric([self._version], 1)
        queue = _gauge("queue_depth", "Requests waiting for a model.")
        queue.add_metric([], snapshot.queue_depth)
        yield info
        yield queue
        yield from self._models(snapshot.models)
        yield from self._devices(snapshot.devices)

    @staticmethod
    def _models(models: Sequence[ModelStatus]) -> Iterable[GaugeMetricFamily]:
        state = _gauge(
            "model_state", "1 for the current state of each model.", "model", "kind", "state"
        )
        memory = _gauge(
            "model_memory_bytes",
            "Memory of a loaded model in bytes, else 0.",
            "model",
            "device",
        )
        leases = _gauge("model_active_requests", "Requests that are using a model.", "model")
        for model in models:
            spec = model.spec
            loaded = model.state in _MEASURED_STATES
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
            "Memory of a device in bytes: total, free, budget for models, reserved by loads in "
            "progress, committed to loaded models.",
            "device",
            "what",
        )
        for device in devices:
            sizes = {
                "total": device.total,
                "free": device.free,
                "budget": device.budget,
                "reserved": device.reserved,
                "committed": device.committed,
            }
            for what, size in sizes.items():
                memory.add_metric([device.device, what], size)
        return (memory,)


_MEASURED_STATES: Final = frozenset({ModelState.READY, ModelState.UNLOADING})
"""States in which `memory_bytes` is a measurement; in others it is an estimate."""


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
