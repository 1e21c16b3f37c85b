"""Jobs on a real server: common formats, and a server that is killed in the middle."""

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
    more = [option for field in fields for option in ("-F", field)]
    answer = json.loads(curl(server, "/jobs?wait=true", "-F", f"audio=@{DATA / name}", *more))
    return str(answer["job_id"])


def order(server, text: Path, *fields: str) -> str:
    more = [option for field in fields for option in ("-F", field)]
    answer = json.loads(curl(server, "/jobs/speech", "-F", f"text=@{text}", *more))
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


def test_guide_examples_work_with_curl(server) -> None:
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


def test_openai_endpoints_work_with_curl(server) -> None:
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


def test_killed_server_loses_no_job_and_repeats_none(start_server, tmp_path: Path) -> None:
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
    fixed: dict[str, Any] = {"wake__enabled": False, **home}
    first = start_server(**fixed)
    book = tmp_path / "book.txt"
    book.write_text("This is a sentence of a book, and here it ends. " * 12)
    jobs = [submit(first, str(recording)), order(first, book, "format=flac")]
    jobs += [submit(first, str(recording)) for _ in range(17)]
    jobs += [order(first, book)]
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
    spoken = [job for job in ended if job["task"] == "speak"]
    assert [len(job["segments"]) for job in spoken] == [12, 12]
    starts = [times for times, job in zip(starts, ended, strict=True) if job not in spoken]
    # Where a job went on after the kill, the pause before a segment is measured anew.
    assert all(times == pytest.approx(starts[-1], abs=0.5) for times in starts)
    assert [job["id"] for job in second.http("/jobs")["jobs"]] == jobs[::-1]
    left = list((second.data_dir / "jobs" / "uploads").iterdir())
    assert left == []


async def test_live_speech_is_not_delayed_by_a_long_job(server, clip, tmp_path: Path) -> None:
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
        answer = await server.transcribe(clip("goforward"))
        assert "forward" in answer.text.lower()
    found = await asyncio.to_thread(server.http, f"/jobs/{job}")
    assert found["status"] in ("queued", "running")
    await asyncio.to_thread(curl, server, f"/jobs/{job}", "-X", "DELETE")
    assert (await asyncio.to_thread(wait_end, server, job))["status"] == "cancelled"


SRT = """1
00:00:01,000 --> 00:00:04,000
Good morning.

2
00:00:05,000 --> 00:00:05,800
Now comes a sentence that does not fit into its time at all.

3
00:00:12,000 --> 00:00:15,000
Good night.
"""


def test_subtitles_are_synthesized_and_transcribed_back(server, tmp_path: Path) -> None:
    subtitles = tmp_path / "film.srt"
    subtitles.write_text(SRT)
    job = order(server, subtitles, "format=mp3", "voice=en_US-joe-medium")
    stream = curl(server, f"/jobs/{job}/stream", "-N")
    assert stream.rstrip().splitlines()[-1].startswith('data: {"type":"done"')
    found = wait_end(server, job)
    starts = [segment["start"] for segment in found["segments"]]
    assert starts == [1.0, 5.0, 12.0]
    (longer,) = found["speech"]["longer"]
    assert (longer["cue"], longer["wanted_secs"], longer["pace"]) == (2, 0.8, 1.25)
    assert 0.8 < longer["got_secs"] < longer["natural_secs"]
    file = tmp_path / "film.mp3"
    curl(server, f"/jobs/{job}.mp3", "-o", str(file))
    answer = wait_end(server, submit(server, str(file), "language=en"))
    text = " ".join(segment["text"] for segment in answer["segments"])
    assert {"good", "morning", "sentence", "time", "night"} <= words(text)
    assert answer["segments"][0]["start"] == pytest.approx(1.0, abs=0.4)


def test_large_upload_for_an_unloaded_model_is_refused_early(start_server, tmp_path: Path) -> None:
    server = start_server(tts__enabled=False, wake__enabled=False, preload="false")
    large = tmp_path / "large.wav"
    large.write_bytes(bytes(40_000_000))
    output = curl(
        server, "/jobs", "-F", f"audio=@{large}", "-H", "Expect: 100-continue",
        "-o", "/dev/null", "-w", "%{http_code} %{size_upload}",
    )  # fmt: skip
    status, sent = output.split()
    assert status == "503"
    assert int(sent) < 1_000_000
    server.wait_state("whisper/tiny.en", "ready")


async def test_live_speech_is_not_delayed_by_a_speech_job(server, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    lines = [f"This is sentence number {number} of a long book. " for number in range(400)]
    await asyncio.to_thread(book.write_text, "".join(lines))
    job = await asyncio.to_thread(order, server, book)
    for number in range(3):
        assert (await server.synthesize(f"Answer number {number}.")).seconds > 0.3
    found = await asyncio.to_thread(server.http, f"/jobs/{job}")
    assert found["status"] in ("queued", "running")
    await asyncio.to_thread(curl, server, f"/jobs/{job}", "-X", "DELETE")
    assert (await asyncio.to_thread(wait_end, server, job))["status"] == "cancelled"
