"""The bound on the unprocessed bytes of all clients of one port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BusyError
from wyoming_servers.net.connection_limits import BufferBudget
from wyoming_servers.speech.fake import ScriptedRun
from wyoming_servers.speech.tts.synthesis import HELD_BYTES
from wyoming_servers.worker.interface import OutputChunk

Serve = Callable[..., Any]
Connect = Callable[..., Any]


def test_budget_counts_every_client_and_forgets_those_that_left() -> None:
    budget = BufferBudget(1_000)
    budget.update("a", 400)
    budget.update("b", 300)
    budget.update("a", 100)
    assert budget.total == 400
    budget.remove("a")
    assert budget.total == 300
    budget.remove("a")
    budget.update("b", 0)
    assert budget.total == 0


def test_budget_refuses_the_clients_with_more_than_their_share() -> None:
    budget = BufferBudget(1_000)
    budget.update("large", 600)
    budget.update("other", 400)
    budget.update("live", 100)  # over the limit, but far below its share
    with pytest.raises(BusyError):
        budget.update("large", 601)
    with pytest.raises(BusyError):
        budget.update("other", 401)
    budget.update("live", 333)
    with pytest.raises(BusyError):
        budget.update("live", 334)


def test_budget_never_refuses_a_client_that_shrinks() -> None:
    budget = BufferBudget(1_000)
    budget.update("a", 900)
    budget.update("b", 200)
    budget.update("a", 850)
    assert budget.total == 1_050


def test_budget_bounds_the_sum_to_twice_the_limit() -> None:
    budget = BufferBudget(1_000)
    sizes = dict.fromkeys(range(50), 0)
    refused = set()
    for size in range(1, 101):
        for client in sizes.keys() - refused:
            try:
                budget.update(client, size)
            except BusyError:
                refused.add(client)
                budget.remove(client)
            assert budget.total <= 2_000
    assert refused


async def never(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    await asyncio.Event().wait()
    yield OutputChunk({})


async def test_port_disconnects_the_largest_client_and_serves_the_others(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BufferBudget.__init__, "__defaults__", (2_000_000,))
    running = await serve()
    running.coordinator.inferences[Task.TTS] = never
    small = await connect(running.ports["tts"])
    await small.send("synthesize", text="Hello.")
    await small.expect("audio-start")
    large = await connect(running.ports["tts"])

    async def flood() -> None:
        while True:
            await large.send("synthesize", text="x" * 20_000)

    flooding = asyncio.create_task(flood())
    events = await large.read_until("error")
    assert events[-1].data["code"] == "BUSY"
    await running.connected(1)
    assert await small.is_alive()
    with pytest.raises(ConnectionError):
        await flooding


async def endless(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    while True:
        yield OutputChunk({}, bytes(64 * 1024))


async def test_audio_for_clients_that_do_not_read_is_within_the_budget(
    serve: Serve,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(BufferBudget.__init__, "__defaults__", (3 * HELD_BYTES,))
    running = await serve(limits={"max_queued_requests": 100})
    running.coordinator.inferences[Task.TTS] = endless
    clients = [await connect(running.ports["tts"]) for _ in range(8)]
    for client in clients:
        await client.send("synthesize", text="Hello.")
    await running.working(len(clients))
    refused = "sent too much data"
    async with asyncio.timeout(30):
        while running.coordinator.active_leases > 3 or caplog.text.count(refused) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    assert running.coordinator.active_leases
