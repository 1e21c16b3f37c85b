"""The engine for Kokoro-82M in ONNX, on a CPU."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.base import ReportProgress
from wyoming_servers.engines.kokoro.synthesizer import (
    KokoroSession,
    KokoroSynthesizer,
    KokoroVoices,
    VoiceStyle,
)
from wyoming_servers.engines.onnx_session import open_session


class KokoroOnnxEngine:
    """All voices of one file. Options: `threads` (0: automatic), `spinning`."""

    def __init__(self) -> None:
        self._synthesizer: KokoroSynthesizer | None = None

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load `files["model"]` (.onnx) and `files["voices"]`.

        Reports {sample_rate: Hz, voices: [name]}.
        """
        progress("load", -1)
        network = _OnnxNetwork(open_session(spec.files["model"], spec.options, placement))
        self._synthesizer = KokoroSynthesizer(network, KokoroVoices(spec.files["voices"]))
        return self._synthesizer.info

    def warm_up(self) -> None:
        """Synthesize a few numbers."""
        self._require_synthesizer().warm_up("af_heart")

    def open(self, request: Mapping[str, Any]) -> KokoroSession:
        """Begin a run. Raises BadRequestError for an unknown voice or a number out of range."""
        return self._require_synthesizer().open(request)

    def close(self) -> None:
        """Release the network."""
        if self._synthesizer is not None:
            self._synthesizer.close()
        self._synthesizer = None

    def _require_synthesizer(self) -> KokoroSynthesizer:
        if self._synthesizer is None:
            raise LoadFailedError("No model is loaded.")
        return self._synthesizer


class _OnnxNetwork:
    """Kokoro's network; exports differ in the name of the input with symbols."""

    def __init__(self, session: Any) -> None:
        self._session = session
        names = [each.name for each in session.get_inputs()]
        self._tokens = "input_ids" if "input_ids" in names else "tokens"

    def infer(self, ids: list[int], style: VoiceStyle, speed: float) -> Samples:
        inputs = {
            self._tokens: np.array([ids], np.int64),
            "style": style,
            "speed": np.array([speed], np.float32),
        }
        audio = self._session.run(None, inputs)[0]
        return np.asarray(audio, np.float32).ravel()
