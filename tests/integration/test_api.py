"""The client alone: what it makes of answers, right and wrong."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from fakes.conductor import INFO, MODELS, FakeConductor

from custom_components.wyoming_conductor.api import (
    ConductorClient,
    ConductorConnectionError,
    ConductorRequestError,
    ConductorResponseError,
    Info,
    Model,
    ServerEvent,
)
from custom_components.wyoming_conductor.api.config import ServerConfig, patch
from custom_components.wyoming_conductor.api.stream import parse


@pytest.fixture
async def client(conductor: FakeConductor) -> AsyncIterator[ConductorClient]:
    """A client of the fake server."""
    async with ClientSession() as session:
        yield ConductorClient(session, conductor.host, conductor.port, silence=0.3)


async def events(*chunks: bytes) -> list[ServerEvent]:
    """Return the events in a stream that arrives in these pieces."""

    async def arrive() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [event async for event in parse(arrive())]


async def test_events_are_found_however_the_stream_is_cut() -> None:
    whole = b': hello\n\nid: 7\nevent: a\ndata: {"type":\ndata: "a"}\n\n'
    whole += b'retry: 5\n\ndata:{"type":"b"}\r\n\r\n'
    expected = [("a", "7"), ("b", None)]
    for size in (1, 3, len(whole)):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert [(event.type, event.id) for event in await events(*pieces)] == expected


async def test_an_event_that_is_cut_off_is_none() -> None:
    assert await events(b'data: {"type": "a"}\n') == []


async def test_a_silent_stream_is_given_up(client: ConductorClient) -> None:
    with pytest.raises(ConductorConnectionError, match="in time"):
        async for _ in client.events():
            pass


async def test_a_stream_that_is_none_is_refused(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    conductor.answers["GET /events"] = {"no": "stream"}
    with pytest.raises(ConductorResponseError):
        async for _ in client.events():
            pass


async def test_an_answer_that_is_not_json_is_refused(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    conductor.answers["GET /info"] = web.Response(text="<html>")
    with pytest.raises(ConductorResponseError, match="not JSON"):
        await client.info()


async def test_a_redirect_is_not_followed(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    conductor.answers["GET /info"] = web.Response(status=302, headers={"Location": "/health"})
    with pytest.raises(ConductorResponseError, match="302"):
        await client.info()


async def test_a_refusal_in_the_shape_of_openai_is_understood(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    problem = {
        "error": {"message": "The server is paused.", "type": "server_error", "code": "BUSY"}
    }
    conductor.answers["POST /v1/audio/speech"] = web.json_response(problem, status=503)
    with pytest.raises(ConductorRequestError, match="paused") as refusal:
        await client.speak("Hello")
    assert refusal.value.code == "BUSY"


async def test_a_trace_without_a_time_is_refused(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    conductor.traces = [{"kind": "asr", "seconds": 1}]
    with pytest.raises(ConductorResponseError, match="no time"):
        await client.traces()


async def test_a_model_that_is_here_need_not_be_downloaded(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    assert not await client.download("whisper/tiny")
    conductor.answers["POST /models/whisper/base/download"] = {"status": "already_installed"}
    assert await client.download("whisper/base")


async def test_a_refusal_keeps_the_servers_code_and_advice(client: ConductorClient) -> None:
    with pytest.raises(ConductorRequestError) as refusal:
        await client.load("no/such")
    assert refusal.value.code == "MODEL_MISSING"
    assert refusal.value.detail == "Look at the log."


@pytest.mark.parametrize(
    "change",
    [
        {"ports": []},
        {"ports": {"asr": "x"}},
        {"started_at": "yesterday"},
        {"started_at": "2026-11-20T08:00:00"},
        {"started_at": 3},
        {"features": "all"},
        {"features": [1]},
        {"uuid": None},
    ],
)
def test_a_lie_about_the_server_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConductorResponseError):
        Info.from_json({**INFO, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"state": "dancing"},
        {"pinned": "yes"},
        {"offers": {}},
        {"offers": ["x"]},
        {"keep_alive": True},
        {"error": "x"},
        {"progress": {"percent": 3}},
    ],
)
def test_a_lie_about_a_model_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConductorResponseError):
        Model.from_json({**MODELS[0], **change})


def test_a_model_that_loads_and_one_that_waits_tell_how_far_they_are() -> None:
    loading = Model.from_json({**MODELS[0], "progress": {"phase": "load", "percent": 40}})
    assert loading.progress is not None
    assert (loading.progress.phase, loading.progress.percent) == ("load", 40)
    waiting = Model.from_json({**MODELS[0], "vram_needed_mb": 900, "vram_free_mb": 100})
    assert (waiting.vram_needed_mb, waiting.vram_free_mb) == (900, 100)


def test_settings_are_read_and_written_by_their_path() -> None:
    config = ServerConfig.from_json({"config": {"models": {"whisper/tiny.en": {"device": "cpu"}}}})
    assert config.get("models", "whisper/tiny.en", "device") == "cpu"
    assert config.get("models", "other", "device") is None
    assert patch(("a", "b"), None) == {"a": {"b": None}}
