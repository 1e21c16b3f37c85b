import json
import socket
from pathlib import Path
from typing import Any

from wyoming.error import Error
from wyoming.info import Info

from wyoming_servers.audio.wav import Wav
from wyoming_servers.core.domain import AudioFormat


def test_transcribe_prints_the_text_only(run: Any, server: Any, clip: Path) -> None:
    result = run("transcribe", clip, "--server", server.address)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "hello world\n", "")


def test_transcribe_json_has_language_and_durations(run: Any, server: Any, clip: Path) -> None:
    result = run("transcribe", clip, "--server", server.address, "--json", "--language", "en")
    data = json.loads(result.stdout)
    assert (data["text"], data["language"], data["audio_seconds"]) == ("hello world", "en", 1.0)
    assert data["seconds"] >= 0


def test_transcribe_uses_the_configured_server_by_default(
    run: Any, server: Any, clip: Path
) -> None:
    result = run("transcribe", clip, "--set", f"asr.port={server.port}")
    assert result.stdout == "hello world\n"


def test_transcribe_converts_other_audio_formats(run: Any, server: Any, tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    path.write_bytes(Wav(AudioFormat(48_000, 2, 2), b"\0\1\0\1" * 48_000).render())
    assert run("transcribe", path, "--server", server.address).exit_code == 0
    assert abs(len(server.received[0]) - 32_000) < 100


def test_transcribe_splits_a_long_recording(run: Any, server: Any, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(Wav(AudioFormat(16_000), b"\0\1" * 16_000 * 60).render())
    server.transcripts = ["one", "two", "three", "four"]
    result = run("transcribe", path, "--server", server.address)
    assert result.stdout.split() == server.transcripts[: len(server.received)]
    assert 3 <= len(server.received) <= 4


def test_transcribe_refuses_a_file_that_is_not_wav(run: Any, server: Any, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"ID3" + bytes(100))
    result = run("transcribe", path, "--server", server.address)
    assert result.exit_code == 2
    assert result.stderr == (
        "error [BAD_REQUEST]: This is not a WAV file. Convert it with ffmpeg or sox.\n"
    )


def test_transcribe_exits_with_3_if_the_given_server_is_missing(run: Any, clip: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    result = run("transcribe", clip, "--server", f"127.0.0.1:{port}")
    assert result.exit_code == 3
    assert result.stderr.startswith(f"error [UNREACHABLE]: No server answers at 127.0.0.1:{port}.")


def test_transcribe_refuses_a_server_of_another_service(run: Any, server: Any, clip: Path) -> None:
    server.info = Info(tts=server.info.tts)
    result = run("transcribe", clip, "--server", server.address)
    assert result.exit_code == 2
    assert "does not offer speech-to-text" in result.stderr


def test_transcribe_prints_a_server_error_in_one_line(run: Any, server: Any, clip: Path) -> None:
    server.error = Error("Nobody speaks xx here.", "UNSUPPORTED_LANGUAGE")
    result = run("transcribe", clip, "--server", server.address, "--language", "xx")
    assert result.exit_code == 2
    assert result.stderr == "error [UNSUPPORTED_LANGUAGE]: Nobody speaks xx here.\n"


def test_transcribe_does_not_start_a_disabled_service(run: Any, clip: Path) -> None:
    result = run("transcribe", clip, "--set", "asr.port=0", "--set", "asr.enabled=false")
    assert result.exit_code == 2
    assert "asr.enabled" in result.stderr
