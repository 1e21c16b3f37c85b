import numpy as np
import pytest

from wyoming_servers.pipelines.join import Joiner

RATE = 16_000
LOUD = np.full(RATE // 10, 20_000, "<i2").tobytes()
"""0.1 s that begins and ends with a jump."""


def samples(chunks: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(chunks), "<i2").astype(int)


def speak(joiner: Joiner, audio: bytes, step: int, *, pause: bool) -> list[bytes]:
    chunks = joiner.begin()
    for start in range(0, len(audio), step):
        chunks += joiner.feed(audio[start : start + step])
    return chunks + joiner.finish(0.2 if pause else 0.0)


@pytest.mark.parametrize("step", [2, 64, 1_000, 100_000])
def test_a_sentence_keeps_its_length_and_has_no_jump(step: int) -> None:
    audio = samples(speak(Joiner(RATE, 512), LOUD, step, pause=True))
    assert len(audio) == len(LOUD) // 2
    assert audio[len(audio) // 2] == 20_000
    assert np.abs(np.diff(audio, prepend=0, append=0)).max() < 1_500


def test_chunks_have_one_size_but_for_the_last() -> None:
    chunks = speak(Joiner(RATE, 512), LOUD, 700, pause=True)
    assert {len(chunk) for chunk in chunks[:-1]} == {1_024}
    assert 0 < len(chunks[-1]) <= 1_024


def test_a_pause_comes_between_sentences_alone() -> None:
    joiner = Joiner(RATE, 512)
    first = samples(speak(joiner, LOUD, 1_000, pause=True))
    second = samples(speak(joiner, LOUD, 1_000, pause=False))
    third = samples(speak(joiner, LOUD, 1_000, pause=True))
    assert len(first) == len(third) == 1_600
    assert len(second) == 1_600 + 3_200
    assert not second[:3_200].any()


def test_audio_leaves_before_the_sentence_is_complete() -> None:
    joiner = Joiner(RATE, 512)
    joiner.begin()
    assert joiner.feed(LOUD)


def test_a_sentence_without_audio_makes_none() -> None:
    assert speak(Joiner(RATE, 512), b"", 1, pause=True) == []


def test_a_very_short_sentence_is_kept() -> None:
    assert len(samples(speak(Joiner(RATE, 512), LOUD[:20], 2, pause=True))) == 10
