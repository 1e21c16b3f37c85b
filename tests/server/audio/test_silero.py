import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from wyoming_servers.audio import vad
from wyoming_servers.audio.vad import WINDOW_SAMPLES, LibrarySilero, NumpySilero, SileroWeights

DATA = Path(__file__).parents[2] / "data"


def windows(pcm: bytes) -> list[bytes]:
    size = 2 * WINDOW_SAMPLES
    return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


def recording(name: str) -> bytes:
    with wave.open(str(DATA / f"{name}.wav")) as file:
        return file.readframes(file.getnframes())


@pytest.mark.parametrize("name", ["goforward", "librivox_0870", "cards_001"])
def test_silero_returns_the_probabilities_of_the_library(name: str) -> None:
    chunks = windows(recording(name))
    ours, theirs = NumpySilero().process_chunks(chunks), LibrarySilero().process_chunks(chunks)
    assert ours == pytest.approx(theirs, abs=0.01)
    assert max(ours) > 0.9


def test_silero_returns_the_same_for_a_batch_as_for_single_windows() -> None:
    chunks = windows(recording("goforward"))
    alone, some = NumpySilero(), NumpySilero()
    one_by_one = [alone.process_chunks([chunk])[0] for chunk in chunks]
    found = [
        value
        for at in range(0, len(chunks), 7)
        for value in some.process_chunks(chunks[at : at + 7])
    ]
    assert found == pytest.approx(one_by_one, abs=1e-5)


def test_silero_agrees_with_the_library_on_noise_and_silence() -> None:
    ours, theirs = NumpySilero(), LibrarySilero()
    random = np.random.default_rng(0)
    for scale in (0, 30, 3_000, 32_767):
        loud = random.uniform(-scale, scale, 20 * WINDOW_SAMPLES).astype("<i2").tobytes()
        chunks = windows(loud)
        reference = theirs.process_chunks(chunks)
        assert ours.process_chunks(chunks) == pytest.approx(reference, abs=0.01)


def test_silero_reset_clears_the_recurrent_state() -> None:
    chunks = windows(recording("goforward"))
    detector = NumpySilero()
    first = detector.process_chunks(chunks)
    assert detector.process_chunks(chunks) != first
    detector.reset()
    assert detector.process_chunks(chunks) == first


def test_silero_rejects_a_window_of_another_length() -> None:
    with pytest.raises(ValueError, match="512 samples, not 100"):
        NumpySilero().process_chunks([bytes(200)])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is too short"),
        (b"\0" * 64, "not the weights of Silero"),
        (
            struct.pack("<ii", 0x67676D6C, 10)
            + b"silero-16k"
            + struct.pack("<6i", 6, 2, 0, 9, 9, 9),
            "another network",
        ),
    ],
)
def test_silero_weights_reject_other_files(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "ggml-silero-v9.bin"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=problem):
        SileroWeights.read(path)


def test_vad_falls_back_to_the_library_for_another_network(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none() -> SileroWeights:
        raise ValueError("weights of another network")

    monkeypatch.setattr(vad, "bundled_weights", none)
    monkeypatch.setattr(vad, "_pool", [])
    assert vad.has_speech(recording("goforward"))
    assert "weights of another network" in caplog.text
