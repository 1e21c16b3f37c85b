"""Kokoro's requests, voices and mixes, with a network that records its inputs."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
)
from wyoming_servers.engines.kokoro.synthesizer import (
    SAMPLE_RATE,
    KokoroSynthesizer,
    KokoroVoices,
)

pytest.importorskip("espeakng_loader")


class Tone:
    """Says a symbol for 50 ms, then a second of nothing."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, NDArray[np.float32], float]] = []

    def infer(
        self, ids: list[int], style: NDArray[np.float32], speed: float
    ) -> NDArray[np.float32]:
        self.calls.append((len(ids), style, speed))
        count = int(SAMPLE_RATE * 0.05 * len(ids) / speed)
        tone = 0.2 * np.sin(np.arange(count) * 0.1)
        return np.concatenate([tone, np.zeros(SAMPLE_RATE)]).astype(np.float32)


@pytest.fixture
def tone() -> Tone:
    return Tone()


@pytest.fixture
def speech(tmp_path: Path, tone: Tone) -> KokoroSynthesizer:
    rows = np.arange(510, dtype=np.float32)[:, None, None] * np.ones((1, 1, 256), np.float32)
    path = tmp_path / "voices.npz"
    np.savez(path, af_heart=rows, am_adam=rows + 1_000, bf_emma=-rows)
    return KokoroSynthesizer(tone, KokoroVoices(path))


def _speak(speech: KokoroSynthesizer, text: str, **request: object) -> bytes:
    session = speech.open({"text": text, **request})
    return b"".join(output.payload for output in session.finish())


def test_style_depends_on_the_number_of_symbols(speech: KokoroSynthesizer, tone: Tone) -> None:
    _speak(speech, "Hello.", voice="af_heart")
    ids, style, _ = tone.calls[0]
    assert style.shape == (1, 256)
    assert style[0, 0] == ids - 2 - 1  # without the padding; the first row is that of one symbol


def test_mix_is_the_weighted_sum_of_styles(speech: KokoroSynthesizer, tone: Tone) -> None:
    _speak(speech, "Hello.", voice="af_heart*3+am_adam")
    ids, style, _ = tone.calls[0]
    assert style[0, 0] == pytest.approx(ids - 3 + 250)


def test_trailing_silence_is_trimmed_and_voices_are_equally_loud(speech: KokoroSynthesizer) -> None:
    audio = np.frombuffer(_speak(speech, "Hello.", voice="af_heart"), "<i2").astype(float)
    assert len(audio) < SAMPLE_RATE
    level = 20 * np.log10(np.sqrt(np.mean(audio[100:-1000] ** 2)) / 32_768)
    assert level == pytest.approx(-18, abs=1)


@pytest.mark.parametrize(
    ("speed", "network_speed"), [(1.0, 1.0), (1.25, 1.25), (2.0, 1.5), (0.5, 0.53), (0.75, 0.7725)]
)
def test_network_speed_is_corrected(
    speech: KokoroSynthesizer, tone: Tone, speed: float, network_speed: float
) -> None:
    _speak(speech, "Hello.", voice="af_heart", speed=speed)
    assert tone.calls[0][2] == pytest.approx(network_speed)


def test_speed_above_the_networks_maximum_is_applied_to_the_audio(
    speech: KokoroSynthesizer,
) -> None:
    text = "The light in the kitchen is on."
    normal = len(_speak(speech, text, voice="af_heart"))
    assert len(_speak(speech, text, voice="af_heart", speed=2.0)) == pytest.approx(
        normal / 2, rel=0.1
    )


def test_long_text_is_synthesized_in_several_runs(speech: KokoroSynthesizer, tone: Tone) -> None:
    _speak(speech, "The light in the kitchen is on. " * 60, voice="af_heart")
    assert len(tone.calls) > 2
    assert all(count <= 512 for count, _, _ in tone.calls)


def test_punctuation_alone_results_in_no_audio(speech: KokoroSynthesizer, tone: Tone) -> None:
    assert _speak(speech, "... !", voice="af_heart") == b""
    assert not tone.calls


@pytest.mark.parametrize(
    "request_",
    [
        {"text": "a", "voice": "af_nobody"},
        {"text": "a", "voice": "af_heart+af_nobody"},
        {"text": "a", "voice": "af_heart*x"},
        {"text": "a", "voice": "af_heart", "speed": 3.0},
        {"text": 5},
    ],
)
def test_invalid_request_is_rejected(
    speech: KokoroSynthesizer, request_: dict[str, object]
) -> None:
    with pytest.raises(BadRequestError):
        speech.open(request_)


def test_damaged_voices_file_fails_the_load(tmp_path: Path) -> None:
    path = tmp_path / "voices.npz"
    path.write_bytes(b"no archive")
    with pytest.raises(LoadFailedError):
        KokoroVoices(path)
