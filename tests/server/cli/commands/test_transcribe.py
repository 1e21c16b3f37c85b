import json
import socket
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from wyoming.error import Error
from wyoming.info import Info

from wyoming_servers.audio.wav import Wav
from wyoming_servers.core.domain import AudioFormat

DATA = Path(__file__).parents[3] / "data"


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


def test_transcribe_cuts_a_long_recording_at_its_pauses(
    run: Any, server: Any, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    speech = (DATA / "librivox_0870.wav").read_bytes()[44:]
    path.write_bytes(Wav(AudioFormat(16_000), (speech + bytes(64_000)) * 5).render())
    server.transcripts = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    result = run("transcribe", path, "--server", server.address)
    assert result.stdout.split("\n")[:-1] == server.transcripts[: len(server.received)]
    assert 3 <= len(server.received) <= 8

    data = json.loads(run("transcribe", path, "--server", server.address, "--json").stdout)
    times = [(segment["start"], segment["end"]) for segment in data["segments"]]
    assert times == sorted(times)
    assert times[-1][1] <= data["audio_seconds"] + 0.1
    assert data["audio_seconds"] == pytest.approx(45, abs=2)


@pytest.mark.parametrize("suffix", ["mp3", "mp4"])
def test_transcribe_takes_any_audio_or_video_file(
    run: Any, server: Any, tmp_path: Path, suffix: str
) -> None:
    path, text = tmp_path / f"talk.{suffix}", tmp_path / "talk.txt"
    write_media(path)
    result = run("transcribe", path, "--server", server.address, "-o", text)
    assert result.exit_code == 0, result.stderr
    assert (result.stdout, text.read_text()) == ("", "hello world\n")
    assert abs(len(server.received[0]) - 2 * 32_000) < 6_000


def write_media(path: Path) -> None:
    """Write two seconds of a tone, in an MP4 with a picture beside it."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream("mp3" if path.suffix == ".mp3" else "aac", rate=16_000)
        packets = []
        if path.suffix == ".mp4":
            video = container.add_stream("mpeg4", rate=5)
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
            for _ in range(10):
                picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), "uint8"), "rgb24")
                packets += video.encode(picture)
            packets += video.encode(None)
        tone = (np.sin(np.arange(32_000) * 0.2) * 8_000).astype("int16").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(tone, "s16", "mono")
        frame.sample_rate = 16_000
        packets += [*audio.encode(frame), *audio.encode(None)]
        for packet in packets:
            container.mux(packet)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "cannot be decoded"),
        (["-o", "x.doc"], "must end in one of .txt, .json, .srt, .vtt"),
    ],
)
def test_transcribe_refuses_what_it_cannot_read_or_write(
    run: Any, server: Any, tmp_path: Path, arguments: list[str], message: str
) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"no music" * 100)
    result = run("transcribe", path, "--server", server.address, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


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
