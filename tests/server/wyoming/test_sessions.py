"""Behavior that the sessions of all three services share."""

from collections.abc import Callable
from typing import Any, Never

import pytest

from wyoming_servers.speech.asr.pipeline import Utterance
from wyoming_servers.speech.tts.pipeline import SynthesisStream
from wyoming_servers.speech.wake.pipeline import WakeDetectionStream

Serve = Callable[..., Any]
Connect = Callable[..., Any]
AUDIO = {"rate": 16_000, "width": 2, "channels": 1}


@pytest.mark.parametrize(
    ("service", "opened", "first", "last"),
    [
        ("asr", Utterance, "transcribe", "audio-stop"),
        ("tts", SynthesisStream, "synthesize-start", "synthesize-stop"),
        ("wake", WakeDetectionStream, "detect", "audio-stop"),
    ],
)
async def test_session_answers_a_request_that_fails_when_it_is_entered(
    serve: Serve,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    service: str,
    opened: type,
    first: str,
    last: str,
) -> None:
    async def fail(self: object) -> Never:
        raise KeyError("a bug")

    running = await serve()
    client = await connect(running.ports[service])
    with monkeypatch.context() as patch:
        patch.setattr(opened, "__aenter__", fail)
        await client.send(first)
        assert (await client.expect("error"))["code"] == "UNKNOWN"
        assert await client.is_alive()
    await client.send(last)
    assert await client.is_alive()


async def test_asr_session_transcribes_after_an_utterance_that_failed_when_it_was_entered(
    serve: Serve,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    speech: Callable[[float], bytes],
) -> None:
    async def fail(self: object) -> Never:
        raise KeyError("a bug")

    running = await serve()
    client = await connect(running.ports["asr"])
    with monkeypatch.context() as patch:
        patch.setattr(Utterance, "__aenter__", fail)
        await client.send_utterance(speech(1.0))
        assert (await client.expect("error"))["code"] == "UNKNOWN"
        assert await client.is_alive()
    await client.send_utterance(speech(1.0))
    await client.expect("transcript")


async def test_sessions_read_the_configuration_for_each_request(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send_utterance(speech(1.0))
    await client.expect("transcript")
    config = running.config.current
    asr = config.asr.model_copy(update={"model": "asr/english", "beam_size": 5})
    running.config.replace(config.model_copy(update={"asr": asr}), frozenset({"asr.model"}))
    await client.send_utterance(speech(1.0))
    await client.expect("transcript")
    assert running.coordinator.leased == ["asr/many", "asr/english"]
    assert running.coordinator.runs[-1].request["beam_size"] == 5


async def test_wake_session_reads_the_configuration_for_each_request(
    serve: Serve, connect: Connect
) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    config = running.config.current
    wake = config.wake.model_copy(update={"threshold": 0.9, "words": ["alexa"]})
    running.config.replace(config.model_copy(update={"wake": wake}), frozenset({"wake.threshold"}))
    await client.send("detect")
    await client.send("audio-chunk", bytes(960), **AUDIO)
    await running.working(1)
    assert running.coordinator.runs[-1].request["threshold"] == {"alexa": 0.9}
