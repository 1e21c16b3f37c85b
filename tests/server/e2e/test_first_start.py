"""The first start without a network, or with one that does not answer."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize

from wyoming_servers.app.application import Application
from wyoming_servers.config.load import load_config
from wyoming_servers.models import manager
from wyoming_servers.models.store import ModelStore

pytestmark = [pytest.mark.e2e, pytest.mark.component]

MODEL = "whisper/small"
"""In no Python package, so that it has to be downloaded."""

DESCRIBE_SECONDS = 1.0

START_SECONDS = 3.0
"""CPU time, so that a busy machine does not fail the test."""


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A mirror that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_server_serves_installed_models_while_another_is_downloaded(
    start_server: Callable[..., Any], black_hole: str, clip: Callable[[str], bytes]
) -> None:
    server = start_server(
        asr__model=MODEL, downloads__endpoint=black_hole, preload="false", wake__enabled="false"
    )
    async with server.connect("asr") as client:
        started = time.monotonic()
        await client.write_event(Describe().event())
        info = Info.from_event(await client.read_event())
        assert time.monotonic() - started < DESCRIBE_SECONDS
    assert MODEL not in [model.name for program in info.asr for model in program.models]
    assert (await server.synthesize("All is well.")).seconds > 0.3
    answer = await server.transcribe(clip("goforward"))
    assert (answer.event.type, answer.code) == ("error", "BUSY")
    assert f"{MODEL} is being installed (download 0 %)" in answer.text
    (reason,) = server.http("/health")["reasons"]
    assert reason == f"asr: {MODEL} is being installed (download 0 %)"
    assert server.stop() == 0


VOICE = "en_US-late-medium"


async def test_models_come_when_the_network_comes(
    tmp_path: Path, voice_hub: Any, helpers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_store: ModelStore) -> list[str]:
        return []

    monkeypatch.setattr(ModelStore, "embedded_models", nothing)
    monkeypatch.setattr(manager, "RETRY_SECONDS", 0.5)
    voice_hub.offer(tmp_path / "data", VOICE)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"data_dir: data\nhost: 127.0.0.1\ntts: {{port: 0, voice: {VOICE}}}\n"
        "asr: {enabled: false}\nwake: {enabled: false}\napi: {port: 0, auth: none}\n"
        f"discovery: {{zeroconf: false}}\ndownloads: {{endpoint: '{voice_hub.address}'}}\n"
    )
    application = Application(load_config(config))
    started = time.process_time()
    async with asyncio.timeout(30):
        await application.start()
    assert time.process_time() - started < START_SECONDS
    base = f"http://127.0.0.1:{application.ports['api']}"

    async def speak(voices: int) -> Any:
        async with AsyncTcpClient("127.0.0.1", application.ports["tts"]) as client:
            await client.write_event(Describe().event())
            info = Info.from_event(await helpers.read_until(client, "info"))
            assert len([voice for program in info.tts for voice in program.voices]) == voices
            await client.write_event(Synthesize(text="All is well.").event())
            return await helpers.read_until(client, "audio-stop", "error")

    try:
        async with httpx.AsyncClient(base_url=base, timeout=30) as api:

            async def shown() -> dict[str, Any]:
                models = (await api.get("/snapshot")).json()["models"]
                return next(model for model in models if model["id"] == f"piper/{VOICE}")

            refused = await speak(voices=0)
            assert refused.data["code"] in ("BUSY", "MODEL_MISSING")
            assert f"piper/{VOICE} is " in refused.data["text"]
            model = await shown()
            assert model["installed"] is False
            assert model["state"] in ("downloading", "failed")
            assert model["default_for"] == ["tts"]
            async with api.stream("GET", "/events") as events:
                lines = events.aiter_lines()
                await anext(lines)
                voice_hub.start()
                seen = []
                async with asyncio.timeout(60):
                    async for line in lines:
                        seen += [line.removeprefix("event: ")] if "event:" in line else []
                        if seen and seen[-1] == "model_installed":
                            break
            assert "model_progress" in seen
            assert (await speak(voices=1)).type == "audio-stop"
            model = await shown()
            assert (model["installed"], model["state"]) == (True, "ready")
    finally:
        await application.stop()
