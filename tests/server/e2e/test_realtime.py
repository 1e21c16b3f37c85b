"""Spoken conversations over `/v1/realtime` with real models and OpenAI's own client."""

import asyncio
import base64
import json
import re
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from openai import AsyncOpenAI

pytestmark = [pytest.mark.e2e, pytest.mark.component]

RATE = 24_000
CHUNK_SECONDS = 0.02
DATA = Path(__file__).parents[2] / "data"
RECORDING = Path(__file__).parents[2] / "e2e/recordings/turn_on_the_kitchen_light.wav"
STORY = (
    "The old lighthouse stood on a small island far away from the coast. "
    "Every evening the keeper climbed the long stairs and lit the lamp. "
    "Ships that passed in the night were guided safely around the rocks. "
    "One winter a heavy storm came up and broke the glass of the lantern."
)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


class LanguageModel:
    """A server with the API of a language model; it answers with fixed parts."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.parts: list[dict[str, Any]] = []
        self.url = ""
        self.disconnected = asyncio.Event()
        self.waits_at_the_end = False

    def says(self, text: str) -> None:
        self.parts = [{"content": part} for part in re.findall(r"\S+\s*", text)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in self.parts:
            data = json.dumps({"choices": [{"delta": part}]})
            await response.write(f"data: {data}\n\n".encode())
        if self.waits_at_the_end:
            try:
                await asyncio.Event().wait()
            finally:
                self.disconnected.set()
        await response.write(b"data: [DONE]\n\n")
        return response


@pytest.fixture
async def language_model() -> AsyncIterator[LanguageModel]:
    model = LanguageModel()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    model.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield model
    await runner.cleanup()


@pytest.fixture
def configured(server: Any, language_model: LanguageModel) -> Iterator[Any]:
    """A server whose conversation agent is the language model."""
    agent = {"agent": "openai", "openai": {"url": language_model.url, "model": "small"}}
    server.http("/config", "PATCH", {"conversation": agent})
    yield server
    server.http("/config", "PATCH", {"conversation": None})


@asynccontextmanager
async def connected(server: Any, **session: Any) -> AsyncIterator[Any]:
    """Connect with OpenAI's client."""
    token = (server.data_dir / "api-token").read_text().strip()
    base = f"http://127.0.0.1:{server.ports['api']}/v1"
    client = AsyncOpenAI(api_key=token, base_url=base, max_retries=0)
    async with client.realtime.connect(model="gpt-realtime") as connection:
        if session:
            await connection.session.update(session={"type": "realtime", **session})
        yield connection
    await client.close()


def recording(path: Path = RECORDING, silence: float = 0.0) -> bytes:
    """Return a recording as 24 kHz PCM, by repeating samples in the ratio of 3 to 2."""
    with wave.open(str(path)) as file:
        assert file.getframerate() == 16_000
        pcm = file.readframes(file.getnframes()) + bytes(int(32_000 * silence))
    samples = [pcm[index : index + 2] for index in range(0, len(pcm) - 3, 2)]
    return b"".join(
        sample if index % 2 == 0 else sample + sample for index, sample in enumerate(samples)
    )


async def append(connection: Any, pcm: bytes) -> None:
    await connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())


async def speak(connection: Any, pcm: bytes) -> None:
    """Send audio as fast as it is spoken."""
    step = int(RATE * CHUNK_SECONDS) * 2
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number, start in enumerate(range(0, len(pcm), step)):
        await asyncio.sleep(max(0.0, begin + number * CHUNK_SECONDS - loop.time()))
        await append(connection, pcm[start : start + step])


async def until(connection: Any, *types: str) -> list[Any]:
    """Return the events up to one of these types."""
    events = []
    async with asyncio.timeout(60):
        async for event in connection:
            events.append(event)
            assert event.type != "error" or "error" in types, event
            if event.type in types:
                return events
    raise AssertionError("the connection closed")


def of_type(events: list[Any], kind: str) -> list[Any]:
    return [event for event in events if event.type == kind]


def audio_of(events: list[Any]) -> bytes:
    deltas = of_type(events, "response.output_audio.delta")
    return b"".join(base64.b64decode(event.delta) for event in deltas)


async def test_spoken_question_gets_a_spoken_answer(
    configured: Any, language_model: LanguageModel
) -> None:
    language_model.says("The kitchen light is on now.")
    transcription = {"model": "whisper-1", "language": "en"}
    async with connected(
        configured, audio={"input": {"transcription": transcription}}, instructions="Be brief."
    ) as connection:
        await append(connection, recording(silence=1.0))
        events = await until(connection, "response.done")
    kinds = [event.type for event in events]
    expected = [
        "session.created",
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    positions = [kinds.index(kind) for kind in expected]
    assert positions == sorted(positions)
    assert events[-1].response.status == "completed"
    [transcribed] = of_type(events, "conversation.item.input_audio_transcription.completed")
    assert words(transcribed.transcript) == words("turn on the kitchen light")
    assert language_model.requests[-1]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": transcribed.transcript},
    ]
    answer = await configured.transcribe(audio_of(events), rate=RATE)
    assert words(answer.text) == words("the kitchen light is on now")


async def test_speech_stops_the_answer_and_the_history_keeps_what_was_heard(
    configured: Any, language_model: LanguageModel
) -> None:
    language_model.says(STORY)
    async with connected(configured) as connection:
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Tell me a story."}],
            }
        )
        await connection.response.create()
        events = await until(connection, "response.output_audio.done")
        item_id = events[-1].item_id
        story = audio_of(events)
        await until(connection, "response.done")
        # The client is at 6 s of the audio when the user interrupts.
        await append(connection, recording()[: 2 * RATE])
        await until(connection, "input_audio_buffer.speech_started")
        await connection.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=6_000
        )
        await until(connection, "conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=item_id)
        [retrieved] = of_type(
            await until(connection, "conversation.item.retrieved"), "conversation.item.retrieved"
        )
    kept = words(retrieved.item.content[0].transcript)
    played = words((await configured.transcribe(story[: 6 * RATE * 2], rate=RATE)).text)
    assert kept == words(STORY)[: len(kept)]
    assert abs(len(kept) - len(played)) <= 1, (kept, played)


async def test_speech_cancels_language_model_and_voice(
    configured: Any, language_model: LanguageModel
) -> None:
    language_model.says(STORY)
    language_model.waits_at_the_end = True
    async with connected(configured) as connection:
        await connection.response.create(response={"input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Tell me a story."}],
            }
        ]})  # fmt: skip
        await until(connection, "response.output_audio.delta")
        speaking = asyncio.create_task(speak(connection, recording()))
        events = await until(connection, "response.done")
        async with asyncio.timeout(5):
            await language_model.disconnected.wait()
        started = [event.type for event in events].index("input_audio_buffer.speech_started")
        assert of_type(events[started:], "response.output_audio.delta") == []
        assert events[-1].response.status == "cancelled"
        assert events[-1].response.status_details.reason == "turn_detected"
        speaking.cancel()


async def test_functions_are_called_by_the_client(
    configured: Any, language_model: LanguageModel
) -> None:
    language_model.parts = [
        {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "light"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"on":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": " true}"}}]},
    ]
    tool = {"type": "function", "name": "light", "parameters": {"type": "object"}}
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "On"}]}
    async with connected(configured, tools=[tool], output_modalities=["text"]) as connection:
        await connection.conversation.item.create(item=message)
        await connection.response.create()
        events = await until(connection, "response.done")
        [done] = of_type(events, "response.function_call_arguments.done")
        assert (done.name, json.loads(done.arguments)) == ("light", {"on": True})
        language_model.says("It is on.")
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": done.call_id, "output": "ok"}
        )
        await connection.response.create()
        events = await until(connection, "response.done")
    assert events[-1].response.output[0].content[0].text == "It is on."
    request = language_model.requests[-1]
    assert request["tools"][0]["function"]["name"] == "light"
    assert [entry["role"] for entry in request["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]


@pytest.mark.parametrize("media", ["audio/pcmu", "audio/pcma"])
async def test_telephone_audio_and_turns_of_the_client(configured: Any, media: str) -> None:
    sound = {"type": media}
    configured.http("/config", "PATCH", {"conversation": {"agent": "echo"}})
    sections = {"input": {"format": sound, "turn_detection": None}, "output": {"format": sound}}
    async with connected(configured, audio=sections) as connection:
        with wave.open(str(RECORDING)) as file:
            pcm = file.readframes(file.getnframes())
        await append(connection, encode_g711(pcm, media))
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        events = await until(connection, "response.done")
    text = of_type(events, "response.output_audio_transcript.done")[0].transcript
    assert words(text) == words("turn on the kitchen light")
    # 8-bit audio of a Wyoming client is G.711 too.
    assert 8_000 < len(audio_of(events)) < 32_000


def encode_g711(pcm: bytes, media: str) -> bytes:
    """Compress 16 kHz PCM for a telephone, with the code as the standard's text describes it."""
    out = bytearray()
    for index in range(0, len(pcm) - 1, 4):
        sample = int.from_bytes(pcm[index : index + 2], "little", signed=True)
        size = min(abs(sample), 32_635)
        if media == "audio/pcmu":
            size += 132
            segment = max(0, size.bit_length() - 8)
            code = (segment << 4) | ((size >> (segment + 3)) & 15)
            out.append(~(code | (0x80 if sample < 0 else 0)) & 0xFF)
        else:
            segment = max(0, size.bit_length() - 8)
            code = (segment << 4) | ((size >> (segment + 3 if segment else 4)) & 15)
            out.append((code | (0 if sample < 0 else 0x80)) ^ 0x55)
    return bytes(out)
