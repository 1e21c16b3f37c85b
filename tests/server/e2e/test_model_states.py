"""States of models that clients rely on: what never fits, what stays, and how far a load is."""

import asyncio
import json
import threading
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


async def test_model_that_can_never_fit_is_refused_for_good(
    start_server: Callable[..., Any],
    webhook: tuple[str, "SimpleQueue[dict[str, Any]]"],
    clip: Callable[[str], bytes],
    helpers: Any,
) -> None:
    address, received = webhook
    server = start_server(
        memory__budget="1MiB", webhooks__allowed_targets="[127.0.0.1]", wake__enabled="false"
    )
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


async def test_first_load_shows_how_far_it_is(start_server: Callable[..., Any]) -> None:
    server = start_server(preload="false", tts__enabled="false", wake__enabled="false")
    shown: list[int] = []
    async with api(server) as client, client.stream("GET", "/events?types=model") as events:
        await client.post(f"/models/{MODEL}/load")
        name = ""
        async with asyncio.timeout(60):
            async for line in events.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: ") and name == "model_progress":
                    shown.append(json.loads(line.removeprefix("data: "))["percent"])
                elif name == "model_ready":
                    break
    assert shown == sorted(shown), shown
    assert shown[-1] == 90, shown


async def test_models_of_assistants_survive_clearing_and_a_restart(
    start_server: Callable[..., Any], voice_hub: Any, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    voice_hub.offer(data_dir, "en_US-amber-medium", "en_US-birch-medium")
    voice_hub.start()
    start = partial(
        start_server,
        data_dir=data_dir,
        downloads__endpoint=voice_hub.address,
        preload="false",
        wake__enabled="false",
    )
    server = start()
    call = partial(asyncio.to_thread, server.http)
    amber, birch = "piper/en_US-amber-medium", "piper/en_US-birch-medium"
    for voice in (amber, birch):
        await call(f"/models/{voice}/download", "POST")
        await asyncio.to_thread(server.wait_state, voice, "unloaded")
    await call("/references/kitchen", "PUT", {"voices": ["en_US-amber-medium@slow"]})
    await call("/references/study", "PUT", {"voices": ["en_US-birch-medium"]})

    # Idle and unloaded voices of both assistants stay, and what nobody uses goes.
    planned = await call("/cache?dry_run=true", "DELETE")
    cleared = await call("/cache", "DELETE")
    assert [item["id"] for item in cleared["deleted"]] == ["whisper/base"]
    assert cleared["deleted"] == planned["deleted"]
    kept = {item["id"]: [use["owner"] for use in item["uses"]] for item in cleared["kept"]}
    assert (kept[amber], kept[birch]) == (["kitchen"], ["study"])
    assert (await server.synthesize("All is well.", "en_US-birch-medium")).seconds > 0.3

    # A model that a client keeps loaded is loaded again at the next start.
    await call("/pins/kitchen", "PUT", {"models": [amber]})
    await asyncio.to_thread(server.wait_state, amber, "ready")
    assert await asyncio.to_thread(server.stop) == 0
    server = start()
    call = partial(asyncio.to_thread, server.http)
    model = await asyncio.to_thread(server.wait_state, amber, "ready")
    assert (model["pinned_by"], model["kept_warm"]) == (["kitchen"], True)
    other = await call(f"/models/{birch}")
    assert (other["state"], other["pinned_by"], other["kept_warm"]) == ("unloaded", [], True)
    await call("/pins/kitchen", "DELETE")
    assert (await call(f"/models/{amber}"))["pinned_by"] == []

    # A voice goes with the assistant.
    await call("/references/kitchen", "DELETE")
    await call(f"/models/{amber}/unload", "POST")
    await asyncio.to_thread(server.wait_state, amber, "unloaded")
    await call("/config", "PATCH", {"downloads": {"keep_used": 0}})
    deleted = (await call("/cache", "DELETE"))["deleted"]
    assert [item["id"] for item in deleted] == [amber]
