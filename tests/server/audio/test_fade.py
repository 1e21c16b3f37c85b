import numpy as np
import pytest

from wyoming_servers.audio.fade import FADE, Trimmer, fade, silence, trim

RATE = 22_050


def constant(seconds: float, value: int = 20_000) -> bytes:
    return np.full(int(seconds * RATE), value, "<i2").tobytes()


def test_fade_joins_silence_without_a_jump() -> None:
    faded = np.frombuffer(fade(constant(0.1), RATE), "<i2").astype(int)
    joined = np.concatenate([[0], faded, [0]])
    ramp = int(FADE * RATE)
    assert np.abs(np.diff(joined)).max() <= 20_000 * np.pi / 2 / ramp + 1
    assert (faded[ramp:-ramp] == 20_000).all()


def test_fade_leaves_an_end_that_continues() -> None:
    faded = np.frombuffer(fade(constant(0.1), RATE, end=False), "<i2")
    assert faded[0] == 0
    assert faded[-1] == 20_000


def test_fade_of_short_audio_is_silent_at_both_ends() -> None:
    faded = np.frombuffer(fade(np.full(9, 9_000, "<i2").tobytes(), RATE), "<i2")
    assert len(faded) == 9
    assert faded[0] == faded[-1] == 0
    assert faded[4] == 9_000


def test_fade_and_trim_keep_empty_audio_empty() -> None:
    assert fade(b"", RATE) == b""
    assert trim(b"", RATE) == b""


def test_trim_keeps_the_requested_silence() -> None:
    quiet = np.random.default_rng(0).integers(-30, 30, RATE).astype("<i2").tobytes()
    trimmed = trim(quiet + constant(0.5) + quiet, RATE, keep=0.1)
    assert len(trimmed) == 2 * (int(0.5 * RATE) + 2 * int(0.1 * RATE))


def test_trim_can_trim_one_end_only() -> None:
    padded = silence(1.0, RATE) + constant(0.5) + silence(1.0, RATE)
    assert trim(padded, RATE, keep=0.0, begin=False) == padded[: int(1.5 * RATE) * 2]
    assert trim(padded, RATE, keep=0.0, end=False) == padded[RATE * 2 :]


def test_trim_of_silence_is_empty() -> None:
    assert trim(silence(0.5, RATE), RATE) == b""


def in_pieces(trimmer: Trimmer, pcm: bytes, size: int) -> list[bytes]:
    chunks = [pcm[at : at + 2 * size] for at in range(0, len(pcm), 2 * size)]
    return [*(trimmer.feed(chunk) for chunk in chunks), trimmer.finish()]


@pytest.mark.parametrize("size", [1, 100, 441, 1_000, 10**6])
def test_trimmer_returns_the_same_for_chunks_as_for_the_whole(size: int) -> None:
    pause = silence(0.3, RATE)
    audio = pause + constant(0.1) + pause + constant(0.1) + pause
    trimmer = Trimmer(RATE, begin=0.02, end=0.05)
    expected = trim(trim(audio, RATE, keep=0.02, end=False), RATE, keep=0.05, begin=False)
    assert b"".join(in_pieces(trimmer, audio, size)) == expected


def test_trimmer_does_not_hold_back_sound() -> None:
    trimmer = Trimmer(RATE, begin=0.0, end=0.1)
    assert trimmer.feed(constant(0.1)) == constant(0.1)
    assert trimmer.feed(silence(0.2, RATE)) == b""
    assert trimmer.feed(constant(0.1)) == silence(0.2, RATE) + constant(0.1)
    assert trimmer.finish() == b""


@pytest.mark.parametrize("size", [1, 441, 10**6])
def test_trimmer_leaves_an_end_that_is_not_to_be_trimmed(size: int) -> None:
    audio = silence(0.1, RATE) + constant(0.1) + silence(0.1, RATE)
    behind = b"".join(in_pieces(Trimmer(RATE, begin=0.0), audio, size))
    assert behind == constant(0.1) + silence(0.1, RATE)
    before = b"".join(in_pieces(Trimmer(RATE, end=0.0), audio, size))
    assert before == silence(0.1, RATE) + constant(0.1)


def test_trimmer_of_silence_is_empty() -> None:
    assert b"".join(in_pieces(Trimmer(RATE, begin=0.1, end=0.1), silence(0.5, RATE), 441)) == b""
