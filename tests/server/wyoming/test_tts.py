import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from wyoming.client import AsyncTcpClient
from wyoming.tts import Synthesize, SynthesizeVoice

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import InferenceFailedError
from wyoming_servers.speech.fake import (
    ScriptedRun,
    synthesize_tone,
)
from wyoming_servers.worker.interface import OutputChunk

Serve = Callable[..., Any]
Connect = Callable[..., Any]

TEXT = "Hello there, my friend. It is nine."
WHOLE = "audio-stop"
STREAM = "synthesize-stopped"


def types(events: list[Any]) -> list[str]:
    """Return the types of the events; consecutive audio chunks count as one."""
    found: list[str] = []
    for event in events:
        if event.type != "audio-chunk" or found[-1:] != ["audio-chunk"]:
            found.append(event.type)
    return found


def seconds(events: list[Any]) -> float:
    return sum(len(event.payload or b"") for event in events) / 32_000


async def test_wyoming_library_client_gets_audio(serve: Serve) -> None:
    running = await serve()
    async with AsyncTcpClient("127.0.0.1", running.ports["tts"], read_timeout=10) as client:
        voice = SynthesizeVoice(name="en_US-joe", speaker="high")
        await client.write_event(Synthesize("Hello.", voice=voice).event())
        events = []
        while not events or events[-1].type != "audio-stop":
            events.append(await client.read_event())
            assert events[-1] is not None
    assert types(events) == ["audio-start", "audio-chunk", "audio-stop"]
    assert running.coordinator.runs[0].request["speaker"] == "high"


async def test_audio_has_one_format_and_growing_timestamps(serve: Serve, connect: Connect) -> None:
    running = await serve(tts={"sentence_silence": 0})
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text=TEXT)
    events = await client.read_until(WHOLE)
    formats = {
        tuple(event.data[key] for key in ("rate", "width", "channels")) for event in events[:-1]
    }
    assert formats == {(16_000, 2, 1)}
    assert seconds(events) == pytest.approx((len(TEXT) - 1) * 500 / 16_000)
    times = [event.data["timestamp"] for event in events]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(1_000 * seconds(events), abs=1)
    assert all(len(event.payload or b"") <= 4_096 for event in events)


async def test_streamed_text_is_synthesized_and_its_repetition_ignored(
    serve: Serve, connect: Connect
) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize-start", voice={"name": "de_DE-eva"})
    for word in TEXT.split():
        await client.send("synthesize-chunk", text=word + " ")
    await client.send("synthesize", text=TEXT, voice={"name": "de_DE-eva"})
    await client.send("synthesize-stop")
    events = await client.read_until(STREAM)
    assert types(events) == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"]
    assert "".join(run.request["text"] for run in running.coordinator.runs).replace(" ", "") == (
        TEXT.replace(" ", "")
    )
    assert {run.request["voice"] for run in running.coordinator.runs} == {"de_DE-eva"}


async def test_audio_is_sent_before_the_text_is_complete(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize-start")
    await client.send("synthesize-chunk", text="Good morning to you. It ")
    events = await client.read_until("audio-chunk")
    assert types(events) == ["audio-start", "audio-chunk"]
    await client.send("synthesize-chunk", text="is nine.")
    await client.send("synthesize-stop")
    assert types(await client.read_until(STREAM))[-2:] == ["audio-stop", "synthesize-stopped"]


async def test_whole_text_after_a_stream_is_answered(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    for _ in range(2):
        await client.send("synthesize-start")
        await client.send("synthesize-chunk", text="One.")
        await client.send("synthesize-stop")
        await client.read_until(STREAM)
        await client.send("synthesize", text="Two.")
        assert types(await client.read_until(WHOLE)) == ["audio-start", "audio-chunk", "audio-stop"]
    assert await client.is_alive()


async def test_requests_are_answered_in_order(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize-start")
    await client.send("synthesize-chunk", text="One.")
    await client.send("synthesize-stop")
    await client.send("synthesize", text="Two.")
    await client.send("synthesize", text="Three.")
    assert types(await client.read_until(STREAM))[-1] == STREAM
    await client.read_until(WHOLE)
    await client.read_until(WHOLE)
    assert [run.request["text"] for run in running.coordinator.runs] == ["One.", "Two.", "Three."]


@pytest.mark.parametrize("text", ["", "  \n ", "...", "🎉"])
async def test_text_without_words_is_a_short_silence(
    serve: Serve, connect: Connect, text: str
) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text=text)
    events = await client.read_until(WHOLE)
    assert types(events) == ["audio-start", "audio-chunk", "audio-stop"]
    assert not any(b"".join(event.payload or b"" for event in events))
    assert running.coordinator.leased == []


async def test_stream_without_text_is_a_short_silence(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize-start")
    await client.send("synthesize-stop")
    assert types(await client.read_until(STREAM)) == [
        "audio-start",
        "audio-chunk",
        "audio-stop",
        "synthesize-stopped",
    ]


BAD = [
    ({"text": "Hi.", "voice": {"name": "nobody"}}, "MODEL_MISSING"),
    ({"text": "Hi.", "voice": {"language": "xx"}}, "UNSUPPORTED_LANGUAGE"),
    ({"text": "Hi.", "voice": {"name": "en_US-joe", "speaker": "nobody"}}, "BAD_REQUEST"),
    ({"text": "Hi.", "voice": "en_US-joe"}, "BAD_REQUEST"),
    ({"text": "Hi.", "voice": {"name": 3}}, "BAD_REQUEST"),
    ({"text": "Hi.", "voice": ["name"]}, "BAD_REQUEST"),
    ({"text": "Hi.", "voice": None, "context": {"speed": 9}}, "BAD_REQUEST"),
    ({"text": "Hi.", "voice": None, "context": {"speed": 10**400}}, "BAD_REQUEST"),
    ({"text": "Hi.", "voice": None, "context": {"speed": "fast"}}, "BAD_REQUEST"),
    ({"text": "Hi.", "text_format": 1}, "BAD_REQUEST"),
    ({"text": "Hi.", "context": []}, "BAD_REQUEST"),
]


@pytest.mark.parametrize(
    ("synthesize", "code"),
    [
        *BAD,
        ({"text": "x" * 1_000_000}, "BAD_REQUEST"),
        ({"text": 5}, "BAD_REQUEST"),
        ({"text": None}, "BAD_REQUEST"),
        ({}, "BAD_REQUEST"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_invalid_request_is_one_error(
    serve: Serve, connect: Connect, synthesize: dict[str, Any], code: str
) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize", **synthesize)
    error = await client.expect("error")
    assert error["code"] == code
    assert len(error["text"]) < 500
    assert await client.is_alive()
    await client.send("synthesize", text="Hello.", voice=None, context=None, text_format=None)
    assert types(await client.read_until(WHOLE)) == ["audio-start", "audio-chunk", "audio-stop"]


@pytest.mark.parametrize(("start", "code"), BAD[:9], ids=lambda value: str(value)[:60])
async def test_invalid_stream_is_one_error(
    serve: Serve, connect: Connect, start: dict[str, Any], code: str
) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize-start", **start)
    await client.send("synthesize-chunk", text="Hello. ")
    await client.send("synthesize", text="Hello.")
    await client.send("synthesize-stop")
    assert (await client.expect("error"))["code"] == code
    assert await client.is_alive()
    await client.send("synthesize-start", voice=None)
    await client.send("synthesize-chunk", text="Good morning.")
    await client.send("synthesize-stop")
    await client.read_until(STREAM)
    assert [run.request["text"] for run in running.coordinator.runs] == ["Good morning."]


@pytest.mark.parametrize("chunk", [{"text": 7}, {"text": "word " * 5_000}], ids=["type", "length"])
async def test_invalid_chunk_ends_its_stream_with_one_error(
    serve: Serve, connect: Connect, chunk: dict[str, Any]
) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize-start")
    await client.send("synthesize-chunk", **chunk)
    await client.send("synthesize-chunk", text="More.")
    await client.send("synthesize", text="More.")
    await client.send("synthesize-stop")
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"
    assert await client.is_alive()
    await client.send("synthesize", text="Hello.")
    assert types(await client.read_until(WHOLE))[-1] == WHOLE
    assert "More." not in [run.request["text"] for run in running.coordinator.runs]


async def test_synthesize_stop_without_a_stream_is_an_error(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize-chunk", text="Hello.")
    await client.send("synthesize-stop")
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"
    assert await client.is_alive()


async def test_second_synthesize_start_abandons_the_first_stream(
    serve: Serve, connect: Connect
) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize-start")
    await client.send("synthesize-chunk", text="Old")
    await client.send("synthesize-start")
    await client.send("synthesize-chunk", text="New.")
    await client.send("synthesize-stop")
    assert types(await client.read_until(STREAM)) == [
        "audio-start",
        "audio-chunk",
        "audio-stop",
        "synthesize-stopped",
    ]
    assert [run.request["text"] for run in running.coordinator.runs] == ["New."]


async def die(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    yield OutputChunk({}, b"\x10\x20" * 9_000)
    raise InferenceFailedError("killed by signal 9")


async def test_error_is_not_followed_by_audio_stop(serve: Serve, connect: Connect) -> None:
    running = await serve()
    running.coordinator.inferences[Task.TTS] = die
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text="Hello.")
    events = await client.read_until("error")
    assert types(events) == ["audio-start", "audio-chunk", "error"]
    assert events[-1].data["code"] == "INFERENCE_FAILED"
    assert await client.is_alive()


async def test_failed_stream_ends_with_its_error(serve: Serve, connect: Connect) -> None:
    running = await serve()
    running.coordinator.inferences[Task.TTS] = die
    client = await connect(running.ports["tts"])
    await client.send("synthesize-start")
    await client.send("synthesize-chunk", text="Hello there. It ")
    assert types(await client.read_until("error")) == ["audio-start", "audio-chunk", "error"]
    running.coordinator.inferences[Task.TTS] = synthesize_tone
    await client.send("synthesize-chunk", text="is nine.")
    await client.send("synthesize", text="Hello there. It is nine.")
    await client.send("synthesize-stop")
    assert await client.is_alive()
    await client.send("synthesize", text="Again.")
    assert types(await client.read_until(WHOLE)) == ["audio-start", "audio-chunk", "audio-stop"]
    assert [run.request["text"] for run in running.coordinator.runs][1:] == ["Again."]


async def test_stream_that_fails_after_its_stop_is_closed(serve: Serve, connect: Connect) -> None:
    running = await serve()
    running.coordinator.inferences[Task.TTS] = die
    client = await connect(running.ports["tts"])
    await client.send("synthesize-start")
    await client.send("synthesize-chunk", text="Hello.")
    await client.send("synthesize-stop")
    await client.send("synthesize", text="Again.")
    await client.read_until("error")
    assert types(await client.read_until("error")) == ["audio-start", "audio-chunk", "error"]


async def test_ssml_markup_is_not_spoken(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    markup = (
        '<speak>Fish &amp; <emphasis level="strong">chips</emphasis>.<break time="1s"/></speak>'
    )
    await client.send("synthesize", text=markup, text_format="ssml")
    await client.read_until(WHOLE)
    await client.send("synthesize-start", text_format="ssml")
    for start in range(0, len(markup), 7):
        await client.send("synthesize-chunk", text=markup[start : start + 7])
    await client.send("synthesize-stop")
    await client.read_until(STREAM)
    assert [run.request["text"] for run in running.coordinator.runs] == ["Fish and chips."] * 2


async def test_unknown_text_format_is_plain_text(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text='One <break time="9s"/> two.', text_format="markdown")
    assert seconds(await client.read_until(WHOLE)) < 5


async def test_language_selects_the_voice(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text="Guten Tag.", voice={"language": "de"})
    await client.read_until(WHOLE)
    assert running.coordinator.leased == ["tts/others"]


async def never(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    yield OutputChunk({}, bytes(8_192))
    await asyncio.Event().wait()


@pytest.mark.parametrize("phase", ["loading", "whole", "stream", "stopped stream"])
async def test_client_that_leaves_releases_the_lease(
    serve: Serve, connect: Connect, phase: str
) -> None:
    running = await serve()
    running.coordinator.inferences[Task.TTS] = never
    if phase == "loading":
        running.coordinator.gate.clear()
    client = await connect(running.ports["tts"])
    if "stream" in phase:
        await client.send("synthesize-start")
        await client.send("synthesize-chunk", text="Hello there. It ")
        if phase == "stopped stream":
            await client.send("synthesize-stop")
    else:
        await client.send("synthesize", text="Hello.")
    if phase == "loading":
        await running.request_waits()
    else:
        await client.read_until("audio-chunk")
        assert running.coordinator.active_leases == 1
    await client.leave()
    await running.empty()
    await running.all_released()


async def test_two_clients_take_turns_sentence_by_sentence(serve: Serve, connect: Connect) -> None:
    running = await serve()
    one_at_a_time = asyncio.Lock()

    async def work(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        async with one_at_a_time:
            await asyncio.sleep(0.01)
            yield OutputChunk({}, bytes(20_000))

    running.coordinator.inferences[Task.TTS] = work
    long = await connect(running.ports["tts"])
    short = await connect(running.ports["tts"])
    await long.send("synthesize", text=" ".join(f"This is sentence {n}." for n in range(40)))
    await long.read_until("audio-chunk")
    await short.send("synthesize", text="Be short.")
    await short.read_until(WHOLE)
    spoken = [run.request["text"] for run in running.coordinator.runs]
    assert spoken.index("Be short.") < 10
    await long.read_until(WHOLE)


async def test_client_that_does_not_read_is_disconnected_and_releases_the_lease(
    serve: Serve, connect: Connect, short_write_timeout: None
) -> None:
    running = await serve(tts={"max_text": 1_000_000})
    client = await connect(running.ports["tts"])
    client.reader._transport.pause_reading()
    await client.send("synthesize", text="This is a sentence of many words. " * 3_000)
    await running.leased()
    await running.empty()
    await running.all_released()
