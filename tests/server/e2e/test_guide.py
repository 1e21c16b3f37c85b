"""The API used from a browser: TypeScript, fetch, FormData and EventSource."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import playwright
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "data"

NODE = Path(playwright.__file__).parent / "driver" / "node"
"""Part of the tests' browser driver; runs TypeScript and has EventSource."""


@pytest.fixture
def run_guide(start_server) -> Callable[..., dict[str, Any]]:
    """Run a script of the guide's client with a server that needs no token."""
    return partial(run_script, start_server)


def run_script(start_server: Any, script: str, **settings: Any) -> dict[str, Any]:
    server = start_server(
        api__auth="none", tts__enabled=False, webhooks__allowed_targets="[127.0.0.1]", **settings
    )
    answer = subprocess.run(
        [
            *(str(NODE), "--experimental-eventsource", "--no-warnings"),
            *(str(HERE / "guide" / script), f"http://127.0.0.1:{server.ports['api']}"),
            str(DATA / "librivox_0870.wav"),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert answer.returncode == 0, answer.stderr + server.log.read_text()[-3000:]
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_guide_client_waits_for_memory_and_is_told_by_webhook(
    run_guide: Callable[..., dict[str, Any]],
) -> None:
    seen = run_guide("waiting.ts", preload="false", wake__enabled=False)
    states = [refusal["state"] for refusal in seen["refusals"]]
    assert states[:2] == ["waiting_for_gpu", "waiting_for_gpu"]
    for refusal in seen["refusals"]:
        assert refusal["error"] == "model_not_ready"
        assert refusal["header"] == str(refusal["retry_after_secs"])
        if refusal["state"] == "waiting_for_gpu":
            assert refusal["retry_after_secs"] == 2
    status, details = seen["status"], seen["details"]
    assert (status["state"], status["retry_in_secs"]) == ("waiting_for_gpu", 2)
    assert status["vram_needed_mb"] > status["vram_free_mb"]
    assert details["device"] == "cpu"
    assert ("program", "other programs") in [(it["kind"], it["name"]) for it in details["held_by"]]
    assert seen["waiting"][0]["retry_in_secs"] == 2
    # The address was part of refused jobs only when the model became ready.
    assert seen["hooks"][0]["type"] == "model_ready"
    assert seen["hooks"][0]["loaded_at"].endswith("Z")
    (job,) = [hook for hook in seen["hooks"] if hook.get("id") == seen["jobId"]]
    assert job["status"] == "done"


def test_guide_client_works_in_a_browser(run_guide: Callable[..., dict[str, Any]]) -> None:
    seen = run_guide("guide.ts")
    assert seen["unloading"] == {"status": "unload_requested"}
    refused = seen["refused"]
    assert (refused["status"], refused["error"]) == (503, "model_not_ready")
    assert refused["state"] in ("unloaded", "loading")
    assert refused["retryAfter"] == str(refused["retry_after_secs"])
    assert seen["loadedAt"].endswith("Z")
    assert (seen["state"], seen["loading"]) == ("ready", {"code": 200, "status": "already_ready"})
    assert seen["seen"][0] == "model_unloaded"
    assert seen["seen"][1:] == ["model_loading", "model_ready"]
    assert seen["taken"] == 202
    assert seen["percents"] == sorted(seen["percents"])
    assert seen["total"] >= 1
    job = seen["done"]
    assert job == seen["polled"] == seen["hook"]
    assert (job["status"], job["task"], job["language"], job["progress"]) == (
        "done", "transcribe", "en", 100,
    )  # fmt: skip
    assert {"index", "start", "end", "text", "words"} == set(job["segments"][0])
    assert seen["late"] == job["id"]
    assert seen["cancelled"]["status"] == 200
    assert seen["cancelled"]["job"]["status"] == "cancelled"
    assert (seen["again"]["status"], seen["again"]["error"]) == (
        409, f"job {job['id']} is already in terminal state done",
    )  # fmt: skip
    assert (seen["unknown"]["status"], seen["unknown"]["error"]) == (404, "job nobody not found")
    assert seen["empty"]["status"] == 400
    assert {"status", "gpu_name", "vram_total_mb", "model", "queue_depth", "model_state"} <= set(
        seen["health"]
    )
    assert (seen["health"]["status"], seen["health"]["model_state"]) == ("ok", "ready")
