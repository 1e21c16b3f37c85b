import json
from pathlib import Path
from typing import Any

import pytest
from wyoming.error import Error
from wyoming.info import Attribution, TtsVoice, TtsVoiceSpeaker

from wyoming_servers.audio import wav


def test_say_writes_a_wav_file(run: Any, server: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    result = run("say", "Hello.", "-o", path, "--server", server.address)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0.2 s of speech" in result.stderr
    recording = wav.read(path)
    assert (recording.format.rate, round(recording.seconds, 3)) == (22_050, 0.2)
    assert [found.name for found in tmp_path.iterdir() if found.is_file()] == ["x.wav"]


def test_say_streams_to_stdout_with_a_dash(run: Any, server: Any) -> None:
    result = run("say", "Hello.", "-o", "-", "--server", server.address)
    recording = wav.parse(result.stdout_bytes)
    assert round(recording.seconds, 3) == 0.2


def test_say_reads_stdin_with_a_dash(run: Any, server: Any, tmp_path: Path) -> None:
    run("say", "-", "-o", tmp_path / "x.wav", "--server", server.address, stdin="From a pipe.")
    assert server.requests[0].data["text"] == "From a pipe."


def test_say_sends_voice_speaker_and_speed(run: Any, server: Any, tmp_path: Path) -> None:
    options = ["--voice", "joe", "--speaker", "a", "--speed", "0.8"]
    run("say", "Hi.", "-o", tmp_path / "x.wav", "--server", server.address, *options)
    assert server.requests[0].data["voice"] == {"name": "joe", "speaker": "a"}
    assert server.requests[0].data["context"] == {"speed": 0.8}


def test_say_lists_the_voices_of_a_server(run: Any, server: Any) -> None:
    author = Attribution(name="x", url="x")
    server.info.tts[0].voices = [
        TtsVoice(
            name=name,
            attribution=author,
            installed=name != "gone",
            description=f"{name} (medium)",
            version=None,
            languages=["en-US"],
            speakers=[TtsVoiceSpeaker("low"), TtsVoiceSpeaker("high")],
        )
        for name in ("joe", "gone")
    ]
    lines = run("say", "--list", "--server", server.address).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["voice", "joe"]
    assert lines[1].split()[1:] == ["en-US", "joe", "(medium)", "low,", "high"]
    shown = json.loads(run("say", "--list", "--json", "--server", server.address).stdout)
    assert [voice["name"] for voice in shown] == ["joe"]
    assert server.requests == []


def test_say_requires_an_output_file(run: Any, server: Any) -> None:
    result = run("say", "Hello.", "--server", server.address)
    assert (result.exit_code, "-o FILE" in result.stderr) == (2, True)
    assert server.requests == []


@pytest.mark.parametrize("text", ["", "  "])
def test_say_requires_a_text(run: Any, server: Any, tmp_path: Path, text: str) -> None:
    result = run("say", text, "-o", tmp_path / "x.wav", "--server", server.address)
    assert result.exit_code == 2
    assert server.requests == []


def test_say_keeps_the_old_file_after_a_failure(run: Any, server: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"old")
    server.error = Error("Full.", "OOM")
    result = run("say", "Hi.", "-o", path, "--server", server.address)
    assert (result.exit_code, result.stderr) == (4, "error [OOM]: Full.\n")
    assert path.read_bytes() == b"old"


def test_say_names_a_missing_folder(run: Any, server: Any, tmp_path: Path) -> None:
    result = run("say", "Hi.", "-o", tmp_path / "no" / "x.wav", "--server", server.address)
    assert result.exit_code == 2
    assert "There is no folder" in result.stderr


def test_say_writes_to_a_device_without_replacing_it(run: Any, server: Any) -> None:
    result = run("say", "Hi.", "-o", "/dev/null", "--server", server.address)
    assert result.exit_code == 0
    assert Path("/dev/null").is_char_device()
