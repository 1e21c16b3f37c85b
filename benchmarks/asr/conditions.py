"""What rooms, noises and telephones do to speech; reproducible, without recordings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.asr.corpus import RATE, Utterance, pcm_of, samples_of, speech_level

Sound = NDArray[np.float64]

_CHORDS: Final = ((220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))
"""A minor, F major and G major, in Hz."""
_VOICES: Final = 6
"""People who talk at once in the babble."""
_REVERBERATION_SECONDS: Final = 0.5
"""After which the sound of a living room has fallen by 60 dB."""


def with_noise(
    items: Sequence[Utterance], name: str, make: Callable[[int, np.random.Generator], Sound],
    decibels: float,
) -> list[Utterance]:  # fmt: skip
    """Add noise to each utterance, `decibels` below the level of its speech."""
    random = np.random.default_rng(3)
    result = []
    for item in items:
        sound = samples_of(item.pcm)
        noise = make(len(sound), random)
        noise *= speech_level(sound) * 10 ** (-decibels / 20) / max(float(np.std(noise)), 1e-9)
        kind = f"{item.kind}, {name} {decibels:g} dB"
        result.append(replace(item, kind=kind, pcm=pcm_of(sound + noise)))
    return result


def babble_of(items: Sequence[Utterance]) -> Callable[[int, np.random.Generator], Sound]:
    """Return noise of several people who talk at once, made of other utterances."""
    voices = [samples_of(item.pcm) for item in items]

    def make(size: int, random: np.random.Generator) -> Sound:
        noise = np.zeros(size)
        for number in random.choice(len(voices), _VOICES, replace=False):
            looped = np.resize(voices[number], size + RATE)
            start = int(random.integers(RATE))
            noise += looped[start : start + size]
        return noise

    return make


def music(size: int, random: np.random.Generator) -> Sound:
    """Return chords of plucked strings over a beat."""
    noise = np.zeros(size + RATE)
    for beat, start in enumerate(range(0, size, RATE // 2)):
        time = np.arange(RATE) / RATE
        for pitch in _CHORDS[beat // 4 % len(_CHORDS)]:
            for harmonic in range(1, 7):
                decay = np.exp(-time * (2.0 + harmonic))
                wave = np.sin(2 * np.pi * pitch * harmonic * time + random.uniform(0, 6.28))
                noise[start : start + RATE] += wave * decay / harmonic
        hit = random.normal(size=RATE // 10) * np.exp(-np.arange(RATE // 10) / 300)
        noise[start : start + len(hit)] += hit
    return noise[:size]


def fan(size: int, random: np.random.Generator) -> Sound:
    """Return the rush of air and the hum of a motor."""
    spectrum = np.fft.rfft(random.normal(size=size))
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    spectrum /= 1 + (hertz / 400) ** 1.5
    rush = np.fft.irfft(spectrum, size)
    time = np.arange(size) / RATE
    hum = sum(np.sin(2 * np.pi * pitch * time) for pitch in (100.0, 200.0, 312.0))
    return np.asarray(rush / np.std(rush) + 0.2 * hum, float)


def far_field(items: Sequence[Utterance]) -> list[Utterance]:
    """Speak from across a living room: as much echo as direct sound, and its faint noise."""
    random = np.random.default_rng(4)
    result = []
    for item in items:
        sound = samples_of(item.pcm)
        time = np.arange(int(_REVERBERATION_SECONDS * RATE)) / RATE
        echo = random.normal(size=len(time)) * 10 ** (-3 * time / _REVERBERATION_SECONDS)
        echo[: int(0.004 * RATE)] = 0.0
        echo /= np.sqrt(np.sum(echo**2))
        echo[0] = 1.0
        heard = np.convolve(sound, echo)[: len(sound)]
        heard *= 0.3 * speech_level(sound) / speech_level(heard)
        floor = random.normal(0.0, 0.1 * speech_level(heard), len(heard))
        result.append(replace(item, kind=f"{item.kind}, far field", pcm=pcm_of(heard + floor)))
    return result


def telephone(items: Sequence[Utterance]) -> list[Utterance]:
    """Speak over a telephone: 300 to 3400 Hz at 8 kHz, with eight bits in µ-law."""
    result = []
    for item in items:
        narrow = np.asarray(soxr.resample(samples_of(item.pcm), RATE, 8_000), float)
        spectrum = np.fft.rfft(narrow)
        hertz = np.fft.rfftfreq(len(narrow), 1 / 8_000)
        spectrum[(hertz < 300) | (hertz > 3_400)] = 0.0
        band = np.clip(np.fft.irfft(spectrum, len(narrow)), -1.0, 1.0)
        coded = np.sign(band) * np.log1p(255 * np.abs(band)) / np.log(256)
        coded = np.round(coded * 127) / 127
        heard = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
        wide = np.asarray(soxr.resample(heard, 8_000, RATE), float)
        result.append(replace(item, kind=f"{item.kind}, telephone", pcm=pcm_of(wide)))
    return result
