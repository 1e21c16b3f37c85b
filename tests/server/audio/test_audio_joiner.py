import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.audio.fade import FADE, AudioJoiner

RATE = 16_000
LOUD = np.full(RATE // 10, 20_000, "<i2").tobytes()
"""0.1 s of audio that starts and ends with a jump."""


def samples(chunks: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(chunks), "<i2").astype(int)


def speak(joiner: AudioJoiner, audio: bytes, step: int, *, pause: bool) -> list[bytes]:
    chunks = list(joiner.begin())
    for start in range(0, len(audio), step):
        chunks += joiner.feed(audio[start : start + step])
    return chunks + joiner.finish(0.2 if pause else 0.0)


@pytest.mark.parametrize("step", [2, 64, 1_000, 100_000])
def test_sentence_keeps_its_length_and_has_no_jump(step: int) -> None:
    audio = samples(speak(AudioJoiner(RATE, 512), LOUD, step, pause=True))
    assert len(audio) == len(LOUD) // 2
    assert audio[len(audio) // 2] == 20_000
    assert np.abs(np.diff(audio, prepend=0, append=0)).max() < 1_500


def test_chunks_have_one_size_except_the_last() -> None:
    chunks = speak(AudioJoiner(RATE, 512), LOUD, 700, pause=True)
    assert {len(chunk) for chunk in chunks[:-1]} == {1_024}
    assert 0 < len(chunks[-1]) <= 1_024


def test_pause_is_only_inserted_between_sentences() -> None:
    joiner = AudioJoiner(RATE, 512)
    first = samples(speak(joiner, LOUD, 1_000, pause=True))
    second = samples(speak(joiner, LOUD, 1_000, pause=False))
    third = samples(speak(joiner, LOUD, 1_000, pause=True))
    assert len(first) == len(third) == 1_600
    assert len(second) == 1_600 + 3_200
    assert not second[:3_200].any()


def test_audio_is_returned_before_the_sentence_is_complete() -> None:
    joiner = AudioJoiner(RATE, 512)
    joiner.begin()
    assert joiner.feed(LOUD)


def test_sentence_without_audio_returns_none() -> None:
    assert speak(AudioJoiner(RATE, 512), b"", 1, pause=True) == []


def test_very_short_sentence_is_kept() -> None:
    assert len(samples(speak(AudioJoiner(RATE, 512), LOUD[:20], 2, pause=True))) == 10


@given(
    st.lists(
        st.tuples(st.integers(200, 4_000), st.integers(-32_768, 32_767), st.integers(0, 200)),
        min_size=1,
        max_size=6,
    )
)
def test_steps_at_a_join_are_no_larger_than_those_of_the_signal(
    parts: list[tuple[int, int, int]],
) -> None:
    """Sentences of any length start and end at any value; a fade may be as steep as needed."""
    joiner, chunks, own, peak = AudioJoiner(RATE, 2_048), [], 0, 0
    for length, level, swing in parts:
        wave = level * np.cos(np.arange(length) * swing / 1_000)
        audio = np.clip(np.rint(wave), -32_768, 32_767).astype("<i2")
        own = max(own, int(np.abs(np.diff(audio.astype(int))).max(initial=0)))
        peak = max(peak, int(np.abs(audio.astype(int)).max()))
        chunks += speak(joiner, audio.tobytes(), 700, pause=False)
    steepest = peak * np.pi / 2 / (FADE * RATE)
    steps = np.abs(np.diff(samples(chunks), prepend=0, append=0))
    assert steps.max() <= own + steepest + 2
