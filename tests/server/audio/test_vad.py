import asyncio
from collections.abc import Callable

import pytest

from wyoming_servers.audio import vad
from wyoming_servers.audio.vad import FRAME_SECONDS, VadFrame, VoiceActivityDetector, has_speech

Clip = Callable[[str], bytes]
Sound = Callable[..., bytes]


def test_vad_finds_the_position_of_speech(clip: Clip) -> None:
    detector = VoiceActivityDetector()
    frames = detector.feed(bytes(32_000) + clip("goforward") + bytes(32_000))
    detector.close()
    spoken = [frame.time for frame in frames if frame.speech]
    assert min(spoken) == pytest.approx(1.5, abs=0.2)
    assert max(spoken) == pytest.approx(3.25, abs=0.2)


def test_vad_gate_stays_closed_in_silence() -> None:
    detector = VoiceActivityDetector()
    assert not any(window.open for window in detector.split_windows(bytes(320_000)))


def test_vad_returns_one_frame_per_window_in_order(clip: Clip) -> None:
    frames = VoiceActivityDetector().feed(clip("cards_001"))
    assert [frame.time for frame in frames] == pytest.approx(
        [FRAME_SECONDS * count for count in range(1, len(clip("cards_001")) // 1_024 + 1)]
    )


@pytest.mark.parametrize("size", [2, 319, 320, 5_000])
def test_vad_returns_the_same_for_chunks_of_any_size(clip: Clip, size: int) -> None:
    data = clip("cards_003")
    whole = VoiceActivityDetector().feed(data)
    detector = VoiceActivityDetector()
    chunks: list[VadFrame] = []
    for start in range(0, len(data), size):
        chunks += detector.feed(data[start : start + size])
    assert [frame.time for frame in chunks] == [frame.time for frame in whole]
    assert [frame.probability for frame in chunks] == pytest.approx(
        [frame.probability for frame in whole], abs=1e-5
    )


async def test_vad_analyze_returns_the_frames_of_feed(clip: Clip) -> None:
    data = clip("cards_001") + bytes(16_000)
    detector = VoiceActivityDetector()
    frames: list[VadFrame] = []
    for start in range(0, len(data), 3_200):
        frames += await detector.analyze(data[start : start + 3_200])
    expected = VoiceActivityDetector().feed(data)
    assert [frame.time for frame in frames] == [frame.time for frame in expected]
    # Some CPUs round a product of other dimensions differently.
    assert [frame.probability for frame in frames] == pytest.approx(
        [frame.probability for frame in expected], abs=1e-5
    )


def test_vad_reuses_a_network_from_a_clean_state(clip: Clip) -> None:
    first = VoiceActivityDetector()
    fresh = first.feed(clip("cards_001"))
    first.feed(clip("goforward"))
    first.close()
    waiting = len(vad._pool)
    second = VoiceActivityDetector()
    assert second.feed(clip("cards_001")) == fresh
    assert len(vad._pool) == waiting - 1
    second.close()


async def test_vad_drops_a_network_that_a_thread_still_uses(clip: Clip) -> None:
    detector = VoiceActivityDetector()
    detector.feed(clip("cards_001"))
    task = asyncio.create_task(detector.analyze(clip("librivox_0870")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    waiting = len(vad._pool)
    detector.close()
    assert len(vad._pool) == waiting


@pytest.mark.parametrize(
    "name", ["cards_001", "cards_003", "goforward", "digits_2934z", "librivox_0870"]
)
def test_has_speech_is_true_for_recordings_of_speech(clip: Clip, name: str) -> None:
    assert has_speech(clip(name))


def test_has_speech_is_false_for_silence_noise_and_alarms(noise: Sound, tone: Sound) -> None:
    assert not has_speech(b"")
    assert not has_speech(bytes(32_000))
    assert not has_speech(noise(2.0))
    assert not has_speech(tone(2.0))
