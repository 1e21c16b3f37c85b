"""The HTTP client: decoding of valid, malformed and error responses."""

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
    ServerConfig,
    ServerEvent,
)
from custom_components.wyoming_conductor.api.client import merge_patch
from custom_components.wyoming_conductor.api.events import parse_events


@pytest.fixture
async def client(conductor: FakeConductor) -> AsyncIterator[ConductorClient]:
    """A client of the fake server."""
    async with ClientSession() as session:
        yield ConductorClient(session, conductor.host, conductor.port, heartbeat_timeout=0.3)


async def events(*chunks: bytes) -> list[ServerEvent]:
    """Return the events of a stream that arrives in these chunks."""

    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [event async for event in parse_events(stream())]


async def test_events_are_parsed_across_chunk_boundaries() -> None:
    whole = b': hello\n\nid: 7\nevent: a\ndata: {"type":\ndata: "a"}\n\n'
    whole += b'retry: 5\n\ndata:{"type":"b"}\r\n\r\n'
    expected = [("a", "7"), ("b", None)]
    for size in (1, 3, len(whole)):
        chunks = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert [(event.type, event.id) for event in await events(*chunks)] == expected


async def test_incomplete_event_is_dropped() -> None:
    assert await events(b'data: {"type": "a"}\n') == []


async def test_event_stream_without_heartbeat_times_out(client: ConductorClient) -> None:
    with pytest.raises(ConductorConnectionError, match="timed out"):
        async for _ in client.events():
            pass


async def test_event_stream_of_wrong_content_type_is_rejected(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    conductor.responses["GET /events"] = {"no": "stream"}
    with pytest.raises(ConductorResponseError):
        async for _ in client.events():
            pass


async def test_response_that_is_not_json_is_rejected(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    conductor.responses["GET /info"] = web.Response(text="<html>")
    with pytest.raises(ConductorResponseError, match="not JSON"):
        await client.info()


async def test_client_does_not_follow_redirects(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    conductor.responses["GET /info"] = web.Response(status=302, headers={"Location": "/health"})
    with pytest.raises(ConductorResponseError, match="302"):
        await client.info()


async def test_client_decodes_openai_error_format(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    problem = {
        "error": {"message": "The server is paused.", "type": "server_error", "code": "BUSY"}
    }
    conductor.responses["POST /v1/audio/speech"] = web.json_response(problem, status=503)
    with pytest.raises(ConductorRequestError, match="paused") as refusal:
        await client.synthesize("Hello")
    assert refusal.value.code == "BUSY"


async def test_trace_without_time_is_rejected(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    conductor.traces = [{"kind": "asr", "seconds": 1}]
    with pytest.raises(ConductorResponseError, match="no time"):
        await client.traces()


async def test_download_reports_installed_model(
    client: ConductorClient, conductor: FakeConductor
) -> None:
    assert not await client.download_model("whisper/tiny")
    conductor.responses["POST /models/whisper/base/download"] = {"status": "already_installed"}
    assert await client.download_model("whisper/base")


async def test_request_error_keeps_code_and_detail(client: ConductorClient) -> None:
    with pytest.raises(ConductorRequestError) as refusal:
        await client.load_model("no/such")
    assert refusal.value.code == "MODEL_MISSING"
    assert refusal.value.detail == "See the log."


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
def test_malformed_info_is_rejected(change: dict[str, object]) -> None:
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
def test_malformed_model_is_rejected(change: dict[str, object]) -> None:
    with pytest.raises(ConductorResponseError):
        Model.from_json({**MODELS[0], **change})


def test_model_decodes_progress_and_memory_need() -> None:
    loading = Model.from_json({**MODELS[0], "progress": {"phase": "load", "percent": 40}})
    assert loading.progress is not None
    assert (loading.progress.phase, loading.progress.percent) == ("load", 40)
    waiting = Model.from_json({**MODELS[0], "vram_needed_mb": 900, "vram_free_mb": 100})
    assert (waiting.vram_needed_mb, waiting.vram_free_mb) == (900, 100)


def test_config_is_read_and_patched_by_path() -> None:
    config = ServerConfig.from_json({"config": {"models": {"whisper/tiny.en": {"device": "cpu"}}}})
    assert config.get("models", "whisper/tiny.en", "device") == "cpu"
    assert config.get("models", "other", "device") is None
    assert merge_patch(("a", "b"), None) == {"a": {"b": None}}
