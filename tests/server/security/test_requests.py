"""Requests that are refused: cheap, without harm to the model, and without filling the log."""

import json
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

AUDIO = {"rate": 16_000, "width": 2, "channels": 1}


async def test_names_with_surrogates_never_reach_the_model(
    start_server: Callable[..., Any], attack: Any
) -> None:
    server = start_server()
    peer = await attack.connect(server.ports["asr"])
    await peer.send("transcribe", transcript_names=["\ud800 kitchen"])
    kind, data = await peer.read_until("error", "transcript")
    assert (kind, data["code"]) == ("error", "BAD_REQUEST")
    assert "Traceback" not in server.log.read_text()


async def test_many_long_names_are_refused_at_once(
    start_server: Callable[..., Any], attack: Any
) -> None:
    server = start_server(limits__max_event_bytes="4MiB")
    peer = await attack.connect(server.ports["asr"])
    await peer.send("transcribe", transcript_names=["kitchen " * 1_250] * 350)
    kind, data = await peer.read_until("error", "transcript")
    assert (kind, data["code"]) == ("error", "BAD_REQUEST")
    assert "200 characters" in data["text"]


async def test_refused_requests_do_not_fill_the_log(
    start_server: Callable[..., Any], attack: Any
) -> None:
    server = start_server(log__format="json")
    peer = await attack.connect(server.ports["tts"])
    before = server.log.stat().st_size
    count = 5_000
    for _ in range(count):
        await peer.send("synthesize", text="Hello.", voice={"name": "nobody"})
        kind, data = await peer.read_until("error", "audio-start")
        assert kind == "error", data
    assert server.log.stat().st_size - before < 100_000
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert any("refused" in line["message"] for line in lines)
