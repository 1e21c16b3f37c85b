"""Commands with real models, on temporary servers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

Command = Callable[..., subprocess.CompletedProcess[str]]

SMALL = ("--set", "asr.model=whisper/tiny.en", "--set", "discovery.zeroconf=false")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def command(data_dir: Path) -> Command:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "wyoming_servers", *map(str, arguments)]
        options = ["--data-dir", str(data_dir), *SMALL]
        return subprocess.run(
            [*words, *options], capture_output=True, check=False, text=True, timeout=120
        )

    return run


@pytest.fixture
def serving(data_dir: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A server on free ports; gives ports, token and process."""
    ports = [f"--set={name}.port=0" for name in ("asr", "tts", "wake", "api")]
    words = [sys.executable, "-m", "wyoming_servers", "serve", "--data-dir", str(data_dir)]
    log = tmp_path / "server.log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [*words, *SMALL, *ports, "--set=host=127.0.0.1", "--set=log.format=json"],
            stderr=written,
        )
    deadline = time.monotonic() + 90
    found = {}
    while not found and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
        found = _started(log)
    assert found, log.read_text()
    yield {
        "process": process,
        "ports": found,
        "token": (data_dir / "api-token").read_text().strip(),
    }
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(30)


def _started(log: Path) -> dict[str, int]:
    """Return the ports, once the log has them."""
    for line in log.read_text().splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n"):
            event = json.loads(line).get("event", {})
            if event.get("type") == "server_started":
                return dict(event["ports"])
    return {}


def test_say_and_transcribe_work_without_a_running_server(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "light.wav"
    # Nothing listens on port 0.
    spoken = command("say", "Turn on the kitchen light.", "-o", path, "--set", "tts.port=0")
    assert spoken.returncode == 0, spoken.stderr
    transcript = command("transcribe", path, "--json", "--set", "asr.port=0")
    assert transcript.returncode == 0, transcript.stderr
    assert "kitchen light" in json.loads(transcript.stdout)["text"].lower()


def test_transcribe_makes_subtitles_without_a_running_server(command: Command) -> None:
    recording = Path(__file__).parents[2] / "data" / "librivox_0870.wav"
    subtitles = command("transcribe", recording, "--format", "srt", "--set", "asr.port=0")
    assert subtitles.returncode == 0, subtitles.stderr
    assert subtitles.stdout.startswith("1\n00:00:0")


def test_bench_measures_and_stores(command: Command, data_dir: Path) -> None:
    recording = Path(__file__).parents[2] / "data" / "goforward.wav"
    result = command("bench", "whisper/tiny.en", "--recording", recording, "-n", "1", "--json")
    assert result.returncode == 0, result.stderr
    (item,) = json.loads(result.stdout)["measurements"]
    assert (item["model"], item["device"], item["compute_type"]) == (
        "whisper/tiny.en", "cpu", "int8",
    )  # fmt: skip
    assert item["latency_seconds"] > 0.01
    assert item["memory_bytes"] > 50e6
    assert json.loads((data_dir / "benchmark.json").read_text())["measurements"] == [item]
    missing = command("bench", "whisper/medium")
    assert (missing.returncode, "models pull whisper/medium" in missing.stderr) == (2, True)


def test_commands_use_the_running_server(
    command: Command, serving: dict[str, Any], tmp_path: Path
) -> None:
    ports = serving["ports"]
    set_ports = [f"--set={name}.port={port}" for name, port in ports.items()]
    here = [*set_ports, "--set=host=127.0.0.1"]
    path = tmp_path / "x.wav"
    base = f"http://127.0.0.1:{ports['api']}"
    headers = {"Authorization": f"Bearer {serving['token']}"}
    with (
        httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False) as client,
        client.stream("GET", "/events", headers={"Last-Event-ID": "0"}) as stream,
    ):
        spoken = command("say", "Good morning.", "-o", path, *here)
        assert spoken.returncode == 0, spoken.stderr
        transcript = command("transcribe", path, *here)
        assert transcript.returncode == 0, transcript.stderr
        assert "morning" in transcript.stdout.lower()

        checked = command("doctor", "--json", *here)
        assert checked.returncode == 0, checked.stdout
        texts = [found["text"] for found in json.loads(checked.stdout)]
        assert sum("a running Wyoming Conductor" in text for text in texts) == 4

        assert client.get("/info").json()["ports"] == ports
        assert client.get("/health/ready").status_code in (200, 503)
        models = {model["id"]: model for model in client.get("/models").json()["models"]}
        assert models["whisper/tiny.en"]["state"] == "ready"
        assert client.post("/model/unload").json() == {"status": "unload_requested"}
        deadline = time.monotonic() + 30
        while client.get("/models/whisper/tiny.en").json()["state"] != "unloaded":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert b"wyoming_conductor_requests_total" in client.get("/metrics").content

        os.kill(serving["process"].pid, signal.SIGTERM)
        kinds = [line.removeprefix("event: ") for line in stream.iter_lines() if "event: " in line]
    assert {"stream_opened", "model_ready", "request_finished", "model_unloaded"} <= set(kinds)
    assert "server_stopping" in kinds
    assert serving["process"].wait(30) == 0
