"""Decides which features are used: the incremental ones if they are right on this machine."""

import hashlib
import json
import logging
import platform
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from wyoming_servers.core.files import atomic_write
from wyoming_servers.engines.onnx_tools.tflite import TfliteError, read_tflite
from wyoming_servers.engines.wake.feature_graph import build_feature_graph
from wyoming_servers.engines.wake.features import (
    RATE,
    STEP,
    FeatureExtractor,
    FloatArray,
)
from wyoming_servers.engines.wake.onnx_runtime import LOAD_ERRORS, open_cpu_session
from wyoming_servers.engines.wake.reference import ReferenceFeatures

# openWakeWord's features computed incrementally, for all streams in one call.

# The networks see 8 frames a step and 76 in all; what was before has no influence left.
_WARMUP_STEPS: Final = 16


class StreamingFeatures:
    """Features by one graph derived from pyopen-wakeword's networks; a state is 39 KB.

    Raises TfliteError and onnxruntime's errors when the graph cannot be made.
    """

    def __init__(self, threads: int = 1) -> None:
        folder = Path(str(files("pyopen_wakeword") / "models"))
        (mel,), (embedding,) = (
            read_tflite(folder / f"{name}.tflite") for name in ("melspectrogram", "embedding_model")
        )
        graph = build_feature_graph(mel, embedding)
        self.lead = graph.lead
        self.model = graph.model
        self._session: Any = open_cpu_session(graph.model, threads)
        state = np.zeros((1, graph.state_size), np.float32)
        silence = np.zeros((1, STEP), np.float32)
        for _ in range(_WARMUP_STEPS):
            _, state = self._run(silence, state)
        heard, state = self._run(silence, state)
        self._initial_state: FloatArray = state[0].copy()
        self._silence: FloatArray = heard[0].copy()

    def open(self) -> FloatArray:
        return np.array(self._initial_state)

    def silence(self) -> FloatArray:
        return self._silence

    def step(self, states: Sequence[FloatArray], audio: FloatArray) -> FloatArray:
        embeddings, new = self._run(audio, np.stack(states))
        for state, row in zip(states, new, strict=True):
            state[:] = row  # not `row` itself: a view would keep the whole batch alive
        return embeddings

    def _run(self, audio: FloatArray, states: FloatArray) -> tuple[FloatArray, FloatArray]:
        embeddings: FloatArray
        embeddings, new = self._session.run(
            ["embedding", "next_state"], {"audio": audio, "state": states}
        )
        return embeddings, new


_LOGGER: Final = logging.getLogger(__name__)

EMBEDDING_TOLERANCE: Final = 0.01
"""Largest difference of an embedding's number that is rounding; they reach 80, and classifiers
do not tell 0.01 from nothing. On the machines we tried it is 0.0002."""


def select_features(threads: int, cache: Path | None) -> FeatureExtractor:
    """Return the incremental features if they equal the library's own, else the library's.

    The comparison takes half a second; its success is noted in the folder `cache`.
    """
    try:
        streaming = StreamingFeatures(threads)
    except (TfliteError, OSError, ValueError, *LOAD_ERRORS) as err:
        _LOGGER.warning("Wake words are computed the slow way: %s", err)
        return ReferenceFeatures()
    note = cache / "wake-features.json" if cache else None
    facts = {
        "graph": hashlib.sha256(streaming.model).hexdigest(),
        "onnxruntime": ort.__version__,
        "machine": f"{platform.machine()} {platform.processor()}".strip(),
    }
    if note and _read_cache(note) == facts:
        return streaming
    reference = ReferenceFeatures()
    difference = max_difference(streaming, reference, synthetic_speech(2.0))
    if not difference <= EMBEDDING_TOLERANCE:  # NaN is not either
        _LOGGER.warning("Wake words are computed the slow way: the fast differs by %g", difference)
        return reference
    if note:
        _write_cache(note, facts)
    return streaming


def max_difference(ours: FeatureExtractor, theirs: FeatureExtractor, audio: FloatArray) -> float:
    """Return the largest difference between the embeddings of the same audio."""

    def embeddings(features: FeatureExtractor) -> FloatArray:
        state = features.open()
        padded = np.concatenate([np.zeros(STEP - features.lead, np.float32), audio])
        steps = padded[: len(padded) // STEP * STEP].reshape(-1, 1, STEP)
        return np.concatenate([features.step([state], step) for step in steps])

    first, second = embeddings(ours), embeddings(theirs)
    common = min(len(first), len(second))
    silence = np.abs(ours.silence() - theirs.silence()).max()
    return float(max(silence, np.abs(first[:common] - second[:common]).max()))


def synthetic_speech(seconds: float) -> FloatArray:
    """Make audio with what speech has: gliding voice, changing formants, hiss and pauses."""
    random = np.random.default_rng(7)
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 40 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    formants = ((500, 250, 2.1), (1500, 600, 1.3), (2700, 300, 3.7))  # Hz, its swing, swings/s
    voice = np.zeros_like(time)
    for harmonic in range(1, 30):
        for middle, swing, rate in formants:
            centre = middle + swing * np.sin(2 * np.pi * rate * time)
            voice += np.sin(harmonic * phase) / (1 + ((harmonic * pitch - centre) / 120) ** 2)
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * time), 0, 1)
    hiss = random.normal(0, 0.5, len(time)) * np.clip(-np.sin(2 * np.pi * 1.1 * time), 0, 1)
    audio = 2500 * (voice * syllables + hiss) + random.normal(0, 3, len(time))
    samples: FloatArray = np.clip(np.round(audio), -32768, 32767).astype(np.float32)
    return samples


def _read_cache(note: Path) -> object:
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as err:
        _LOGGER.warning("The note %s is unreadable and made anew: %s", note, err)
        return None


def _write_cache(note: Path, facts: object) -> None:
    try:
        atomic_write(note, json.dumps(facts))
    except OSError as err:
        _LOGGER.warning("The check of the wake features is not noted in %s: %s", note, err)
