"""Defects of other text-to-speech servers, one test for each.

Defects that are tested elsewhere:
- a voice is downloaded to its final path without a deadline, a size or a hash, so that half a file
  stays damaged: `models/test_download.py`, `models/test_store.py`
- a voice is offered as installed that cannot be used: `wyoming/test_info.py`,
  `models/test_requirements.py`, `e2e/test_voices.py`
- two voices evict each other, and the first text waits for the model: `e2e/test_tts_faults.py`
- audio is synthesized for a client that has left: `wyoming/test_tts.py`
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from wyoming_servers.audio.fade import loudness_gain, soft_limit
from wyoming_servers.core.domain import Task
from wyoming_servers.speech.fake import ScriptedRun
from wyoming_servers.worker.interface import OutputChunk

Serve = Callable[..., Any]
Connect = Callable[..., Any]

STREAM = "synthesize-stopped"
WHOLE = "audio-stop"


class Gate:
    """A voice that returns half of its audio at once and the rest when the gate opens."""

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
    await (running.request_waits() if busy == "loading" else running.leased())
    other = await connect(running.ports["tts"])
    await other.send("describe")
    assert [program["name"] for program in (await other.expect("info"))["tts"]]


async def test_two_clients_get_different_voices_at_the_same_time(
    serve: Serve, connect: Connect
) -> None:
    """The voice of a request is not kept in a variable that other requests change."""
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
    """Audio does not pass through a file that must be complete first."""
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
        await client.expect("info")
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
        answers.append(await client.expect("info"))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("stop", [True, False], ids=["stopped", "never stopped"])
async def test_whole_text_on_the_connection_of_a_stream_is_answered(
    serve: Serve, connect: Connect, stop: bool
) -> None:
    """A text after a stream that was replaced by a second one is answered as well."""
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
    assert (await client.expect("error"))["code"] == "UNSUPPORTED_LANGUAGE"
    assert running.coordinator.leased == []


async def test_unknown_speaker_is_an_error(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["tts"])
    await client.send("synthesize", text="Hi.", voice={"name": "en_US-joe", "speaker": "nobody"})
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"


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
