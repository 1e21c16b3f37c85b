import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BusyError
from wyoming_servers.speech.fake import ScriptedRun
from wyoming_servers.worker.interface import OutputChunk

Serve = Callable[..., Any]
Connect = Callable[..., Any]


async def test_connections_beyond_the_limit_get_busy(serve: Serve, connect: Connect) -> None:
    running = await serve(limits={"max_connections": 2})
    first, second = [await connect(running.ports["asr"]) for _ in range(2)]
    for client in (first, second):
        await client.send("transcribe")
        assert await client.is_alive()
    third = await connect(running.ports["asr"])
    await third.send("describe")
    assert (await third.expect("error"))["code"] == "BUSY"
    assert await third.read() is None
    other = await connect(running.ports["tts"])
    assert await other.is_alive()
    await first.leave()
    await running.connected(2)  # the second one, and the other port's
    fourth = await connect(running.ports["asr"])
    assert await fourth.is_alive()


async def test_many_clients_are_served_at_the_same_time(serve: Serve, connect: Connect) -> None:
    running = await serve()
    clients = [await connect(running.ports["tts"]) for _ in range(100)]
    for client in clients:
        await client.send("synthesize", text="Hello.")
    for client in clients:
        await client.read_until("audio-stop")
    assert len(running.coordinator.runs) == 100
    await running.all_released()


async def test_port_in_use_is_named_and_nothing_stays_open(serve: Serve, connect: Connect) -> None:
    running = await serve()
    taken = running.ports["tts"]
    with pytest.raises(BusyError, match=rf"Port {taken} .*choose another tts.port"):
        await serve(tts={"port": taken})


async def test_disabled_service_has_no_port(serve: Serve) -> None:
    running = await serve(wake={"enabled": False}, asr={"enabled": False})
    assert set(running.ports) == {"tts"}


def held_back(gate: asyncio.Event) -> Callable[[ScriptedRun], AsyncIterator[OutputChunk]]:
    """Make a voice that waits for the gate before its last audio."""

    async def speak(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        yield OutputChunk({}, bytes(8_192))
        await gate.wait()
        yield OutputChunk({}, bytes(8_192))

    return speak


async def test_stop_lets_open_requests_end_and_accepts_no_others(
    serve: Serve, connect: Connect
) -> None:
    running = await serve(FakeClock())
    gate = asyncio.Event()
    running.coordinator.inferences[Task.TTS] = held_back(gate)
    port = running.ports["tts"]
    idle = await connect(port)
    assert await idle.is_alive()
    busy = await connect(port)
    await busy.send("synthesize", text="Hello.")
    await busy.read_until("audio-chunk")
    stopping = asyncio.create_task(running.servers.stop(grace=10))
    assert await idle.read() is None
    with pytest.raises(ConnectionRefusedError):
        await connect(port)
    assert not stopping.done()
    gate.set()
    await busy.read_until("audio-stop")
    assert await busy.read() is None
    await stopping


async def test_stop_sends_an_error_after_the_grace_period(serve: Serve, connect: Connect) -> None:
    clock = FakeClock()
    running = await serve(clock)
    running.coordinator.inferences[Task.TTS] = held_back(asyncio.Event())
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text="Hello.")
    await client.read_until("audio-chunk")
    stopping = asyncio.create_task(running.servers.stop(grace=10))
    await clock.advance(9)
    assert not stopping.done()
    await clock.advance(1.1)
    events = await client.read_until("error")
    assert events[-1].data["code"] == "SHUTTING_DOWN"
    assert await client.read() is None
    await client.leave()
    await stopping
    assert running.coordinator.active_leases == 0


async def test_stop_does_not_wait_for_wake_streams(serve: Serve, connect: Connect) -> None:
    running = await serve(FakeClock())
    client = await connect(running.ports["wake"])
    await client.send("detect")
    await client.send("audio-chunk", bytes(960), rate=16_000, width=2, channels=1)
    await running.leased()
    stopping = asyncio.create_task(running.servers.stop(grace=10))
    assert await client.read() is None
    await client.leave()
    await stopping
    assert running.coordinator.active_leases == 0


async def test_stop_can_be_called_twice(serve: Serve) -> None:
    running = await serve()
    await running.servers.stop()
    await running.servers.stop()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["", "::"])
async def test_server_on_every_address_accepts_ipv4_and_ipv6(serve: Serve, host: str) -> None:
    running = await serve(host=host)
    for address in ("127.0.0.1", "::1"):
        reader, writer = await asyncio.open_connection(address, running.ports["asr"])
        writer.write(b'{"type": "ping"}\n')
        assert b"pong" in await asyncio.wait_for(reader.readline(), 10)
        writer.close()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_server_names_an_ipv4_client_by_its_ipv4_address(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve(host="::")
    client = await connect(running.ports["asr"])
    await client.send_utterance(speech(1.0))
    await client.read_until("transcript-stop")
    (finished,) = [
        item.event for item in running.bus.recent() if item.event.type == "request_finished"
    ]
    assert finished.client.startswith("127.0.0.1:")
