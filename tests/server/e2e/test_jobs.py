"""Jobs on a real server: formats as people send them, and a server that is killed in the middle."""

import asyncio
import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
import wave
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

DATA = Path(__file__).parents[2] / "data"


def curl(server, path: str, *options: str) -> str:
    token = (server.data_dir / "api-token").read_text().strip()
    command = ["curl", "-sS", "--max-time", "60", "-H", f"Authorization: Bearer {token}", *options]
    answer = subprocess.run(
        [*command, f"http://127.0.0.1:{server.ports['api']}{path}"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return answer.stdout


def submit(server, name: str, *fields: str) -> str:
    more = [option for field in ("wait=true", *fields) for option in ("-F", field)]
    answer = json.loads(curl(server, "/jobs", "-F", f"audio=@{DATA / name}", *more))
    return str(answer["job_id"])


def wait_end(server, job: str, seconds: float = 120.0) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found: dict[str, Any] = server.http(f"/jobs/{job}")
        if found["status"] in ("done", "failed", "cancelled"):
            return found
        time.sleep(0.2)
    pytest.fail(f"the job did not end: {found}\n{server.log.read_text()[-3000:]}")


def words(text: str) -> set[str]:
    return {word.strip(".,!?;").lower() for word in text.split()}


def test_the_examples_of_the_guide_work_with_curl(server) -> None:
    job = submit(server, "librivox_0870.wav", "word_timestamps=true", "language=en")
    stream = curl(server, f"/jobs/{job}/stream", "-N")
    assert "event: progress\n" in stream
    assert stream.rstrip().split("\n\n")[-1].startswith(("id: ", "event: done"))
    found = wait_end(server, job)
    spoken = words((DATA / "librivox_0870.txt").read_text())
    text = words(" ".join(segment["text"] for segment in found["segments"]))
    assert len(spoken & text) > 0.6 * len(spoken)
    timed = [word for segment in found["segments"] for word in segment["words"]]
    assert timed
    assert all(0 <= word["start"] <= word["end"] <= found["duration_secs"] for word in timed)
    assert " --> " in curl(server, f"/jobs/{job}.srt")
    assert curl(server, f"/jobs/{job}.vtt").startswith("WEBVTT")
    assert json.loads(curl(server, "/model/status"))["state"] == "ready"
    assert json.loads(curl(server, "/health"))["status"] == "ok"
    assert "409" in curl(server, f"/jobs/{job}", "-X", "DELETE", "-w", "%{http_code}")


def test_openais_addresses_work_with_curl(server) -> None:
    answer = curl(
        server, "/v1/audio/transcriptions",
        "-F", f"file=@{DATA / 'goforward.wav'}", "-F", "model=whisper-1",
    )  # fmt: skip
    assert "forward" in json.loads(answer)["text"].lower()
    for kind, magic in [("wav", b"RIFF"), ("flac", b"fLaC"), ("opus", b"OggS")]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.ports['api']}/v1/audio/speech",
            json.dumps({"input": "Hello there.", "response_format": kind}).encode(),
            {"Content-Type": "application/json"},
        )
        token = (server.data_dir / "api-token").read_text().strip()
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            data = answer.read()
        assert data.startswith(magic)
        assert len(data) > 2_000


def test_a_server_killed_in_the_middle_of_twenty_jobs_loses_none_and_does_none_twice(
    start_server, tmp_path: Path
) -> None:
    recording = tmp_path / "long.wav"
    with wave.open(str(DATA / "librivox_0870.wav")) as file:
        voice = file.readframes(file.getnframes())
    with wave.open(str(recording), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        for _ in range(3):
            out.writeframes(voice + bytes(2 * 32_000))
    home = {"data_dir": tmp_path / "home"}
    fixed: dict[str, Any] = {"tts__enabled": False, "wake__enabled": False, **home}
    first = start_server(**fixed)
    jobs = [submit(first, str(recording)) for _ in range(20)]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        known = first.http("/jobs")["jobs"]
        half = [job for job in known if job["status"] == "running" and job["progress"] > 20]
        if half and any(job["status"] == "done" for job in known):
            break
        time.sleep(0.05)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    (first.data_dir / "server.json").unlink()
    second = start_server(**fixed)
    ended = [wait_end(second, job, 240) for job in jobs]
    assert {job["status"] for job in ended} == {"done"}
    starts = [[segment["start"] for segment in job["segments"]] for job in ended]
    assert all(times == sorted(set(times)) for times in starts)
    # Where a job went on after the kill, the pause before a segment is measured anew.
    assert all(times == pytest.approx(starts[-1], abs=0.5) for times in starts)
    assert [job["id"] for job in second.http("/jobs")["jobs"]] == jobs[::-1]
    left = list((second.data_dir / "jobs" / "uploads").iterdir())
    assert left == []


async def test_live_speech_goes_before_a_long_job(server, clip, tmp_path: Path) -> None:
    recording = tmp_path / "long.wav"
    with wave.open(str(DATA / "librivox_0870.wav")) as file:
        voice = file.readframes(file.getnframes())
    with wave.open(str(recording), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        for _ in range(40):
            out.writeframes(voice + bytes(32_000))
    job = await asyncio.to_thread(submit, server, str(recording))
    for _ in range(3):
        heard = await server.transcribe(clip("goforward"))
        assert "forward" in heard.text.lower()
    found = await asyncio.to_thread(server.http, f"/jobs/{job}")
    assert found["status"] in ("queued", "running")
    await asyncio.to_thread(curl, server, f"/jobs/{job}", "-X", "DELETE")
    assert (await asyncio.to_thread(wait_end, server, job))["status"] == "cancelled"
