"""`/logs`, `/history` and `/diagnostics`: why the server is slow or has failed."""

import asyncio
import platform
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sse_starlette import ServerSentEvent
from starlette.responses import JSONResponse

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.http import schemas
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes import models
from wyoming_servers.http.streaming import (
    EVENT_STREAM_ROUTE,
    ManagedEventSourceResponse,
    sse_event,
)
from wyoming_servers.telemetry.log_buffer import LogLine, redact

router = APIRouter(tags=["system"], responses={**PROBLEM_RESPONSES})

_LEVELS: Final = ("debug", "info", "warning", "error", "critical")

Level = Literal["debug", "info", "warning", "error"]

_PRIVATE_KEYS: Final = frozenset(
    {"api_key", "password", "secret", "token", "initial_prompt", "instructions", "transcript_names"}
)
"""Keys of the configuration whose values are not put into diagnostics."""


class LogLineResponse(BaseModel):
    """One line of the log."""

    number: int = Field(description="Increases with each line; starts again with the server.")
    at: str = Field(description="ISO 8601, UTC.")
    level: str
    logger: str
    text: str = Field(description="The message, and a traceback below.")


class LogResponse(BaseModel):
    """The last lines of the log, oldest first."""

    lines: list[LogLineResponse]


class DeviceSampleResponse(BaseModel):
    """Memory of a device at one moment, in bytes."""

    total_bytes: int
    used_bytes: int = Field(description="Used by all programs.")
    model_bytes: int = Field(description="Used by loaded models.")
    utilisation: float | None = Field(description="Utilization from 0 to 1; null if unknown.")


class SampleResponse(BaseModel):
    """The server at one moment."""

    at: float = Field(description="Seconds since 1970.")
    devices: dict[str, DeviceSampleResponse]
    active_requests: int
    queue_depth: int


class HistoryResponse(BaseModel):
    """The last hour, oldest first."""

    samples: list[SampleResponse]


@router.get("/logs", summary="Show the end of the log")
async def get_logs(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
    level: Annotated[Level, Query(description="Lowest severity to include.")] = "debug",
) -> LogResponse:
    """Contains what the server wrote since its start, at the level of `log.level`."""
    lines = [line for line in _lines(context) if _is_at_least(line, level)]
    return LogResponse(lines=[_line_response(line) for line in lines[-limit:]])


@router.get("/logs/stream", summary="Follow the log", **EVENT_STREAM_ROUTE)
async def stream_logs(
    context: Context,
    after: Annotated[int, Query(ge=0, description="Number of the last known line.")] = 0,
) -> ManagedEventSourceResponse:
    """Sends `log_line` messages with the fields of `GET /logs`."""
    return ManagedEventSourceResponse(_follow(context, after), ping=context.heartbeat)


@router.get("/history", summary="Show memory, load and queue of the last hour")
async def get_history(context: Context) -> HistoryResponse:
    """One sample every ten seconds."""
    samples = context.history.samples if context.history is not None else ()
    return HistoryResponse(
        samples=[
            SampleResponse(
                at=sample.time,
                devices={
                    name: DeviceSampleResponse(
                        total_bytes=device.total,
                        used_bytes=device.used,
                        model_bytes=device.models,
                        utilisation=device.utilisation,
                    )
                    for name, device in sample.devices.items()
                },
                active_requests=sample.active_requests,
                queue_depth=sample.queue_depth,
            )
            for sample in samples
        ]
    )


@router.get("/diagnostics", summary="Download diagnostics", response_class=JSONResponse)
async def get_diagnostics(context: Context) -> JSONResponse:
    """One JSON file for a bug report: versions, configuration, models, devices, recent requests and
    the end of the log. It contains no tokens, no texts of requests, no names of this home, and no
    addresses of clients.
    """
    snapshot = context.coordinator.snapshot()
    stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%d-%H%M%S")
    details = models.model_responses(context, snapshot)
    content = {
        "at": iso_timestamp(time.time()),
        "version": context.version,
        "uptime_secs": round(time.time() - context.started),
        "python": sys.version,
        "platform": await asyncio.to_thread(platform.platform),
        "ready": context.ready(),
        "configuration": _redact_config(context.config.model_dump(mode="json")),
        "devices": [schemas.device_response(one).model_dump() for one in snapshot.devices],
        "models": [one.model_dump(exclude_none=True) for one in details],
        "queue_depth": snapshot.queue_depth,
        "requests": [
            {
                "kind": trace.kind,
                "model": trace.model,
                "device": trace.device,
                "ended_at": iso_timestamp(trace.ended),
                "seconds": trace.seconds,
                "code": trace.code,
                "stages": dict(trace.stages),
            }
            for trace in (context.traces.latest(200) if context.traces else ())
        ],
        "log": [
            f"{iso_timestamp(line.time)} {line.level} {line.logger}: {redact(line.text)}"
            for line in _lines(context)
        ],
    }
    name = f"wyoming-conductor-diagnostics-{stamp}.json"
    return JSONResponse(content, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def _follow(context: ApiContext, after: int) -> AsyncGenerator[ServerSentEvent, None]:
    if context.log_buffer is None:
        return
    async with aclosing(context.log_buffer.follow(after, context.closing)) as lines:
        async for line in lines:
            yield sse_event({"type": "log_line", **_line_response(line).model_dump()})


def _lines(context: ApiContext) -> tuple[LogLine, ...]:
    return context.log_buffer.lines if context.log_buffer is not None else ()


def _is_at_least(line: LogLine, level: str) -> bool:
    return _LEVELS.index(line.level) >= _LEVELS.index(level) if line.level in _LEVELS else True


def _line_response(line: LogLine) -> LogLineResponse:
    return LogLineResponse(
        number=line.number,
        at=iso_timestamp(line.time),
        level=line.level,
        logger=line.logger,
        text=redact(line.text),
    )


def _redact_config(value: Any, key: str = "") -> Any:
    if key in _PRIVATE_KEYS and value:
        return "(redacted)"
    if isinstance(value, Mapping):
        return {name: _redact_config(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_redact_config(item) for item in value]
    return redact(value) if isinstance(value, str) else value
