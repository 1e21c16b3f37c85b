"""What one client may send, hold and keep open."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.wyoming.connection import BUSY_SECONDS, FRAME_SECONDS

Serve = Callable[..., Any]
Connect = Callable[..., Any]


@pytest.mark.parametrize(
    "beginning",
    [b"{", b'{"type": "audio-chunk", "payload_length": 900}\n', b'{"type":"transcribe"}\n{"ty'],
)
async def test_event_that_is_not_completed_ends_the_connection(
    serve: Serve, connect: Connect, fake_clock: FakeClock, beginning: bytes
) -> None:
    running = await serve(fake_clock, limits={"idle_timeout": 300})
    client = await connect(running.ports["asr"])
    assert await client.is_alive()
    await client.send_bytes(beginning)
    trickling = asyncio.create_task(_advance_until_closed(fake_clock, client))
    events = await client.read_until("error")
    assert events[-1].data["code"] == "TIMEOUT"
    assert await client.read() is None
    assert await trickling <= 2 * FRAME_SECONDS


async def _advance_until_closed(clock: FakeClock, client: Any) -> float:
    """Let time pass, and return it; the client sends bytes now and then, so it is not idle."""
    started = clock.now()
    while not client.reader.at_eof() and clock.now() <= started + 3 * FRAME_SECONDS:
        await clock.advance(5)
        with contextlib.suppress(ConnectionError):
            await client.send_bytes(b" ")
        await asyncio.sleep(0.01)
    return clock.now() - started


async def test_complete_events_may_be_far_apart(
    serve: Serve, connect: Connect, fake_clock: FakeClock
) -> None:
    running = await serve(fake_clock, limits={"idle_timeout": 300})
    client = await connect(running.ports["asr"])
    for _ in range(4):
        assert await client.is_alive()
        await fake_clock.advance(3 * FRAME_SECONDS)
    assert await client.is_alive()


async def test_payload_of_an_event_without_one_ends_the_connection(
    serve: Serve, connect: Connect
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("user-event", b"abc")
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"
    assert await client.read() is None


async def test_client_with_an_open_request_is_not_idle_while_it_sends(
    serve: Serve, connect: Connect, fake_clock: FakeClock, speech: Callable[[float], bytes]
) -> None:
    limits = {"max_connections_per_address": 1}
    running = await serve(fake_clock, limits=limits)
    first = await connect(running.ports["asr"])
    await first.send("transcribe")
    assert await first.is_alive()
    refused = await connect(running.ports["asr"])
    assert (await refused.expect("error"))["code"] == "BUSY"
    await fake_clock.advance(BUSY_SECONDS + 1)
    second = await connect(running.ports["asr"])
    assert await second.is_alive()
    assert (await first.expect("error"))["code"] == "BUSY"
    assert await first.read() is None


@pytest.mark.parametrize("field", ["transcript_names", "transcript_terms"])
@pytest.mark.parametrize(
    "word", ["\ud800 kitchen", "x" * 201, "kitchen\udfff"], ids=["high", "long", "low"]
)
async def test_names_that_no_vocabulary_accepts_are_refused(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes], field: str, word: str
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("transcribe", **{field: ["Kitchen", word]})
    error = await client.expect("error")
    assert error["code"] == "BAD_REQUEST"
    assert "number 2" in error["text"]
    await client.send_utterance(speech(1.0), **{field: ["Kitchen", "x" * 200]})
    await client.expect("transcript")


async def test_budget_counts_the_audio_of_open_utterances(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("transcribe", context={"turn_detection": False})
    await client.audio(speech(5.0))
    assert await client.is_alive()
    await running.leased()
    (held,) = {
        connection._memory
        for server in running.servers._servers.values()
        for connection in server._connections
    }
    assert held >= 100_000
    await client.leave()
    await running.empty()
    assert running.servers._servers["asr"]._shared.budget.total == 0
