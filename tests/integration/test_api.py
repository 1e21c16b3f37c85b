"""The HTTP client: decoding of valid, malformed and error responses."""

import asyncio
from collections.abc import AsyncIterator
from unittest.mock import patch

import pytest
from aiohttp import ClientSession, web
from fakes.conductor import INFO, MODELS, FakeConductor

from custom_components.wyoming_conductor.api import (
    ConductorClient,
    ConductorConnectionError,
    ConductorProofError,
    ConductorRequestError,
    ConductorResponseError,
    Info,
    Model,
    ServerConfig,
    ServerEvent,
)
from custom_components.wyoming_conductor.api.client import merge_patch, parse_events
from custom_components.wyoming_conductor.api.proof import compute_proof, format_address


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


def test_proof_matches_known_answer() -> None:
    proof = compute_proof(
        "correct-horse-battery-staple",
        "0123456789abcdef0123456789abcdef",
        "the-uuid",
        "192.168.1.20:10380",
    )
    assert proof == "25a28c36e1aa5999506724bd02a666fefa35ff2b2305dc60326dddb3ed66b22d"


@pytest.mark.parametrize(
    ("ip", "address"),
    [
        ("192.168.1.20", "192.168.1.20:80"),
        ("fe80::1%eth0", "[fe80::1]:80"),
        ("FD00:0::2", "[fd00::2]:80"),
        ("::ffff:192.168.1.20", "192.168.1.20:80"),
    ],
)
def test_address_of_proof_is_normalized(ip: str, address: str) -> None:
    assert format_address(ip, 80) == address


async def test_proof_is_requested_from_the_resolved_addresses_without_token(
    conductor: FakeConductor,
) -> None:
    conductor.token = token = "correct-horse-battery-staple"
    resolved = [(None, None, None, "", ("127.0.0.1", conductor.port))]
    async with ClientSession() as session:
        client = ConductorClient(session, "attic.local", conductor.port, token=token)
        with patch.object(asyncio.get_running_loop(), "getaddrinfo", return_value=resolved):
            answer = await client.request_proof()
        assert answer.is_proven(token, INFO["uuid"])
        assert not answer.is_proven(token, "another")
        assert not answer.knows_token(None, INFO["uuid"])
        with (
            patch.object(asyncio.get_running_loop(), "getaddrinfo", side_effect=OSError),
            pytest.raises(ConductorConnectionError, match=r"attic\.local cannot be resolved"),
        ):
            await client.request_proof()
    assert conductor.authorizations == [None]


async def test_proof_is_requested_from_next_address_if_the_first_is_silent(
    client: ConductorClient,
) -> None:
    replies = [ConductorConnectionError("silent"), "answer"]
    with (
        patch.object(client, "_resolve_host", return_value=["fd00::1", "192.168.1.20"]),
        patch.object(client, "_request_proof_from", side_effect=replies) as request,
    ):
        assert await client.request_proof() == "answer"
    assert [call.args for call in request.call_args_list] == [("fd00::1",), ("192.168.1.20",)]


@pytest.mark.parametrize("text", ["<html>", "{}", '{"uuid": "x", "proofs": [1]}'])
async def test_malformed_proof_raises_proof_error(
    client: ConductorClient, conductor: FakeConductor, text: str
) -> None:
    conductor.responses["GET /proof"] = web.Response(text=text)
    with pytest.raises(ConductorProofError):
        await client.request_proof()
