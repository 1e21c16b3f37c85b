"""`POST /restart`: the process starts again by itself, and saved settings take effect."""

import asyncio
import json
import time
import urllib.error
from typing import Any

import pytest
from wyoming.audio import AudioChunk
from wyoming.tts import Synthesize

pytestmark = [pytest.mark.e2e, pytest.mark.component]

BACK_SECONDS = 20.0
"""On a busy machine; about 4 s on an idle one."""


def wait_until_back(server: Any, ports: dict[str, int]) -> float:
    """Return the seconds until the server listens again, on ports that the system chooses."""
    started = time.monotonic()
    while time.monotonic() < started + BACK_SECONDS:
        assert server.process.poll() is None, server.log.read_text()[-2000:]
        try:
            server.ports = json.loads((server.data_dir / "server.json").read_text())["ports"]
            if server.ports != ports and server.http("/health/live"):
                return time.monotonic() - started
        except (OSError, ValueError, KeyError, urllib.error.URLError):
            pass
        time.sleep(0.05)
    pytest.fail(f"The server did not come back:\n{server.log.read_text()[-4000:]}")


async def test_restart_lets_a_request_end_and_applies_pending_settings(start_server: Any) -> None:
    server = start_server(wake__enabled="false", asr__enabled="false")
    server.wait_state("piper/en_US-joe-medium", "ready")
    change = server.http("/config", "PATCH", {"log": {"format": "json"}})
    assert change["restart_needed"] == ["log.format"]
    ports, process = dict(server.ports), server.process.pid
    async with server.connect("tts") as client:
        await client.write_event(Synthesize(text="This sentence is spoken to its end.").event())
        size = 0
        answer: dict[str, Any] = {}
        async with asyncio.timeout(30):
            while (event := await client.read_event()) is not None:
                if AudioChunk.is_type(event.type):
                    size += len(AudioChunk.from_event(event).audio)
                    if not answer:
                        answer = await asyncio.to_thread(server.http, "/restart", "POST")
                if event.type == "audio-stop":
                    break
            assert event is not None, "the request was cut off"
    assert (answer["restarting"], size > 22_050) == (True, True)
    assert await asyncio.to_thread(wait_until_back, server, ports) < BACK_SECONDS
    assert server.process.pid == process
    shown = server.http("/config")
    assert (shown["effective"]["log"]["format"], shown["pending"]) == ("json", {})
    assert json.loads(server.log.read_text().splitlines()[-1])
    assert (await server.synthesize("Back again.")).seconds > 0.3
    assert server.stop() == 0
