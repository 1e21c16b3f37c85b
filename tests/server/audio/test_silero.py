import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from wyoming_servers.audio import silero, vad
from wyoming_servers.audio.silero import WINDOW_SAMPLES, NumpySilero, Weights
from wyoming_servers.audio.vad import LibrarySilero

DATA = Path(__file__).parents[2] / "data"


def windows(pcm: bytes) -> list[bytes]:
    size = 2 * WINDOW_SAMPLES
    return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


def recording(name: str) -> bytes:
    with wave.open(str(DATA / f"{name}.wav")) as file:
        return file.readframes(file.getnframes())


@pytest.mark.parametrize("name", ["goforward", "librivox_0870", "cards_001"])
def test_it_answers_what_the_library_answers(name: str) -> None:
    pieces = windows(recording(name))
    ours, theirs = NumpySilero().process_chunks(pieces), LibrarySilero().process_chunks(pieces)
    assert ours == pytest.approx(theirs, abs=0.01)
    assert max(ours) > 0.9


def test_windows_at_once_are_judged_as_one_after_the_other() -> None:
    pieces = windows(recording("goforward"))
    alone, some = NumpySilero(), NumpySilero()
    one_by_one = [alone.process_chunks([piece])[0] for piece in pieces]
    found = [
        value
        for at in range(0, len(pieces), 7)
        for value in some.process_chunks(pieces[at : at + 7])
    ]
    assert found == pytest.approx(one_by_one, abs=1e-5)


def test_noise_and_full_scale_and_silence_are_judged_as_by_the_library() -> None:
    ours, theirs = NumpySilero(), LibrarySilero()
    random = np.random.default_rng(0)
    for scale in (0, 30, 3_000, 32_767):
        loud = random.uniform(-scale, scale, 20 * WINDOW_SAMPLES).astype("<i2").tobytes()
        pieces = windows(loud)
        reference = theirs.process_chunks(pieces)
        assert ours.process_chunks(pieces) == pytest.approx(reference, abs=0.01)


def test_reset_forgets_what_was_heard() -> None:
    pieces = windows(recording("goforward"))
    detector = NumpySilero()
    first = detector.process_chunks(pieces)
    assert detector.process_chunks(pieces) != first
    detector.reset()
    assert detector.process_chunks(pieces) == first


def test_a_window_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="512 samples, not 100"):
        NumpySilero().process_chunks([bytes(200)])


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "end too early"),
        (b"\0" * 64, "no weights of Silero"),
        (
            struct.pack("<ii", 0x67676D6C, 10)
            + b"silero-16k"
            + struct.pack("<6i", 6, 2, 0, 9, 9, 9),
            "another network",
        ),
    ],
)
def test_other_weights_are_told_from_the_right_ones(
    tmp_path: Path, data: bytes, fault: str
) -> None:
    path = tmp_path / "ggml-silero-v9.bin"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=fault):
        Weights.read(path)


def test_a_library_with_another_network_is_used_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none() -> Weights:
        raise ValueError("weights of another network")

    monkeypatch.setattr(silero, "bundled_weights", none)
    monkeypatch.setattr(vad, "_pool", [])
    assert vad.has_speech(recording("goforward"))
    assert "weights of another network" in caplog.text
