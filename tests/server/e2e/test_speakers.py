"""Speakers on a real server: enrolled over HTTP, recognized over Wyoming."""

import json
import stat
import wave
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

DATA = Path(__file__).parents[2] / "data"
COMMAND = "What is the weather going to be like tomorrow?"


def stranger() -> bytes:
    with wave.open(str(DATA / "librivox_0890.wav")) as file:
        return file.readframes(file.getnframes()) + bytes(32_000)


def upload(server: Any, path: str, pcm: bytes, rate: int, folder: Path) -> dict[str, Any]:
    recording = folder / "recording.wav"
    with wave.open(str(recording), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    token = (server.data_dir / "api-token").read_text().strip()
    answer = httpx.post(
        f"http://127.0.0.1:{server.ports['api']}{path}",
        files={"file": ("recording.wav", recording.read_bytes())},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_speakers_are_recognized_also_after_a_crash_and_gone_when_deleted(
    start_server: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    server = start_server(data_dir=home, wake__enabled="false")
    enrolling = await server.synthesize(
        "Good morning, please open the blinds in the bedroom. Set a timer for twelve minutes, "
        "and tell me when the washing machine has finished."
    )
    spoken = await server.synthesize(COMMAND)
    command = spoken.pcm + bytes(spoken.rate * 2)
    before = await server.transcribe(command, rate=spoken.rate)
    assert before.text
    assert "context" not in before.event.data
    assert server.model("speaker/voicefilter")["state"] == "unloaded"

    joe = server.http("/speakers", "POST", {"name": "Joe"})
    path = f"/speakers/{joe['id']}"
    enrolled = upload(server, f"{path}/recordings", enrolling.pcm, enrolling.rate, tmp_path)
    assert enrolled["recognized"]
    assert enrolled["samples"] >= 2
    answer = await server.transcribe(command, rate=spoken.rate)
    assert answer.text == before.text
    assert answer.event.data["context"]["speaker"] == "Joe"
    assert answer.event.data["context"]["confidence"] > 0.6
    assert "context" not in (await server.transcribe(stranger())).event.data
    latest = server.http("/requests?kind=asr")["requests"]
    assert [each["speaker"] for each in latest].count("Joe") == 1, latest

    server.process.kill()
    server.process.wait(30)
    (home / "server.json").unlink()
    file = home / "speakers.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = start_server(data_dir=home, wake__enabled="false", asr__only_known_speakers="true")
    again.wait_state("speaker/voicefilter", "ready")
    known = await again.transcribe(command, rate=spoken.rate)
    assert known.text == before.text
    assert known.event.data["context"]["speaker"] == "Joe"
    assert (await again.transcribe(stranger())).text == ""
    # What was just refused enrolls its speaker.
    reader = again.http("/speakers", "POST", {"name": "Reader"})
    added = again.http(f"/speakers/{reader['id']}/requests", "POST", {"last": 1})
    assert added["recognized"]
    assert (await again.transcribe(stranger())).event.data["context"]["speaker"] == "Reader"

    worker = again.worker("speaker/voicefilter")
    assert json.loads(file.read_bytes())["format"] == 1
    assert again.http("/speakers", "DELETE") == {"deleted": 2}
    assert not file.exists()
    worker.wait(20)
    open_again = await again.transcribe(stranger())
    assert open_again.text
    assert "context" not in open_again.event.data
