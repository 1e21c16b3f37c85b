"""openWakeWord's features computed incrementally, for all streams in one call."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from wyoming_servers.engines.wake_derive import build_feature_graph
from wyoming_servers.engines.wake_features import STEP, FloatArray
from wyoming_servers.engines.wake_runtime import open_cpu_session
from wyoming_servers.engines.wake_tflite import read_tflite

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
