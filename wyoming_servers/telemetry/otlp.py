"""Sends traces to an OpenTelemetry collector, as OTLP over HTTP in its JSON form.

It is small enough to be written out: the SDK would bring protobuf and a dozen packages.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import httpx

from wyoming_servers.core.clock import Clock
from wyoming_servers.telemetry.traces import Trace

_LOGGER: Final = logging.getLogger(__name__)

_BATCH_SIZE: Final = 100
_MAX_QUEUED: Final = 1_000
"""Traces kept while the collector does not answer; then the oldest are dropped."""

_INTERVAL_SECONDS: Final = 5.0
"""Between two batches, and before a failed one is tried again."""

_TIMEOUT_SECONDS: Final = 10.0
_KIND_INTERNAL: Final = 1
_KIND_SERVER: Final = 2
_STATUS_ERROR: Final = 2

_STAGE_NAMES: Final = {"inference": "decode"}
"""Stages that are called otherwise where traces of many programs are looked at."""

ClientFactory = Callable[[], httpx.AsyncClient]


class OtlpExporter:
    """Takes traces with `add`, sends them from `run`."""

    def __init__(
        self,
        endpoint: str,
        clock: Clock,
        *,
        version: str = "",
        client_factory: ClientFactory = httpx.AsyncClient,
    ) -> None:
        """`endpoint` is the collector's base address, such as `http://localhost:4318`."""
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        self._clock = clock
        self._version = version
        self._client_factory = client_factory
        self._queue: deque[Trace] = deque(maxlen=_MAX_QUEUED)
        self._failing = False

    def add(self, trace: Trace) -> None:
        """Queue a trace."""
        self._queue.append(trace)

    async def run(self) -> None:
        """Send until cancelled; a collector that is away is tried again, and said once."""
        async with await asyncio.to_thread(self._client_factory) as client:
            while True:
                await self._clock.sleep(_INTERVAL_SECONDS)
                while self._queue:
                    batch = list(self._queue)[:_BATCH_SIZE]
                    if not await self._send(client, batch):
                        break
                    for _ in range(min(len(batch), len(self._queue))):
                        self._queue.popleft()

    async def _send(self, client: httpx.AsyncClient, batch: list[Trace]) -> bool:
        try:
            answer = await client.post(
                self._url, json=render(batch, self._version), timeout=_TIMEOUT_SECONDS
            )
            answer.raise_for_status()
        except httpx.HTTPError as err:
            if not self._failing:
                _LOGGER.warning("traces cannot be sent to %s: %s", self._url, err)
            self._failing = True
            return False
        self._failing = False
        return True


def render(traces: list[Trace], version: str = "") -> dict[str, Any]:
    """Return an ExportTraceServiceRequest: a span per request, its stages as spans below it."""
    resource = {"service.name": "wyoming-conductor", "service.version": version}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [
                    {
                        "scope": {"name": "wyoming_servers"},
                        "spans": [span for trace in traces for span in _spans(trace)],
                    }
                ],
            }
        ]
    }


def _spans(trace: Trace) -> list[dict[str, Any]]:
    """Return the request's own span, from its first sound to its end, then one per stage.

    How long somebody spoke is part of it: `conductor.seconds` is how long it took after that.
    """
    parent = secrets.token_hex(8)
    began = min([trace.ended - trace.seconds, *(span.began for span in trace.spans)])
    attributes: dict[str, Any] = {
        "conductor.kind": trace.kind,
        "conductor.model": trace.model,
        "conductor.device": trace.device,
        "conductor.seconds": trace.seconds,
        "client.address": trace.client,
        **{f"conductor.stage.{name}_seconds": value for name, value in trace.stages.items()},
    }
    if trace.code:
        attributes["error.type"] = trace.code
    whole = {
        **_span(trace.id, parent, trace.kind, began, trace.ended),
        "kind": _KIND_SERVER,
        "attributes": _attributes(attributes),
        "events": [
            {"name": "speech_end", "timeUnixNano": _nanoseconds(span.ended)}
            for span in trace.spans
            if span.stage == "speech"
        ],
        "status": {"code": _STATUS_ERROR, "message": trace.message} if trace.code else {},
    }
    stages = [
        {
            **_span(
                trace.id,
                secrets.token_hex(8),
                _STAGE_NAMES.get(span.stage, span.stage),
                span.began,
                span.ended,
            ),
            "parentSpanId": parent,
            "kind": _KIND_INTERNAL,
            "attributes": _attributes({"conductor.model": trace.model}),
        }
        for span in sorted(trace.spans, key=lambda span: span.began)
    ]
    return [whole, *stages]


def _span(trace: str, span: str, name: str, began: float, ended: float) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": span,
        "name": name,
        "startTimeUnixNano": _nanoseconds(began),
        "endTimeUnixNano": _nanoseconds(ended),
    }


def _nanoseconds(seconds: float) -> str:
    return str(int(seconds * 1e9))


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "value": {"doubleValue": value}
            if isinstance(value, float)
            else {"stringValue": str(value)},
        }
        for key, value in values.items()
    ]
