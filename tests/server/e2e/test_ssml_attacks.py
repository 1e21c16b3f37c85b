"""Markup made to use up memory and time, sent to a real server by clients that do not read."""

import asyncio
import statistics
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psutil
import pytest
from wyoming.event import Event

pytestmark = [pytest.mark.e2e, pytest.mark.component]

MIB = 1024 * 1024

LATE_SECONDS = 0.5
"""Much more than an undisturbed answer takes, and much less than the attacks once took."""

BREAK = '<break time="10s"/>'
THOUSAND_BREAKS = f"Hello. {BREAK * 1_000} Bye."
A_MINUTE_OF_BREAKS = f"Hello. {BREAK * 6} Bye."


def ssml(text: str) -> Event:
    return Event("synthesize", {"text": text, "text_format": "ssml"})


@asynccontextmanager
async def watched(server) -> AsyncIterator[list[float]]:
    """Ask for `/health/live` again and again; collects the seconds of each answer."""
    times: list[float] = []
    url = f"http://127.0.0.1:{server.ports['api']}/health/live"

    def ask() -> None:
        start = time.monotonic()
        with urllib.request.urlopen(url, timeout=30) as answer:
            answer.read()
        times.append(time.monotonic() - start)

    over = asyncio.Event()

    async def watch() -> None:
        while not times or not over.is_set():
            await asyncio.to_thread(ask)
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        yield times
        over.set()


@pytest.mark.parametrize("markup", [THOUSAND_BREAKS, A_MINUTE_OF_BREAKS])
async def test_breaks_of_clients_that_do_not_read_hold_little_memory(server, markup: str) -> None:
    await server.synthesize("Hello.")
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    highest = before
    async with watched(server) as times, AsyncExitStack() as clients:
        for _ in range(4):
            client = await clients.enter_async_context(server.connect("tts"))
            await client.write_event(ssml(markup))
        end = time.monotonic() + 3
        while time.monotonic() < end:
            highest = max(highest, process.memory_info().rss)
            await asyncio.sleep(0.05)
    assert highest - before < 20 * MIB
    assert len(times) > 10
    assert max(times) < LATE_SECONDS
    assert statistics.median(times) < 0.1


async def test_more_than_a_minute_of_breaks_is_refused(server, helpers) -> None:
    async with server.connect("tts") as client:
        await client.write_event(ssml(THOUSAND_BREAKS))
        error = await helpers.read_until(client, "error", "audio-stop")
        assert error.data["code"] == "BAD_REQUEST"
        assert "60 s" in error.data["text"]


@pytest.mark.parametrize("piece", ["<a ", "<!--", '<a b="', "&", "<break/", "[[", "*", "1 ", "! "])
async def test_markup_that_never_ends_delays_nobody(server, helpers, piece: str) -> None:
    async with watched(server) as times, server.connect("tts") as client:
        await client.write_event(ssml(f"Hello. {piece * (19_900 // len(piece))}"))
        answer = await helpers.read_until(client, "audio-chunk", "error")
    # Too many brackets are already refused by the protocol.
    assert answer.type == "audio-chunk" or answer.data["code"] == "BAD_REQUEST", answer.data
    assert max(times) < LATE_SECONDS
