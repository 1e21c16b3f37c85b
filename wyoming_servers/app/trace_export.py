"""Exports traces to the OpenTelemetry collector that is configured at the moment."""

import asyncio

from wyoming_servers import __version__
from wyoming_servers.app.context import AppContext
from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.telemetry.otlp import OtlpExporter
from wyoming_servers.telemetry.traces import Trace, TraceBuffer


class TraceExport:
    """Starts and stops an `OtlpExporter` as `telemetry.otlp_endpoint` changes."""

    def __init__(self, context: AppContext, traces: TraceBuffer) -> None:
        self._context = context
        self._endpoint = ""
        self._exporter: OtlpExporter | None = None
        self._task: asyncio.Task[None] | None = None
        traces.add_listener(self._add)
        context.stack.push_async_callback(self._stop)

    async def configure(self, endpoint: str) -> None:
        """Export to this collector from now on; to none if `endpoint` is empty."""
        if endpoint == self._endpoint:
            return
        await self._stop()
        self._endpoint = endpoint
        if endpoint:
            exporter = OtlpExporter(endpoint, self._context.clock, version=__version__)
            self._exporter = exporter
            self._task = self._context.tasks.start(exporter.run, "OpenTelemetry")

    def _add(self, trace: Trace) -> None:
        if self._exporter is not None:
            self._exporter.add(trace)

    async def _stop(self) -> None:
        self._exporter = None
        if self._task is not None:
            await cancel_and_wait(self._task)
            self._task = None
