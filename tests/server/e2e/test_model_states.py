"""States of models that clients rely on: what never fits, what stays, and how far a load is."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx
import pytest
from wyoming.tts import Synthesize

pytestmark = [pytest.mark.e2e, pytest.mark.component]

MODEL = "whisper/tiny.en"
DATA = Path(__file__).parents[2] / "data"
CODE = "MODEL_TOO_LARGE"


@pytest.fixture
def webhook() -> Iterator[tuple[str, "SimpleQueue[dict[str, Any]]"]]:
    """The address of a receiver of webhooks, and what it has received."""
    received: SimpleQueue[dict[str, Any]] = SimpleQueue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    server.server_close()


def api(server: Any) -> httpx.AsyncClient:
    token = (server.data_dir / "api-token").read_text().strip()
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.ports['api']}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )


async def test_model_that_can_never_fit_is_refused_until_there_is_memory(
    start_server: Callable[..., Any],
    webhook: tuple[str, "SimpleQueue[dict[str, Any]]"],
    clip: Callable[[str], bytes],
    helpers: Any,
) -> None:
    address, received = webhook
    server = start_server(
        webhooks__allowed_targets="[127.0.0.1]", preload="false", wake__enabled="false"
    )
    server.http("/config", "PATCH", {"memory": {"budget": "1MiB"}})
    await asyncio.to_thread(server.wait_state, MODEL, "unfit")
    recording = (DATA / "goforward.wav").read_bytes()
    spoken = {"model": "tts-1", "input": "All is well.", "voice": "alloy"}
    file = ("talk.wav", recording)
    async with api(server) as client:
        for path, body in (
            (f"/models/{MODEL}/load", {}),
            ("/v1/audio/transcriptions", {"files": {"file": file}, "data": {"model": "whisper-1"}}),
            ("/v1/audio/speech", {"json": spoken}),
            ("/jobs", {"files": {"audio": file}}),
        ):
            answer = await client.post(path, **body)
            assert answer.status_code == 422, answer.text
            assert "retry-after" not in answer.headers
            problem = answer.json()
            if path.startswith("/v1"):
                assert problem["error"]["type"] == "invalid_request_error"
                assert problem["error"]["code"] == CODE
            else:
                assert (problem["code"], problem["recoverable"]) == (CODE, False)
                assert "memory.budget" in problem["detail"]
        await client.post("/jobs?wait=true", files={"audio": file}, data={"webhook_url": address})
        job = await asyncio.to_thread(received.get, timeout=30)
        assert (job["status"], job["error_code"]) == ("failed", CODE)
        speech = {"text": "All is well.", "webhook_url": address}
        await client.post("/jobs/speech", json=speech)
        job = await asyncio.to_thread(received.get, timeout=30)
        assert (job["status"], job["error_code"]) == ("failed", CODE)
    answer = await server.transcribe(clip("goforward"))
    assert (answer.event.type, answer.code) == ("error", CODE)
    async with server.connect("tts") as client:
        await client.write_event(Synthesize(text="All is well.").event())
        refusal = await helpers.read_until(client, "audio-stop", "error")
        assert refusal.data["code"] == CODE

    # With more memory it is loaded; the first load tells how much of the files was read.
    await asyncio.to_thread(server.http, "/config", "PATCH", {"memory": {"budget": None}})
    async with asyncio.timeout(60), api(server) as client:
        shown = await show_load(client)
    assert shown == sorted(shown), shown
    assert shown[-1] == 90, shown
    assert "forward" in (await server.transcribe(clip("goforward"))).text.lower()


def wait_unpinned(server: Any, model: str) -> dict[str, Any]:
    while (shown := dict(server.model(model)))["pinned_by"]:
        time.sleep(0.05)
    return shown


async def show_load(client: httpx.AsyncClient) -> list[int]:
    """Load the model and return the percentages that clients are told."""
    shown: list[int] = []
    async with client.stream("GET", "/events?types=model") as events:
        await client.post(f"/models/{MODEL}/load")
        name = ""
        async for line in events.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: ") and name == "model_progress":
                shown.append(json.loads(line.removeprefix("data: "))["percent"])
            elif name == "model_ready":
                break
    return shown


async def test_models_of_assistants_survive_clearing_and_a_restart(
    start_server: Callable[..., Any], voice_hub: Any, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    voice_hub.offer(data_dir, "en_US-amber-medium")
    voice_hub.start()
    start = partial(
        start_server,
        data_dir=data_dir,
        downloads__endpoint=voice_hub.address,
        preload="false",
        asr__enabled="false",
        wake__enabled="false",
    )
    server = start()
    voice = "piper/en_US-amber-medium"
    server.http(f"/models/{voice}/download", "POST")
    server.wait_state(voice, "unloaded", deadline=100.0)
    server.http("/references/kitchen", "PUT", {"voices": ["en_US-amber-medium@slow"]})
    server.http("/references/study", "PUT", {"voices": ["en_US-amber-medium"]})

    # The idle and unloaded voice of both assistants stays; a model that nothing uses goes.
    planned = server.http("/cache?dry_run=true", "DELETE")
    cleared = server.http("/cache", "DELETE")
    assert "whisper/base" in [item["id"] for item in cleared["deleted"]]
    assert [planned[key] for key in ("deleted", "kept")] == [cleared["deleted"], cleared["kept"]]
    (kept,) = [item for item in cleared["kept"] if item["id"] == voice]
    assert [use["detail"] for use in kept["uses"]] == [
        "kitchen uses en_US-amber-medium@slow",
        "study uses en_US-amber-medium",
    ]

    # A model that a client keeps loaded is loaded again at the next start.
    server.http("/pins/kitchen", "PUT", {"models": [voice]})
    server.wait_state(voice, "ready")
    assert server.stop() == 0
    server = start()
    model = server.wait_state(voice, "ready")
    assert model["pinned_by"] == ["kitchen"]
    assert (await server.synthesize("All is well.", "en_US-amber-medium")).seconds > 0.3
    server.http("/pins/kitchen", "DELETE")
    model = wait_unpinned(server, voice)
    assert model["kept_warm"], "its references have survived, too"

    # The voice goes with the last assistant that uses it.
    server.http(f"/models/{voice}/unload", "POST")
    server.wait_state(voice, "unloaded")
    server.http("/config", "PATCH", {"downloads": {"keep_used": 0}})
    for owner, goes in (("kitchen", False), ("study", True)):
        server.http(f"/references/{owner}", "DELETE")
        deleted = [item["id"] for item in server.http("/cache", "DELETE")["deleted"]]
        assert (voice in deleted) == goes
