"""The engine for speaker embeddings in ONNX."""

from collections.abc import Generator, Iterable, Mapping
from typing import Any, Final

import numpy as np

from wyoming_servers.audio.pcm import from_s16
from wyoming_servers.core.domain import SPEECH_FORMAT, ModelSpec, Placement
from wyoming_servers.core.errors import BadRequestError, LoadFailedError
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.engines.onnx_session import LOAD_ERRORS, open_session
from wyoming_servers.engines.speaker.features import (
    HOP,
    RATE,
    FeatureConfig,
    FeatureStream,
    FloatArray,
    feature_config,
)

MAX_SECONDS: Final = 60.0
"""Longest audio of one run."""

SPEECH_RANGE_DB: Final = 30.0
"""Frames that are softer than the loudest by more than this are pauses."""

MIN_SPEECH_SHARE: Final = 0.5
"""Share of speech from which a window is embedded."""

MIN_SPEECH_FRAMES: Final = 20
"""Speech of which a shorter window is made at the end: 0.2 s."""

BATCH: Final = 4
"""Windows of one inference: each costs a third of a single one, because a network with a memory
reads its weights for every step."""

PAUSE_FRAMES: Final = 20
"""Silence after which windows are embedded without waiting for a whole batch: 0.2 s. The end of the
speech is then embedded before the turn ends."""


class SpeakerEngine:
    """One embedding model; `engines.base` describes the requests.

    `files["model"]` takes windows of features (batch, frames, bands) and returns embeddings.
    Options: `features` (a front end of `engines.speaker.features`), `threads` (1).
    """

    def __init__(self) -> None:
        self._session: Any = None
        self._config: FeatureConfig | None = None
        self._input = ""

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load the model. Reports {dimensions: int, step: samples between two embeddings}."""
        progress("load", -1)
        name = str(spec.options.get("features", "fbank80"))
        try:
            self._config = config = feature_config(name)
        except KeyError:
            raise LoadFailedError(f"There are no speaker features named {name!r}.") from None
        try:
            # A second thread would take the core from the transcription, to save a millisecond.
            threads = int(spec.options.get("threads", 1))
            self._session = open_session(
                spec.files["model"], spec.options, placement, threads=threads
            )
        except LOAD_ERRORS as err:
            raise LoadFailedError(f"{spec.id} cannot be loaded: {err}") from err
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise LoadFailedError(f"{spec.id} is no speaker embedding model: {len(inputs)} inputs.")
        self._input = inputs[0].name
        silence = np.zeros((1, config.window, config.bands), np.float32)
        return {"dimensions": int(self.embed(silence).shape[1]), "step": config.hop * HOP}

    def warm_up(self) -> None:
        """Embed one second of noise."""
        session = self.open({})
        noise = np.random.default_rng(0).normal(0.0, 1_000.0, RATE).astype("<i2")
        for _ in session.feed(noise.tobytes(), {}):
            pass
        session.close()

    def open(self, request: Mapping[str, Any]) -> "SpeakerSession":
        """Begin a run."""
        if self._config is None:
            raise LoadFailedError("No model is loaded.")
        return SpeakerSession(self, self._config)

    def embed(self, windows: FloatArray) -> FloatArray:
        """Return embeddings of unit length (batch, dimensions) of windows."""
        vectors = np.asarray(self._session.run(None, {self._input: windows})[0], np.float32)
        vectors = vectors.reshape(len(windows), -1)
        norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return np.asarray(vectors / norms, np.float32)

    def close(self) -> None:
        self._session = None


class SpeakerSession:
    """Embeds windows of speech as they are complete; the voice's embedding is their mean."""

    def __init__(self, engine: SpeakerEngine, config: FeatureConfig) -> None:
        self._engine = engine
        self._config = config
        self._frames = FeatureStream(config)
        self._pending: list[FloatArray] = []
        """Windows that wait for a batch."""
        self._sum: FloatArray | None = None
        """Sum of the embeddings of all windows."""
        self._short = False
        """Whether speech without a whole window was embedded."""
        self._overlap = 0
        """Frames in store that belong to the last window, too."""
        self._speech_frames = 0
        self._rest_frames = 0
        """Frames of speech after the last window."""
        self._peak = -120.0
        """Level of the loudest frame so far."""
        self._recent = np.zeros(0, np.float32)
        """Levels of the last frames, whether they belong to a window or not."""
        self._bytes = 0
        self._odd = b""
        """Half a sample."""

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Append audio; yield the embedding so far when it has changed.

        Raises BadRequestError when the audio is longer than `MAX_SECONDS`.
        """
        self._bytes += len(payload)
        if self._bytes > SPEECH_FORMAT.bytes_for(MAX_SECONDS):
            raise BadRequestError(f"The audio is longer than {MAX_SECONDS:g} s.")
        audio = self._odd + payload
        whole = len(audio) - len(audio) % SPEECH_FORMAT.frame_bytes
        self._odd = audio[whole:]
        known = len(self._frames.levels)
        self._frames.add(from_s16(audio[:whole]))
        self._recent = np.concatenate((self._recent, self._frames.levels[known:]))[-PAUSE_FRAMES:]
        before = self._sum
        self._take_windows()
        while len(self._pending) >= BATCH:
            self._embed(self._pending[:BATCH])
            del self._pending[:BATCH]
        if self._is_pause:
            self._embed(self._pending)
            self._pending.clear()
        if self._sum is not None and self._sum is not before:
            yield self._output(self._sum)
        elif self._sum is None and self._is_pause and not self._short:
            # A short command: what there is, unless more speech follows.
            rest = self._rest()
            if rest is not None:
                self._short = True
                yield self._output(self._vectors([rest])[0])

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Embed the speech that is left, and yield the embedding if there was any speech."""
        rest = self._rest()
        self._embed(self._pending if rest is None else [*self._pending, rest])
        if self._sum is not None:
            yield self._output(self._sum)
        return {"seconds": self._seconds}

    def close(self) -> None:
        self._frames = FeatureStream(self._config)

    @property
    def _seconds(self) -> float:
        return (self._speech_frames + self._rest_frames) * HOP / RATE

    @property
    def _is_pause(self) -> bool:
        """Whether the audio ends with silence."""
        return len(self._recent) == PAUSE_FRAMES and not self._speech(self._recent).any()

    def _take_windows(self) -> None:
        """Take the next windows with speech, and drop what no later window needs."""
        window, hop = self._config.window, self._config.hop
        while len(self._frames.features) >= window:
            speech = self._speech(self._frames.levels[:window])
            if speech.mean() >= MIN_SPEECH_SHARE:
                self._pending.append(self._frames.features[:window])
                self._speech_frames += int(speech[:hop].sum())
                self._overlap, self._rest_frames = window - hop, 0
            else:
                self._overlap = max(0, self._overlap - hop)
            self._frames.drop(hop)

    def _rest(self) -> FloatArray | None:
        """Return a window of the speech after the last one, repeated if it is too short.

        None if there is too little.
        """
        speech = self._speech(self._frames.levels)
        self._rest_frames = int(speech[self._overlap :].sum())
        if self._rest_frames < MIN_SPEECH_FRAMES:
            return None
        frames = self._frames.features[speech][-self._config.window :]
        repeats = -(-self._config.window // len(frames))
        return np.asarray(np.tile(frames, (repeats, 1))[: self._config.window], np.float32)

    def _speech(self, levels: FloatArray) -> Any:
        """Return which frames are speech."""
        if len(levels):
            self._peak = max(self._peak, float(levels.max()))
        return levels >= self._peak - SPEECH_RANGE_DB

    def _vectors(self, windows: list[FloatArray]) -> FloatArray:
        batch = np.stack([self._config.normalize(window) for window in windows])
        return self._engine.embed(batch.astype(np.float32))

    def _embed(self, windows: list[FloatArray]) -> None:
        if windows:
            total = self._vectors(windows).sum(axis=0)
            self._sum = total if self._sum is None else self._sum + total

    def _output(self, total: FloatArray) -> Output:
        mean = total / max(float(np.linalg.norm(total)), 1e-9)
        return Output({"seconds": self._seconds}, mean.astype("<f4").tobytes())
