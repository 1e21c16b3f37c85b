"""The model of a connection: `select-program`, `transcribe.name`, or a port of one model."""

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from wyoming_servers.core.domain import model_service_name
from wyoming_servers.core.errors import BusyError
from wyoming_servers.speech.fake import SPECS
from wyoming_servers.wyoming.program import ProgramRegistry

Serve = Callable[..., Awaitable[Any]]
Connect = Callable[..., Awaitable[Any]]

ENGLISH = model_service_name("asr/english")


async def heard_by(running: Any, client: Any, speech: bytes, **transcribe: Any) -> str:
    """Send an utterance and return the model that transcribed it."""
    before = len(running.coordinator.leased)
    await client.send_utterance(speech, **transcribe)
    await client.expect("transcript")
    (model,) = set(running.coordinator.leased[before:])
    return str(model)


@pytest.mark.parametrize("name", ["asr/english", "asr/english on attic"])
async def test_selected_model_is_used_until_another_is_selected(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes], name: str
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    assert await heard_by(running, client, speech(1.0)) == "asr/many"
    await client.send("select-program", name=name)
    assert await heard_by(running, client, speech(1.0)) == "asr/english"
    assert await heard_by(running, client, speech(1.0)) == "asr/english"
    await client.send("select-program", name="wyoming-conductor")
    assert await heard_by(running, client, speech(1.0)) == "asr/many"


async def test_model_of_a_request_wins_over_the_selected_one(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("select-program", name="asr/english")
    assert await heard_by(running, client, speech(1.0), name="asr/many") == "asr/many"
    assert await heard_by(running, client, speech(1.0)) == "asr/english"


async def test_requests_on_one_connection_can_name_different_models(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    for model in ("asr/english", "asr/many", "asr/english"):
        assert await heard_by(running, client, speech(1.0), name=model) == model


@pytest.mark.parametrize("name", ["no such program", "tts/joe", "", None, 5, ["asr/english"]])
async def test_unknown_program_is_ignored(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes], name: object
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("select-program", name="asr/english")
    await client.send("select-program", name=name)
    assert await client.is_alive()
    assert await heard_by(running, client, speech(1.0)) == "asr/english"


async def test_unknown_model_is_an_error_and_keeps_the_connection(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send_utterance(speech(1.0), name="whisper/enormous")
    answer = await client.expect("error")
    assert answer["code"] == "MODEL_MISSING"
    assert "asr/english, asr/many" in answer["text"]
    assert await heard_by(running, client, speech(1.0)) == "asr/many"


async def test_selection_applies_to_a_client_that_starts_with_audio(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    for start in (True, False):
        await client.send("select-program", name="asr/english")
        if start:
            await client.send("audio-start", rate=16_000, width=2, channels=1)
        await client.audio(speech(1.0))
        await client.send("audio-stop")
        await client.expect("transcript")
    assert set(running.coordinator.leased) == {"asr/english"}


async def test_selection_during_an_utterance_applies_to_the_next_one(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("transcribe", language="en")
    await client.audio(speech(0.5))
    await client.send("select-program", name="asr/english")
    await client.audio(speech(0.5))
    await client.send("audio-stop")
    assert (await client.expect("transcript"))["text"].startswith("1.0")
    assert set(running.coordinator.leased) == {"asr/many"}
    await client.audio(speech(1.0))
    await client.send("audio-stop")
    await client.expect("transcript")
    assert running.coordinator.leased[-1] == "asr/english"
    assert running.coordinator.runs[-1].request["language"] == "en"


async def test_extra_port_transcribes_with_its_own_model(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve(asr={"extra_ports": {"asr/english": 0}})
    assert set(running.ports) == {"asr", "tts", "wake", ENGLISH}
    extra, main = [await connect(running.ports[service]) for service in (ENGLISH, "asr")]
    assert await heard_by(running, extra, speech(1.0)) == "asr/english"
    assert await heard_by(running, main, speech(1.0)) == "asr/many"
    bare = await connect(running.ports[ENGLISH])
    await bare.audio(speech(1.0))
    await bare.send("audio-stop")
    await bare.expect("transcript")
    assert running.coordinator.leased[-1] == "asr/english"


async def test_extra_port_describes_its_own_model_first_and_alone(
    serve: Serve, connect: Connect
) -> None:
    running = await serve(asr={"extra_ports": {"asr/english": 0}})
    client = await connect(running.ports[ENGLISH])
    await client.send("describe")
    first, second = (await client.expect("info"))["asr"]
    assert first["name"] == f"asr/english on {socket.gethostname()}"
    assert [model["name"] for model in first["models"]] == ["asr/english"]
    assert first["models"][0]["languages"] == ["en"]
    assert second["name"] == f"Speech-to-text on {socket.gethostname()}"
    main = await connect(running.ports["asr"])
    await main.send("describe")
    (only,) = (await main.expect("info"))["asr"]
    assert only["name"] == f"Speech-to-text on {socket.gethostname()}"


async def test_extra_port_refuses_a_language_that_its_model_does_not_support(
    serve: Serve, connect: Connect, speech: Callable[[float], bytes]
) -> None:
    running = await serve(asr={"extra_ports": {"asr/english": 0}})
    client = await connect(running.ports[ENGLISH])
    await client.send_utterance(speech(1.0), language="de_DE")
    assert (await client.expect("error"))["code"] == "UNSUPPORTED_LANGUAGE"
    await client.send("select-program", name="wyoming-conductor")
    assert await heard_by(running, client, speech(1.0), language="de_DE") == "asr/many"


async def test_extra_port_has_the_same_limits(serve: Serve, connect: Connect) -> None:
    running = await serve(asr={"extra_ports": {"asr/english": 0}}, limits={"max_connections": 1})
    first = await connect(running.ports[ENGLISH])
    await first.send("transcribe")
    assert await first.is_alive()
    second = await connect(running.ports[ENGLISH])
    assert (await second.expect("error"))["code"] == "BUSY"


async def test_extra_port_that_is_in_use_is_named_by_its_key(
    serve: Serve, connect: Connect
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BusyError, match=r"choose another asr\.extra_ports\.asr/english"):
            await serve(asr={"extra_ports": {"asr/english": port}})


async def test_extra_port_is_closed_without_speech_to_text(serve: Serve) -> None:
    running = await serve(asr={"enabled": False, "extra_ports": {"asr/english": 0}})
    assert set(running.ports) == {"tts", "wake"}


def test_model_that_was_added_later_can_be_selected() -> None:
    specs = {"asr/many": SPECS["asr/many"]}
    programs = ProgramRegistry(specs)
    assert programs.find("asr/english") is None
    specs["asr/english"] = SPECS["asr/english"]
    assert programs.find("asr/english") == ("asr/english",)
