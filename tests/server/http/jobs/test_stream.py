"""The event stream of a job."""

import asyncio
import json
from typing import Any

import httpx

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.core.events import JobProgressed


async def read(
    live: httpx.AsyncClient,
    job: str,
    last: str | None = None,
    started: asyncio.Event | None = None,
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (id, event, data) of a job's stream until it ends; set `started` at the first."""
    found = []
    headers = {"Last-Event-ID": last} if last else {}
    async with (
        asyncio.timeout(10),
        live.stream("GET", f"/jobs/{job}/stream", headers=headers) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif fields.get("data"):
                data = json.loads(fields["data"])
                found.append((fields.get("id", ""), fields["event"], data))
                if started is not None:
                    started.set()
                fields = {}
    return found


async def test_job_stream_sends_progress_and_then_done(live, send, coordinator, clock) -> None:
    coordinator.gate.clear()
    job = (await send()).json()["job_id"]
    started = asyncio.Event()
    following = asyncio.create_task(read(live, job, started=started))
    await started.wait()
    coordinator.gate.set()
    for _ in range(20):
        await clock.advance(0.1)
        await asyncio.sleep(0.01)
    events = await following
    assert [event for _, event, _ in events[:-1]] == ["progress"] * (len(events) - 1)
    last = events[-2][2]
    assert last == {"type": "progress", "percent": 99, "chunk": 2, "chunks_total": 2}
    percents = [data["percent"] for _, _, data in events[:-1]]
    assert percents == sorted(percents)
    _, event, data = events[-1]
    assert (event, data["type"], data["job"]["status"]) == ("done", "done", "done")
    assert len(data["job"]["segments"]) == 2
    assert events[-1][0].isdecimal()


async def test_job_stream_of_an_ended_job_sends_only_done(live, send, ended) -> None:
    job = (await send()).json()["job_id"]
    await ended(job)
    ((_, event, data),) = await read(live, job)
    assert (event, data["job"]["id"]) == ("done", job)


async def test_job_stream_of_a_failed_job_sends_an_error(
    live, send, coordinator, recording
) -> None:
    coordinator.gate.clear()
    job = (await send()).json()["job_id"]
    started = asyncio.Event()
    following = asyncio.create_task(read(live, job, started=started))
    await started.wait()
    coordinator.lease_errors = [BadRequestError("It hurts.")]
    coordinator.gate.set()
    _, event, data = (await following)[-1]
    assert event == "error"
    assert data == {"type": "error", "message": "It hurts.", "code": "BAD_REQUEST"}


async def test_job_stream_resumes_after_the_last_event_id(live, send, coordinator, bus) -> None:
    coordinator.gate.clear()
    job = (await send()).json()["job_id"]
    async with asyncio.timeout(10):
        while not coordinator.waiting:  # noqa: ASYNC110  (the fake has no event for it)
            await asyncio.sleep(0)
    seen = bus.last_sequence
    for percent in (10, 20):
        bus.publish(JobProgressed(job=job, percent=percent, chunk=1, chunks_total=9))
    started = asyncio.Event()
    following = asyncio.create_task(read(live, job, str(seen), started))
    await started.wait()
    await live.delete(f"/jobs/{job}")
    events = await following
    assert [data["percent"] for number, _, data in events[1:3]] == [10, 20]
    assert [int(number) for number, _, _ in events[1:3]] == [seen + 1, seen + 2]
    assert events[-1][2]["job"]["status"] == "cancelled"


async def test_job_streams_end_when_the_server_stops(live, send, coordinator, context) -> None:
    coordinator.gate.clear()
    job = (await send()).json()["job_id"]
    started = asyncio.Event()
    following = asyncio.create_task(read(live, job, started=started))
    await started.wait()
    context.closing.set()
    assert [event for _, event, _ in await following] == ["progress"] * len(await following)
