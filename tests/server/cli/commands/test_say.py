import json
from pathlib import Path
from typing import Any

import pytest
from wyoming.error import Error
from wyoming.info import Attribution, TtsVoice, TtsVoiceSpeaker

from wyoming_servers.audio import wav


def test_speech_is_written_to_a_wav_file(run: Any, server: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    result = run("say", "Hello.", "-o", path, "--server", server.address)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0.2 s of speech" in result.stderr
    recording = wav.read(path)
    assert (recording.format.rate, round(recording.seconds, 3)) == (22_050, 0.2)
    assert [found.name for found in tmp_path.iterdir() if found.is_file()] == ["x.wav"]


def test_a_dash_streams_the_wav_to_stdout(run: Any, server: Any) -> None:
    result = run("say", "Hello.", "-o", "-", "--server", server.address)
    recording = wav.parse(result.stdout_bytes)
    assert round(recording.seconds, 3) == 0.2


def test_a_dash_as_text_reads_stdin(run: Any, server: Any, tmp_path: Path) -> None:
    run("say", "-", "-o", tmp_path / "x.wav", "--server", server.address, stdin="From a pipe.")
    assert server.requests[0].data["text"] == "From a pipe."


def test_voice_speaker_and_pace_are_passed_on(run: Any, server: Any, tmp_path: Path) -> None:
    options = ["--voice", "joe", "--speaker", "a", "--speed", "0.8"]
    run("say", "Hi.", "-o", tmp_path / "x.wav", "--server", server.address, *options)
    assert server.requests[0].data["voice"] == {"name": "joe", "speaker": "a"}
    assert server.requests[0].data["context"] == {"speed": 0.8}


def test_the_voices_of_a_server_are_listed(run: Any, server: Any) -> None:
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


def test_a_text_without_a_file_is_a_mistake(run: Any, server: Any) -> None:
    result = run("say", "Hello.", "--server", server.address)
    assert (result.exit_code, "-o FILE" in result.stderr) == (2, True)
    assert server.requests == []


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_to_say_is_a_mistake(run: Any, server: Any, tmp_path: Path, text: str) -> None:
    result = run("say", text, "-o", tmp_path / "x.wav", "--server", server.address)
    assert result.exit_code == 2
    assert server.requests == []


def test_a_failure_leaves_an_older_file_as_it_was(run: Any, server: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"old")
    server.error = Error("Full.", "OOM")
    result = run("say", "Hi.", "-o", path, "--server", server.address)
    assert (result.exit_code, result.stderr) == (4, "error [OOM]: Full.\n")
    assert path.read_bytes() == b"old"


def test_a_folder_that_is_not_there_is_named(run: Any, server: Any, tmp_path: Path) -> None:
    result = run("say", "Hi.", "-o", tmp_path / "no" / "x.wav", "--server", server.address)
    assert result.exit_code == 2
    assert "There is no folder" in result.stderr


def test_a_device_is_written_to_and_not_replaced(run: Any, server: Any) -> None:
    result = run("say", "Hi.", "-o", "/dev/null", "--server", server.address)
    assert result.exit_code == 0
    assert Path("/dev/null").is_char_device()
