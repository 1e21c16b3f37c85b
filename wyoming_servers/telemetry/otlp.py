"""Sends traces to an OpenTelemetry collector: OTLP over HTTP, JSON encoding.

Written by hand because the SDK brings protobuf and a dozen packages.
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
"""Traces kept while the collector does not respond; beyond that the oldest are dropped."""

_INTERVAL_SECONDS: Final = 5.0
"""Between two batches, and before a failed one is sent again."""

_TIMEOUT_SECONDS: Final = 10.0
_KIND_INTERNAL: Final = 1
_KIND_SERVER: Final = 2
_STATUS_ERROR: Final = 2

_STAGE_NAMES: Final = {"inference": "decode"}
"""Stages with another name in traces."""

ClientFactory = Callable[[], httpx.AsyncClient]


class OtlpExporter:
    """Queues traces in `add`; `run` sends them."""

    def __init__(
        self,
        endpoint: str,
        clock: Clock,
        *,
        version: str = "",
        client_factory: ClientFactory = httpx.AsyncClient,
    ) -> None:
        """`endpoint` is the collector's base URL, such as `http://localhost:4318`."""
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
        """Send until cancelled; retry while the collector is unreachable, with one warning."""
        async with await asyncio.to_thread(self._client_factory) as client:
            while True:
                await self._clock.sleep(_INTERVAL_SECONDS)
                while self._queue:
                    batch = self._take_batch()
                    if not await self._send(client, batch):
                        self._put_back(batch)
                        break

    def _take_batch(self) -> list[Trace]:
        # Out of the queue at once: while a batch is sent, a full queue drops its oldest traces.
        return [self._queue.popleft() for _ in range(min(_BATCH_SIZE, len(self._queue)))]

    def _put_back(self, batch: list[Trace]) -> None:
        """Queue a failed batch again before newer traces, as much of it as fits."""
        room = _MAX_QUEUED - len(self._queue)
        self._queue.extendleft(reversed(batch[max(0, len(batch) - room) :]))

    async def _send(self, client: httpx.AsyncClient, batch: list[Trace]) -> bool:
        try:
            response = await client.post(
                self._url, json=render(batch, self._version), timeout=_TIMEOUT_SECONDS
            )
            response.raise_for_status()
        except httpx.HTTPError as err:
            if not self._failing:
                _LOGGER.warning("cannot send traces to %s: %s", self._url, err)
            self._failing = True
            return False
        self._failing = False
        return True


def render(traces: list[Trace], version: str = "") -> dict[str, Any]:
    """Return an ExportTraceServiceRequest: one span per request, its stages as child spans."""
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
    """Return the request's span, then one per stage.

    The span of an utterance includes the speech itself; `conductor.seconds` is the time from the
    end of the speech to the response.
    """
    parent = secrets.token_hex(8)
    start = min([trace.ended - trace.seconds, *(span.start for span in trace.spans)])
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
    request = {
        **_span(trace.id, parent, trace.kind, start, trace.ended),
        "kind": _KIND_SERVER,
        "attributes": _attributes(attributes),
        "events": [
            {"name": "speech_end", "timeUnixNano": _nanoseconds(span.end)}
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
                span.start,
                span.end,
            ),
            "parentSpanId": parent,
            "kind": _KIND_INTERNAL,
            "attributes": _attributes({"conductor.model": trace.model}),
        }
        for span in sorted(trace.spans, key=lambda span: span.start)
    ]
    return [request, *stages]


def _span(trace: str, span: str, name: str, start: float, end: float) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": span,
        "name": name,
        "startTimeUnixNano": _nanoseconds(start),
        "endTimeUnixNano": _nanoseconds(end),
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
