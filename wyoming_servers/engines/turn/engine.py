"""The engine for Smart Turn models on onnxruntime."""

from collections.abc import Generator, Iterable, Mapping
from typing import Any, Final

import numpy as np

from wyoming_servers.audio.pcm import from_s16
from wyoming_servers.core.domain import SPEECH_FORMAT, ModelSpec, Placement
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.engines.turn.features import SECONDS, log_mel

_MAX_BYTES: Final = SPEECH_FORMAT.bytes_for(SECONDS)


class SmartTurnEngine:
    """One Smart Turn model; `engines.base` describes the requests.

    Option: `threads` (1).
    """

    def __init__(self) -> None:
        self._session: Any = None

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load `files["model"]`. Raises LoadFailedError for a model of another kind."""
        from wyoming_servers.engines.onnx_session import open_session

        progress("load", -1)
        threads = int(spec.options.get("threads") or 1)
        self._session = open_session(spec.files["model"], {}, placement, threads=threads)
        inputs = [item.name for item in self._session.get_inputs()]
        if inputs != ["input_features"]:
            raise LoadFailedError(
                f"{spec.id} is no Smart Turn model: its inputs are {', '.join(inputs)}.",
                hint=f"`wyoming-conductor models pull {spec.id}` downloads the files again.",
            )
        return {}

    def warm_up(self) -> None:
        """Judge a second of noise."""
        noise = np.random.default_rng(0).normal(0.0, 0.01, SPEECH_FORMAT.rate)
        self.probability((noise * 32_768).astype("<i2").tobytes())

    def open(self, request: Mapping[str, Any]) -> "SmartTurnSession":
        """Begin a run; the request has no options."""
        return SmartTurnSession(self)

    def probability(self, pcm: bytes) -> float:
        """Return the probability that the speaker has finished, at the end of 16 kHz audio."""
        if self._session is None:
            raise LoadFailedError("No model is loaded.")
        features = log_mel(from_s16(pcm))[np.newaxis]
        (result,) = self._session.run(None, {"input_features": features})
        return float(np.ravel(result)[0])

    def close(self) -> None:
        """Release the model."""
        self._session = None


class SmartTurnSession:
    """Keeps the last eight seconds of the audio of one run."""

    def __init__(self, engine: SmartTurnEngine) -> None:
        self._engine = engine
        self._audio = bytearray()

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Append audio and forget what the model does not hear."""
        self._audio += payload
        if len(self._audio) > 2 * _MAX_BYTES:
            del self._audio[:-_MAX_BYTES]
        return ()

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Judge the audio; half a sample at its end is dropped."""
        yield from ()
        whole = len(self._audio) - len(self._audio) % SPEECH_FORMAT.frame_bytes
        pcm = bytes(self._audio[max(0, whole - _MAX_BYTES) : whole])
        return {"probability": round(self._engine.probability(pcm), 4)}

    def close(self) -> None:
        """Forget the audio."""
        self._audio = bytearray()
