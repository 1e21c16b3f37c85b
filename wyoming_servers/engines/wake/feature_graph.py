"""Builds one streaming graph from openWakeWord's two feature networks.

The published embedding network computes an embedding from 76 mel frames, and the next one 8 frames
later, so 68 frames are computed again. It pads along the mel axis only, never along time, and its
pooling halves time three times: 8 new frames result in exactly one new row at its end. It is
therefore enough to keep, in front of each convolution with a height of 3 frames, the last 2 rows,
and to compute new rows only. The embeddings are the same, for a tenth of the work. The weights are
read from the installed files; nothing is trained or rounded.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from wyoming_servers.engines.onnx_tools.model import OnnxGraphBuilder
from wyoming_servers.engines.onnx_tools.tflite import (
    TfliteError,
    TfliteGraph,
)
from wyoming_servers.engines.wake.features import (
    EMBEDDING,
    STEP,
    FloatArray,
)

HOP: Final = 160
"""Samples between two mel frames (10 ms)."""
FRAMES: Final = STEP // HOP
"""Mel frames per step."""
MELS: Final = 32
WINDOW_FRAMES: Final = 76
"""Mel frames per embedding."""
DELAYED_FRAMES: Final = -WINDOW_FRAMES % FRAMES
"""The library computes the first window of 76 frames when 80 frames are there, so that every window
ends 4 frames before the newest."""
TOP_DB: Final = 80.0
"""Range of the mel bands of a step below their maximum, in dB."""
MEL_SCALE: Final = (10.0, 2.0)
"""The library's `mel / 10 + 2`, the scale that the embedding network was trained on."""
_END: Final = np.iinfo(np.int64).max
_SAME: Final = 0  # TensorFlow Lite's padding enumeration; 1 is VALID


@dataclass(frozen=True, slots=True)
class FeatureGraph:
    """A graph (audio: streams × STEP, state: streams × state_size) → (embedding, next_state)."""

    model: bytes | str
    """ONNX: the content of a file, or its path."""
    state_size: int
    """Numbers in the state of a stream."""
    lead: int
    """Samples of a new stream that complete its first step."""


def build_feature_graph(mel: TfliteGraph, embedding: TfliteGraph) -> FeatureGraph:
    """Build the graph. Raises TfliteError if the networks are not the expected ones."""
    graph = OnnxGraphBuilder()
    audio = graph.input("audio", ["streams", STEP])
    states = _StreamState(graph)
    frames, lead = _mel(graph, mel, audio, states)
    value = _embedding(graph, embedding, frames, states)
    shape = graph.integers(0, EMBEDDING)
    graph.output("embedding", graph.node("Reshape", value, shape), ["streams", EMBEDDING])
    states.declare()
    return FeatureGraph(graph.encode(), states.size, lead)


class _StreamState:
    """The values that are kept between steps, packed into one row of numbers per stream."""

    def __init__(self, graph: OnnxGraphBuilder) -> None:
        self._graph = graph
        self._next: list[str] = []
        self.size = 0

    def delay(self, value: str, kept: tuple[int, ...], axis: int) -> str:
        """Put the kept values in front of `value` along `axis`, and keep the end of both.

        `kept` is the shape of the kept values of one stream.
        """
        start, self.size = self.size, self.size + math.prod(kept)
        packed = _slice(self._graph, "state", start, self.size, 1)
        shape = self._graph.integers(0, *kept)
        previous = self._graph.node("Reshape", packed, shape)
        joined = self._graph.node("Concat", previous, value, axis=axis)
        end = _slice(self._graph, joined, -kept[axis - 1], _END, axis)
        self._next.append(self._graph.node("Flatten", end, axis=1))
        return joined

    def declare(self) -> None:
        """Declare the input `state` and the output `next_state`."""
        self._graph.input("state", ["streams", self.size])
        packed = self._graph.node("Concat", *self._next, axis=1)
        self._graph.output("next_state", packed, ["streams", self.size])


def _mel(
    graph: OnnxGraphBuilder, network: TfliteGraph, audio: str, states: _StreamState
) -> tuple[str, int]:
    """Add audio → mel frames (streams, 1, FRAMES, MELS), delayed; return them and the lead."""
    filters, bands = _filters(network)
    # Zeros in the window and the bands take as long as other numbers, so they are left out.
    taps = np.flatnonzero(np.abs(filters).max(axis=(0, 1)))
    first, last = int(taps[0]), int(taps[-1]) + 1
    used = np.flatnonzero(bands.max(axis=1))
    filters, bands = filters[:, used, first:last], bands[used]
    span = HOP * (FRAMES - 1) + last - first
    window = states.delay(audio, (span - STEP,), 1)
    axes = graph.integers(1)
    kernel = graph.constant(filters.reshape(-1, 1, last - first))
    spectrum = graph.node("Conv", graph.node("Unsqueeze", window, axes), kernel, strides=[HOP])
    power = graph.node("Mul", spectrum, spectrum)
    # The power of the cosine and that of the sine belong to the same band.
    weights = graph.constant(np.concatenate([bands, bands]))
    frames = graph.node("MatMul", graph.node("Transpose", power, perm=[0, 2, 1]), weights)
    audible = graph.node("Max", frames, graph.floats(1e-10))
    decibel = graph.floats(10 / math.log(10))
    level = graph.node("Mul", graph.node("Log", audible), decibel)
    peak = graph.node("ReduceMax", level, axes=[1, 2], keepdims=1)
    floor = graph.node("Sub", peak, graph.floats(TOP_DB))
    clipped = graph.node("Max", level, floor)
    divisor, offset = (graph.floats(number) for number in MEL_SCALE)
    scaled = graph.node("Add", graph.node("Div", clipped, divisor), offset)
    delayed = states.delay(scaled, (DELAYED_FRAMES, MELS), 1)
    due = _slice(graph, delayed, 0, FRAMES, 1)
    # Steps begin with the stream. The library waits for 1760 samples, of which its filters do not
    # use the last 184; a step here is complete 11.5 ms earlier.
    return graph.node("Unsqueeze", due, axes), first + span - STEP


def _filters(network: TfliteGraph) -> tuple[FloatArray, FloatArray]:
    """Return the Fourier filters (2, bins, taps) and the mel bands (bins, MELS)."""
    convolutions = [o for o in network.operators if o.kind == "CONV_2D"]
    products = [o for o in network.operators if o.kind == "BATCH_MATMUL"]
    if len(convolutions) != 2 or len(products) != 1:
        raise TfliteError("The mel network has another structure.")
    filters = np.stack([network.constant(o.inputs[1]).squeeze() for o in convolutions])
    bands = network.constant(products[0].inputs[1])
    if filters.ndim != 3 or bands.shape != (filters.shape[1], MELS):
        raise TfliteError("The mel network has another structure.")
    return filters, bands


def _embedding(
    graph: OnnxGraphBuilder, network: TfliteGraph, value: str, states: _StreamState
) -> str:
    """Add mel frames → embedding (streams, EMBEDDING, 1, 1)."""
    channels, width, pad = 1, MELS, 0
    for operator in network.operators:
        match operator.kind:
            case "PAD":
                pad = int(network.constant(operator.inputs[1])[2, 0])
            case "CONV_2D":
                kernel = network.constant(operator.inputs[1]).transpose(0, 3, 1, 2)
                bias = network.constant(operator.inputs[2])
                height = kernel.shape[2]
                if height > 1:
                    value = states.delay(value, (channels, height - 1, width), 2)
                if operator.option(0, "b") == _SAME:
                    if height > 1:
                        raise TfliteError("A convolution of the embedding network pads along time.")
                    pad = kernel.shape[3] // 2
                value = graph.node(
                    "Conv",
                    value,
                    graph.constant(kernel),
                    graph.constant(bias),
                    pads=[0, pad, 0, pad],
                )
                channels, width, pad = kernel.shape[0], width + 2 * pad - kernel.shape[3] + 1, 0
            case "LEAKY_RELU":
                value = graph.node("LeakyRelu", value, alpha=operator.option(0, "f"))
            case "MAXIMUM":
                value = graph.node(
                    "Max", value, graph.constant(network.constant(operator.inputs[1]))
                )
            case "MAX_POOL_2D":
                across, along = operator.option(1, "i"), operator.option(2, "i")
                value = graph.node(
                    "MaxPool", value, kernel_shape=[along, across], strides=[along, across]
                )
                width //= across
            case unknown:
                raise TfliteError(f"The embedding network has an operator {unknown}.")
    return value


def _slice(graph: OnnxGraphBuilder, value: str, start: int, end: int, axis: int) -> str:
    numbers = (graph.integers(number) for number in (start, end, axis))
    return graph.node("Slice", value, *numbers)
