"""What other servers that speak get wrong, one test for each fault.

Where a fault is tested elsewhere, as
- a voice that is downloaded without a deadline, its size or its hash, straight into its place, so
  that half a file is broken for ever: `store/test_download.py`, `store/test_store.py`
- a voice that is offered as installed though it cannot speak: `servers/test_info.py`,
  `store/test_needs.py`, `e2e/test_voices.py`
- two voices that take each other's place in memory, and a first text that waits for the model:
  `e2e/test_tts_faults.py`
- a client that has left and is still spoken to: `servers/test_tts.py`
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from wyoming_servers.core.domain import Task
from wyoming_servers.engines.tts_common import (
    loudness_gain,
    soft_limit,
)
from wyoming_servers.speech.fake import ScriptedRun
from wyoming_servers.worker.interface import OutputChunk

Serve = Callable[..., Any]
Connect = Callable[..., Any]

STREAM = "synthesize-stopped"
WHOLE = "audio-stop"


class Gate:
    """A voice that speaks half of each text and the rest when it is told."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def speak(self, run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        yield OutputChunk({}, bytes(16_000))
        await self.opened.wait()
        yield OutputChunk({}, bytes(16_000))


@pytest.mark.parametrize("busy", ["loading", "speaking"])
async def test_describe_does_not_wait_for_a_model(
    serve: Serve, connect: Connect, busy: str
) -> None:
    running, gate = await serve(), Gate()
    running.coordinator.inferences[Task.TTS] = gate.speak
    if busy == "loading":
        running.coordinator.gate.clear()
    speaking = await connect(running.ports["tts"])
    await speaking.send("synthesize", text="A long sentence.")
    await (running.waited_for() if busy == "loading" else running.held())
    other = await connect(running.ports["tts"])
    await other.send("describe")
    assert [program["name"] for program in (await other.ask("info"))["tts"]]


async def test_two_clients_get_different_voices_at_the_same_time(
    serve: Serve, connect: Connect
) -> None:
    """Nobody's voice is taken from a variable that another request has changed."""
    running, gate = await serve(), Gate()
    running.coordinator.inferences[Task.TTS] = gate.speak
    voices = ["en_US-joe", "de_DE-eva", "en_GB-amy"]
    clients = [await connect(running.ports["tts"]) for _ in voices]
    for client, voice in zip(clients, voices, strict=True):
        await client.send("synthesize", text=f"I am {voice[-3:]}.", voice={"name": voice})
    await running.working(3)
    assert running.coordinator.active_leases == 3
    gate.opened.set()
    for client in clients:
        await client.read_until(WHOLE)
    spoken = {run.request["text"]: run.request["voice"] for run in running.coordinator.runs}
    assert spoken == {f"I am {voice[-3:]}.": voice for voice in voices}


async def test_audio_is_sent_before_its_sentence_is_complete(
    serve: Serve, connect: Connect
) -> None:
    """Nothing goes through a file that must be closed first."""
    running, gate = await serve(), Gate()
    running.coordinator.inferences[Task.TTS] = gate.speak
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text="A long sentence.")
    await client.read_until("audio-chunk")
    assert not gate.opened.is_set()


async def test_describe_takes_no_lease(serve: Serve, connect: Connect) -> None:
    running = await serve()
    for _ in range(5):
        client = await connect(running.ports["tts"])
        await client.send("describe")
        await client.ask("info")
        await client.leave()
    assert running.coordinator.leased == []


async def test_info_is_built_once(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await serve()
    monkeypatch.setattr("wyoming_servers.wyoming.info.tts_info", None)
    answers = []
    for _ in range(2):
        client = await connect(running.ports["tts"])
        await client.send("describe")
        answers.append(await client.ask("info"))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("stop", [True, False], ids=["stopped", "never stopped"])
async def test_whole_text_on_the_connection_of_a_stream_is_answered(
    serve: Serve, connect: Connect, stop: bool
) -> None:
    """A stream that a second one has replaced does not swallow the text behind it either."""
    running = await serve()
    client = await connect(running.ports["tts"])
    if not stop:
        await client.send("synthesize-start")
        await client.send("synthesize-chunk", text="One")
    await client.send("synthesize-start")
    await client.send("synthesize-chunk", text="Two.")
    await client.send("synthesize-stop")
    await client.read_until(STREAM)
    await client.send("synthesize", text="Three.")
    await client.read_until(WHOLE)
    assert running.coordinator.runs[-1].request["text"] == "Three."


async def test_language_without_a_voice_name_selects_a_voice_of_that_language(
    serve: Serve, connect: Connect
) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text="Guten Tag.", voice={"language": "de_DE"})
    await client.read_until(WHOLE)
    assert [run.request["voice"] for run in running.coordinator.runs] == ["de_DE-eva"]


async def test_unsupported_language_is_an_error(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text="Sawubona.", voice={"language": "zu"})
    assert (await client.ask("error"))["code"] == "UNSUPPORTED_LANGUAGE"
    assert running.coordinator.leased == []


async def test_unknown_speaker_is_an_error(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text="Hi.", voice={"name": "en_US-joe", "speaker": "nobody"})
    assert (await client.ask("error"))["code"] == "BAD_REQUEST"


async def test_text_format_and_speed_are_applied(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    markup = '<speak><s>One, two.</s> <sub alias="World Wide Web">WWW</sub></speak>'
    await client.send("synthesize", text=markup, text_format="ssml", context={"speed": 1.5})
    await client.read_until(WHOLE)
    requests = [run.request for run in running.coordinator.runs]
    assert [request["text"] for request in requests] == ["One, two.", "World Wide Web"]
    assert {request["speed"] for request in requests} == {1.5}


async def test_silent_voice_is_sent_to_its_end(serve: Serve, connect: Connect) -> None:
    running, gate = await serve(), Gate()
    gate.opened.set()
    running.coordinator.inferences[Task.TTS] = gate.speak
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text="Hush.")
    events = await client.read_until(WHOLE)
    assert sum(len(event.payload or b"") for event in events) == 32_000


@pytest.mark.parametrize("length", [0, 1, 1_000])
def test_silent_audio_is_not_normalized(length: int) -> None:
    nothing = np.zeros(length, np.float32)
    assert loudness_gain(nothing) == 1.0
    assert not soft_limit(nothing).any()
