"""Chooses how features are computed: by the streaming graph if it is exact, or by the library.

The streaming graph (`feature_graph`) is built and compared with the library by `prepare_features`,
when the model is installed; a worker opens the file.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from wyoming_servers.engines.onnx_session import LOAD_ERRORS, open_wake_session
from wyoming_servers.engines.onnx_tools.tflite import TfliteError, read_tflite
from wyoming_servers.engines.preparation import (
    PreparedFiles,
    discard_prepared,
    read_prepared,
    refresh_prepared,
    runtime_recipe,
    write_prepared,
)
from wyoming_servers.engines.wake.feature_graph import FeatureGraph, build_feature_graph
from wyoming_servers.engines.wake.features import RATE, STEP, FeatureExtractor, FloatArray
from wyoming_servers.engines.wake.reference import ReferenceFeatures

EMBEDDING_TOLERANCE: Final = 0.01
"""Largest accepted difference of a number in an embedding. The numbers reach 80, and classifiers do
not react to 0.01. On the machines that were measured it is 0.0002."""

_RECIPE: Final = "openwakeword features 1"
"""Changes with the code that builds the graph."""

_NAME: Final = "features"

_WARMUP_STEPS: Final = 16
"""Steps of silence after which a state no longer changes: the networks see 8 frames per step, and
76 in all."""

_LOGGER: Final = logging.getLogger(__name__)


class StreamingFeatures:
    """Implements `FeatureExtractor` with one graph for all streams; a state is 39 KB.

    Raises what onnxruntime raises for a graph it cannot load.
    """

    def __init__(self, graph: FeatureGraph, threads: int = 1) -> None:
        self.lead = graph.lead
        self._session: Any = open_wake_session(graph.model, threads)
        state = np.zeros((1, graph.state_size), np.float32)
        audio = np.zeros((1, STEP), np.float32)
        for _ in range(_WARMUP_STEPS):
            _, state = self._run(audio, state)
        embeddings, state = self._run(audio, state)
        self._initial_state: FloatArray = state[0].copy()
        self._silence: FloatArray = embeddings[0].copy()

    def open(self) -> FloatArray:
        return np.array(self._initial_state)

    def silence(self) -> FloatArray:
        return self._silence

    def step(self, states: Sequence[FloatArray], audio: FloatArray) -> FloatArray:
        embeddings, new_states = self._run(audio, np.stack(states))
        for state, row in zip(states, new_states, strict=True):
            state[:] = row  # a reference to `row` would keep the whole batch in memory
        return embeddings

    def _run(self, audio: FloatArray, states: FloatArray) -> tuple[FloatArray, FloatArray]:
        embeddings: FloatArray
        embeddings, new_states = self._session.run(
            ["embedding", "next_state"], {"audio": audio, "state": states}
        )
        return embeddings, new_states


def select_features(
    threads: int = 1, cache: Path | None = None, prepare: Callable[[], None] = lambda: None
) -> FeatureExtractor:
    """Return streaming features, or the library's if those are not exact on this machine.

    `cache` is the folder of the prepared graph. If the graph is not there, `prepare` is called once
    and may put it there; if it is still missing, it is built and compared here.
    """
    if cache is not None:
        prepared = _read(cache)
        if prepared is None:
            prepare()
            prepared = _read(cache)
        if prepared is not None and prepared.rejected:
            return _library_features(prepared.rejected)
        if prepared is not None:
            try:
                return StreamingFeatures(_prepared_graph(prepared), threads)
            except LOAD_ERRORS as err:
                _LOGGER.warning("The prepared features in %s are damaged: %s", cache, err)
                discard_prepared(cache, _NAME)
    graph, rejected, _ = _checked_graph()
    if graph is None:
        return _library_features(rejected)
    return StreamingFeatures(graph, threads)


def prepare_features(cache: Path) -> None:
    """Build the streaming graph, compare it with the library, and write it. Raises OSError."""
    if refresh_prepared(cache, _NAME, _sources(), _recipe()):
        return
    graph, rejected, difference = _checked_graph()
    if graph is None:
        write_prepared(cache, _NAME, _sources(), _recipe(), {}, rejected=rejected)
        return
    facts = {"state_size": graph.state_size, "lead": graph.lead, "max_difference": difference}
    write_prepared(cache, _NAME, _sources(), _recipe(), {"graph": bytes(graph.model)}, facts)  # type: ignore[arg-type]


def library_graph() -> FeatureGraph:
    """Build the streaming graph of the installed library. Raises TfliteError and OSError."""
    (mel,), (embedding,) = map(read_tflite, _sources())
    return build_feature_graph(mel, embedding)


def max_difference(first: FeatureExtractor, second: FeatureExtractor, audio: FloatArray) -> float:
    """Return the largest difference between two extractors' embeddings of the same audio."""

    def embeddings(features: FeatureExtractor) -> FloatArray:
        state = features.open()
        padded = np.concatenate([np.zeros(STEP - features.lead, np.float32), audio])
        steps = padded[: len(padded) // STEP * STEP].reshape(-1, 1, STEP)
        return np.concatenate([features.step([state], step) for step in steps])

    one, other = embeddings(first), embeddings(second)
    common = min(len(one), len(other))
    silence = np.abs(first.silence() - second.silence()).max()
    return float(max(silence, np.abs(one[:common] - other[:common]).max()))


def synthetic_speech(seconds: float) -> FloatArray:
    """Return audio with the properties of speech: gliding pitch, formants, noise and pauses."""
    random = np.random.default_rng(7)
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 40 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    formants = ((500, 250, 2.1), (1500, 600, 1.3), (2700, 300, 3.7))  # Hz, swing in Hz, swings/s
    voice = np.zeros_like(time)
    for harmonic in range(1, 30):
        for middle, swing, rate in formants:
            center = middle + swing * np.sin(2 * np.pi * rate * time)
            voice += np.sin(harmonic * phase) / (1 + ((harmonic * pitch - center) / 120) ** 2)
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * time), 0, 1)
    noise = random.normal(0, 0.5, len(time)) * np.clip(-np.sin(2 * np.pi * 1.1 * time), 0, 1)
    audio = 2500 * (voice * syllables + noise) + random.normal(0, 3, len(time))
    samples: FloatArray = np.clip(np.round(audio), -32768, 32767).astype(np.float32)
    return samples


def _checked_graph() -> tuple[FeatureGraph | None, str, float]:
    """Return the graph if it is exact, else None and the reason; and the largest difference."""
    try:
        graph = library_graph()
        streaming = StreamingFeatures(graph)
    except (TfliteError, OSError, ValueError, *LOAD_ERRORS) as err:
        return None, str(err), 0.0
    difference = max_difference(streaming, ReferenceFeatures(), synthetic_speech(2.0))
    if not difference <= EMBEDDING_TOLERANCE:  # a NaN is rejected as well
        return None, f"the streaming features differ by {difference:g}", difference
    return graph, "", difference


def _library_features(reason: str) -> ReferenceFeatures:
    _LOGGER.warning("Wake word features are computed slowly, stream by stream: %s", reason)
    return ReferenceFeatures()


def _prepared_graph(prepared: PreparedFiles) -> FeatureGraph:
    facts: Mapping[str, Any] = prepared.facts
    return FeatureGraph(str(prepared.files["graph"]), facts["state_size"], facts["lead"])


def _read(cache: Path) -> PreparedFiles | None:
    return read_prepared(cache, _NAME, _sources(), _recipe())


def _sources() -> list[Path]:
    folder = Path(str(files("pyopen_wakeword") / "models"))
    return [folder / f"{name}.tflite" for name in ("melspectrogram", "embedding_model")]


def _recipe() -> str:
    return runtime_recipe(_RECIPE)
