"""Following a job as it moves on."""

import asyncio
import json
from typing import Any

import httpx

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.core.events import JobProgressed


async def read(
    live: httpx.AsyncClient, job: str, last: str | None = None
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (id, event, data) of a job's stream until it ends."""
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
                fields = {}
    return found


async def test_progress_grows_until_it_is_done(live, send, coordinator, clock) -> None:
    coordinator.gate.clear()
    job = (await send()).json()["job_id"]
    following = asyncio.create_task(read(live, job))
    await asyncio.sleep(0.2)
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


async def test_a_job_that_has_ended_is_done_at_once(live, send, ended) -> None:
    job = (await send()).json()["job_id"]
    await ended(job)
    ((_, event, data),) = await read(live, job)
    assert (event, data["job"]["id"]) == ("done", job)


async def test_a_failure_is_an_error_with_its_message(live, send, coordinator, recording) -> None:
    coordinator.gate.clear()
    job = (await send()).json()["job_id"]
    following = asyncio.create_task(read(live, job))
    await asyncio.sleep(0.2)
    coordinator.lease_errors = [BadRequestError("It hurts.")]
    coordinator.gate.set()
    _, event, data = (await following)[-1]
    assert event == "error"
    assert data == {"type": "error", "message": "It hurts.", "code": "BAD_REQUEST"}


async def test_who_comes_back_hears_what_was_missed(live, send, coordinator, bus) -> None:
    coordinator.gate.clear()
    job = (await send()).json()["job_id"]
    await asyncio.sleep(0.1)
    seen = bus.last_sequence
    for percent in (10, 20):
        bus.publish(JobProgressed(job=job, percent=percent, chunk=1, chunks_total=9))
    following = asyncio.create_task(read(live, job, str(seen)))
    await asyncio.sleep(0.2)
    await live.delete(f"/jobs/{job}")
    events = await following
    assert [data["percent"] for number, _, data in events[1:3]] == [10, 20]
    assert [int(number) for number, _, _ in events[1:3]] == [seen + 1, seen + 2]
    assert events[-1][2]["job"]["status"] == "cancelled"


async def test_streams_end_when_the_server_does(live, send, coordinator, context) -> None:
    coordinator.gate.clear()
    job = (await send()).json()["job_id"]
    following = asyncio.create_task(read(live, job))
    await asyncio.sleep(0.2)
    context.closing.set()
    assert [event for _, event, _ in await following] == ["progress"] * len(await following)
