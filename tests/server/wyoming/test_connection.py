"""Misbehaving clients on every port: invalid bytes, lost connections, floods."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import Task
from wyoming_servers.speech.fake import ScriptedRun
from wyoming_servers.worker.interface import OutputChunk
from wyoming_servers.wyoming.connection import close

Serve = Callable[..., Any]
Connect = Callable[..., Any]
SERVICES = pytest.mark.parametrize("service", ["asr", "tts", "wake"])
AUDIO = {"rate": 16_000, "width": 2, "channels": 1}

INVALID_BYTES = {
    "a header line of 65 KiB": b'{"type": "' + b"x" * 66_560 + b'"}\n',
    "a line without an end": b"x" * 200_000,
    "a payload of 4 GiB": b'{"type": "audio-chunk", "payload_length": 4294967296}\n',
    "data of 4 GiB": b'{"type": "audio-chunk", "data_length": 4294967296}\n',
    "a negative length": b'{"type": "audio-chunk", "payload_length": -1}\n',
    "a length that is a string": b'{"type": "audio-chunk", "payload_length": "9"}\n',
    "no JSON": b"GET / HTTP/1.1\r\n\r\n",
    "bytes that are not UTF-8": b"\xff\xfe\x00\n",
    "JSON that is not an object": b"[1, 2, 3]\n",
    "no type": b'{"data": {}}\n',
    "a type that is not a string": b'{"type": 5}\n',
    "data that is not an object": b'{"type": "describe", "data": 7}\n',
    "a data block that is not JSON": b'{"type": "transcribe", "data_length": 3}\n{{{',
    "deep nesting": b'{"type": "describe", "data": {"a": ' + b"[" * 50_000 + b"\n",
    "an empty line": b"\n",
}


@SERVICES
async def test_describe_and_ping_are_answered(serve: Serve, service: str) -> None:
    running = await serve()
    async with AsyncTcpClient("127.0.0.1", running.ports[service], read_timeout=10) as client:
        await client.write_event(Describe().event())
        event = await client.read_event()
        assert event is not None
        info = Info.from_event(event)
        programs = {"asr": info.asr, "tts": info.tts, "wake": info.wake}
        assert [name for name, found in programs.items() if found] == [service]
        await client.write_event(Ping("hello").event())
        event = await client.read_event()
        assert event is not None
        assert Pong.from_event(event).text == "hello"
    assert (running.coordinator.leased, running.coordinator.prefetched) == ([], [])


@SERVICES
@pytest.mark.parametrize("garbage", INVALID_BYTES.values(), ids=INVALID_BYTES.keys())
async def test_invalid_bytes_get_an_error_and_end_the_connection(
    serve: Serve, connect: Connect, service: str, garbage: bytes
) -> None:
    running = await serve()
    client = await connect(running.ports[service])
    await client.send_bytes(garbage)
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"
    assert await client.read() is None
    await client.leave()
    await running.empty()
    other = await connect(running.ports[service])
    assert await other.is_alive()


async def test_error_reaches_a_client_that_keeps_sending(serve: Serve, connect: Connect) -> None:
    running = await serve()
    for _ in range(5):
        client = await connect(running.ports["asr"])
        await client.send_bytes(b"no event\n" + bytes(500_000))
        await client.send_bytes(bytes(500_000))
        await asyncio.sleep(0.05)
        assert (await client.expect("error"))["code"] == "BAD_REQUEST"
        await client.leave()


@SERVICES
async def test_half_an_event_does_not_affect_other_clients(
    serve: Serve, connect: Connect, service: str
) -> None:
    running = await serve()
    other = await connect(running.ports[service])
    for half in (b'{"type": "aud', b'{"type": "audio-chunk", "payload_length": 960}\nabc'):
        client = await connect(running.ports[service])
        await client.send_bytes(half)
        await client.leave()
    await running.connected(1)
    assert await other.is_alive()


async def test_event_may_arrive_byte_by_byte(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    for byte in b'{"type": "ping", "data_length": 14}\n{"text": "hi"}':
        await client.send_bytes(bytes([byte]))
    assert await client.expect("pong") == {"text": "hi"}


@SERVICES
async def test_unknown_events_and_fields_are_ignored(
    serve: Serve, connect: Connect, service: str
) -> None:
    running = await serve()
    client = await connect(running.ports[service])
    await client.send("run-satellite")
    await client.send("select-program", name="wyoming-conductor")
    await client.send("select-program", name="no such program")
    await client.send("select-program", name=5)
    await client.send("user-event", name="x", data={"deep": [1]})
    await client.send("x" * 10_000)
    await client.send_bytes(b'{"type": "audio-nothing", "version": 9, "more": []}\n')
    await client.send("ping", text=["no", "text"])
    assert await client.expect("pong") == {"text": None}
    assert await client.is_alive()


async def never(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    await asyncio.Event().wait()
    yield OutputChunk({})


@pytest.mark.parametrize("service", ["asr", "tts"])
async def test_describe_is_answered_while_a_request_is_running(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes], service: str
) -> None:
    running = await serve()
    running.coordinator.inferences |= {Task.ASR: never, Task.TTS: never}
    client = await connect(running.ports[service])
    if service == "asr":
        await client.send_utterance(speech(1.0))
        await client.send_utterance(speech(1.0))
        await client.read_until("voice-stopped")
        expected = ["info", "pong"]
    else:
        await client.send("synthesize", text="Hello.")
        await client.send("synthesize", text="Hello.")
        await client.expect("audio-start")
        expected = ["info", "pong"]
    await running.leased()
    await client.send("describe")
    await client.send("ping")
    assert [(await client.read()).type for _ in expected] == expected


async def test_connection_answers_describe_while_another_client_floods(
    serve: Serve, connect: Connect
) -> None:
    running = await serve(asr={"turn_detection": False, "max_utterance": 600})
    flood = await connect(running.ports["asr"])
    other = await connect(running.ports["asr"])
    sent = asyncio.Event()

    async def send() -> None:
        await flood.send("transcribe")
        while True:
            await flood.send("audio-chunk", bytes(320_000), **AUDIO)
            sent.set()

    sending = asyncio.create_task(send())
    for _ in range(5):
        sent.clear()
        await asyncio.wait_for(sent.wait(), 10)  # the flood goes on
        async with asyncio.timeout(2):  # takes milliseconds on an idle machine
            await other.send("describe")
            await other.expect("info")
    assert not sending.done()
    sending.cancel()
    await asyncio.wait([sending])


async def test_silent_client_is_disconnected(serve: Serve, connect: Connect) -> None:
    clock = FakeClock()
    running = await serve(clock, limits={"idle_timeout": 60})
    client = await connect(running.ports["asr"])
    assert await client.is_alive()
    await clock.advance(59)
    assert await client.is_alive()
    await clock.advance(59)
    assert sum(running.servers.connections.values()) == 1
    await clock.advance(2)
    assert await client.read() is None


async def test_client_that_stops_inside_a_request_gets_an_error(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    clock = FakeClock()
    running = await serve(clock, limits={"idle_timeout": 60})
    client = await connect(running.ports["asr"])
    # Without turn detection the audio so far is no answer.
    await client.send("transcribe", context={"turn_detection": False})
    await client.audio(speech(1.0))
    assert await client.is_alive()
    await clock.advance(61)
    assert (await client.expect("error"))["code"] == "TIMEOUT"
    assert await client.read() is None
    await running.all_released()


async def test_client_that_stops_in_the_middle_of_its_turn_gets_a_transcript(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    clock = FakeClock()
    running = await serve(clock, asr={"no_speech_timeout": 5})
    client = await connect(running.ports["asr"])
    await client.send("transcribe")
    await client.audio(speech(1.0))
    assert await client.is_alive()
    await clock.advance(5.1)
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"


@pytest.mark.parametrize("goes_on", [False, True])
async def test_client_that_does_not_go_on_after_an_error_is_disconnected(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes], goes_on: bool
) -> None:
    clock = FakeClock()
    running = await serve(clock)
    client = await connect(running.ports["asr"])
    await client.send("transcribe", name="whisper/enormous")
    await client.audio(speech(1.0))
    assert (await client.expect("error"))["code"] == "MODEL_MISSING"
    await clock.advance(4)
    if goes_on:
        await client.send_utterance(speech(1.0))
        assert (await client.expect("transcript"))["text"] == "1.0 seconds"
    else:
        await client.audio(speech(1.0))  # belongs to the request that was refused
    assert await client.is_alive()
    await clock.advance(2)
    if goes_on:
        assert await client.is_alive()
    else:
        assert await client.read() is None


async def test_client_that_waits_for_its_answer_is_not_disconnected(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    clock = FakeClock()
    running = await serve(clock, limits={"idle_timeout": 60, "request_timeout": 500})
    running.coordinator.inferences |= {Task.ASR: never, Task.TTS: never}
    asr = await connect(running.ports["asr"])
    await asr.send_utterance(speech(1.0))
    tts = await connect(running.ports["tts"])
    await tts.send("synthesize", text="Hello.")
    await tts.expect("audio-start")
    await running.working(2)
    await clock.advance(400)
    assert await asr.is_alive()
    assert await tts.is_alive()
    await clock.advance(101)
    assert (await asr.expect("error"))["code"] == "TIMEOUT"
    assert (await tts.expect("error"))["code"] == "TIMEOUT"


async def test_client_that_does_not_read_is_disconnected(
    serve: Serve, connect: Connect, short_write_timeout: None
) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    client.reader._transport.pause_reading()

    async def describe_for_ever() -> None:
        while True:
            await client.send_bytes(b'{"type": "describe"}\n' * 100)

    with pytest.raises(ConnectionError):
        await describe_for_ever()
    await running.empty()


@pytest.mark.parametrize("service", ["asr", "tts"])
async def test_client_that_leaves_is_noticed_with_a_full_queue(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes], service: str
) -> None:
    running = await serve()
    running.coordinator.inferences |= {Task.ASR: never, Task.TTS: never}
    client = await connect(running.ports[service])
    if service == "asr":
        await client.send_utterance(speech(1.0))
        await client.audio(bytes(6_000_000), step=8_000)
    else:
        for _ in range(60):
            await client.send("synthesize", text="x " * 10_000)
    await running.leased()
    await client.leave()
    await running.empty()
    await running.all_released()


async def test_client_that_fills_its_queue_is_disconnected(serve: Serve, connect: Connect) -> None:
    running = await serve()
    running.coordinator.inferences[Task.TTS] = never
    client = await connect(running.ports["tts"])

    async def send_for_ever() -> None:
        while True:
            await client.send("synthesize", text="x" * 20_000)

    sending = asyncio.create_task(send_for_ever())
    events = await client.read_until("error")
    assert events[-1].data["code"] == "BUSY"
    await running.empty()
    await running.all_released()
    with pytest.raises(ConnectionError):
        await sending


async def test_connection_that_sends_its_last_data_while_it_is_closed_ends_without_error() -> None:
    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=here)
    peer, peer_writer = await asyncio.open_connection(sock=there)
    writer.write(bytes(4_000_000))
    assert writer.transport.get_write_buffer_size()
    closing = asyncio.create_task(close(reader, writer, linger=False))
    assert len(await peer.read(-1)) == 4_000_000
    await closing
    peer_writer.close()
    await peer_writer.wait_closed()
