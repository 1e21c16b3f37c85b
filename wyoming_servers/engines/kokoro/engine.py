"""The engines for Kokoro-82M: in torch for a GPU, and in ONNX for a CPU.

On a GPU half a minute of speech takes 0.1 s. Each engine needs its own library only.
"""

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.base import ReportProgress
from wyoming_servers.engines.kokoro.phonemes import SYMBOLS
from wyoming_servers.engines.kokoro.synthesizer import (
    KokoroSession,
    KokoroSynthesizer,
    KokoroVoices,
    VoiceStyle,
)

_FLOAT16: Final = "float16"


class KokoroEngine:
    """All voices of one file. Number formats: float16 (on a GPU, if it works), float32."""

    def __init__(self) -> None:
        self._synthesizer: KokoroSynthesizer | None = None
        self._voice = ""

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load `files["model"]` (.pth), `files["config"]` and `files["voices"]`.

        Reports {sample_rate: Hz, voices: [name], compute_type: str}; the latter may be float32
        although float16 was requested.
        """
        progress("load", -1)
        settings = json.loads(Path(spec.files["config"]).read_text(encoding="utf-8"))
        if settings["vocab"] != dict(SYMBOLS):
            raise LoadFailedError(f"{spec.id} has other symbols than Kokoro-82M.")
        voices = KokoroVoices(spec.files["voices"])
        half = placement.compute_type == _FLOAT16 and placement.device.startswith("cuda")
        network = _TorchNetwork(settings, spec.files["model"], placement.device, half=half)
        self._synthesizer = KokoroSynthesizer(network, voices, spec.options)
        self._voice = voices.names[0]
        if half and not network.half_precision_works(self._synthesizer, self._voice):
            network.half = False
        return {**self._synthesizer.info, "compute_type": _FLOAT16 if network.half else "float32"}

    def warm_up(self) -> None:
        """Synthesize a few numbers: the first run compiles kernels for the GPU."""
        self._require_synthesizer().warm_up(self._voice)

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


class KokoroOnnxEngine:
    """All voices of one file.

    Options: `threads` (0: automatic), `spinning`, `length_scale`, `volume`.
    """

    def __init__(self) -> None:
        self._synthesizer: KokoroSynthesizer | None = None

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load `files["model"]` (.onnx) and `files["voices"]`.

        Reports {sample_rate: Hz, voices: [name]}.
        """
        from wyoming_servers.engines.onnx_session import open_session

        progress("load", -1)
        network = _OnnxNetwork(open_session(spec.files["model"], spec.options, placement))
        self._synthesizer = KokoroSynthesizer(
            network, KokoroVoices(spec.files["voices"]), spec.options
        )
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


class _TorchNetwork:
    """Kokoro's network on a device."""

    def __init__(
        self, settings: Mapping[str, Any], weights: str, device: str, *, half: bool
    ) -> None:
        import torch

        self._torch = torch
        self._device = device
        self.half = half
        """Whether matrices are multiplied in half precision; sums and phases never are."""
        model = _import_kokoro_model().KModel(repo_id="local", config=dict(settings), model=weights)
        self._model = model.to(device).eval()
        _keep_full_precision(torch, self._model.decoder.generator, device.partition(":")[0])

    def infer(self, ids: list[int], style: VoiceStyle, speed: float) -> Samples:
        torch = self._torch
        kind = self._device.partition(":")[0]
        with torch.inference_mode(), torch.autocast(kind, torch.float16, enabled=self.half):
            tokens = torch.tensor([ids], dtype=torch.long, device=self._device)
            audio, _ = self._model.forward_with_tokens(
                tokens, torch.from_numpy(style).to(self._device), speed
            )
        return np.atleast_1d(np.asarray(audio.float().cpu().numpy(), np.float32))

    def half_precision_works(self, speech: KokoroSynthesizer, voice: str) -> bool:
        """Whether half precision results in audio: an overflow makes it noise, or silence."""
        samples = speech.synthesize_short("One, two, three.", voice, 1.0)
        return bool(np.isfinite(samples).all() and np.abs(samples).max() > 1e-4)


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


def _keep_full_precision(torch: Any, generator: Any, kind: str) -> None:
    """Keep the Fourier transforms and the harmonic source in full precision.

    In half precision CUDA has transforms for lengths of a power of two only, and the harmonic
    source sums a phase over thousands of samples.
    """

    def whole(function: Any) -> Any:
        def run(*arguments: Any) -> Any:
            floats = (
                value.float() if torch.is_tensor(value) and value.is_floating_point() else value
                for value in arguments
            )
            with torch.autocast(kind, enabled=False):
                return function(*floats)

        return run

    generator.stft.transform = whole(generator.stft.transform)
    generator.stft.inverse = whole(generator.stft.inverse)
    generator.m_source.forward = whole(generator.m_source.forward)


def _import_kokoro_model() -> ModuleType:
    """Import `kokoro.model` without its package.

    The package imports a converter of text with spaCy, which takes seconds and hundreds of
    megabytes; `phonemes` replaces it.
    """
    if "kokoro" not in sys.modules:
        spec = find_spec("kokoro")
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError("No module named 'kokoro'", name="kokoro")
        bare = ModuleType("kokoro")
        bare.__path__ = list(spec.submodule_search_locations)
        sys.modules["kokoro"] = bare
    from loguru import logger

    logger.disable("kokoro")
    return import_module("kokoro.model")
