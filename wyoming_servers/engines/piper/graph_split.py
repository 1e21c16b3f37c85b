"""Splits a Piper voice into three graphs, so that its audio can be computed chunk by chunk.

A Piper voice is a VITS network. Its encoder reads the whole text and decides how long each phoneme
lasts (graph `text`). What follows works on latent frames of about 12 ms, each of which depends on
nearby frames only:

    phonemes -> [ text encoder, durations ] -> + noise -> latent frames
    latent frames -> [ flow, first convolutions, first upsampling layer ] -> features   (`frames`)
    features -> [ remaining upsampling layers ] -> samples                              (`samples`)

`frames` and `samples` accept any range of their input, given with extra context on both sides (the
receptive field); `streaming.ChunkRunner` has a figure. The context is cut off inside the graph, at
the layers where that saves most work.

Voices with another structure are not split.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from wyoming_servers.engines.onnx_tools.model import (
    INT64,
    Initializer,
    OnnxAttribute,
    OnnxModel,
    OnnxNode,
    value_info,
)
from wyoming_servers.engines.piper.streaming import ChunkShape, TrimPoint

_UPSAMPLING: Final = "ConvTranspose"
"""Operator of the layers that increase the number of points per second."""

_NOISE: Final = "RandomNormalLike"
"""Operator that makes the noise of durations and, in its last use, of latent frames."""

_TIME_AXES: Final = "wyoming_servers.time"
_TIME_AXIS: Final = 2
"""Values are [1, channels, time]."""

_DECAY_DIVISOR: Final = 2
"""The receptive field of the flow is large, but distant frames have little influence: with half of
it samples differ by less than 0.0001, with a third by 0.01. `prepared_voice` checks each voice."""

_POINTWISE_OPERATORS: Final = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "Neg", "Exp", "Tanh", "Sigmoid", "LeakyRelu", "Identity"),
        *("Concat", "Split", "Slice", "Shape", "ConstantOfShape", "Unsqueeze", "Gather", "Cast"),
        *("Constant", "Reshape"),
    }
)
"""Operators that, as VITS uses them, compute each point in time from the same point only."""

MAX_CONV2D_CHANNELS: Final = 128
"""With more channels the kernels for one-dimensional convolutions are as fast."""

CHANNEL_BLOCK: Final = 16
"""The kernels for images compute so many channels at once."""

_SHAPE_2D: Final = "wyoming_servers.to_image"
_SHAPE_1D: Final = "wyoming_servers.to_row"


@dataclass(frozen=True, slots=True)
class ChunkableGraph:
    """A graph that can be run on a range of its input, and how."""

    model: OnnxModel
    shape: ChunkShape


@dataclass(frozen=True, slots=True)
class SplitModel:
    """The three graphs of a voice."""

    text: OnnxModel
    """Phonemes to the inputs of `frames`."""
    frames: ChunkableGraph
    samples: ChunkableGraph


def split_model(model: OnnxModel) -> SplitModel | None:
    """Split a voice; None if it does not have the expected structure."""
    try:
        return _GraphSplitter(model).split()
    except _UnsupportedGraphError:
        return None


class _UnsupportedGraphError(Exception):
    """Raised when a graph does not have the expected structure."""


class _GraphSplitter:
    """Splits one voice."""

    def __init__(self, model: OnnxModel) -> None:
        self._model = model
        self._producers = {name: node for node in model.nodes for name in node.outputs}

    def split(self) -> SplitModel:
        """Split the graph.

        1. Find the first upsampling layer with the convolution in front of it, where latent frames
           become features, and the second one, where features become samples.
        2. Find the latent frames: the value to which the last noise is added.
        3. Nodes that depend on features go into `samples`, nodes that depend on latent frames into
           `frames`, all others into `text`.
        """
        nodes = self._model.nodes
        if any(attribute.nested for node in nodes for attribute in node.attributes):
            raise _UnsupportedGraphError
        upsampling = [node for node in nodes if node.operator == _UPSAMPLING]
        if len(upsampling) < 2 or not self._model.outputs:
            raise _UnsupportedGraphError
        entry = self._feature_conv(upsampling[0])  # 1
        latent = self._noised_latent()  # 2
        feature = upsampling[1].inputs[0]
        samples = self._dependents(feature)  # 3
        assigned = {id(node) for node in samples}
        frames = [node for node in self._dependents(latent) if id(node) not in assigned]
        assigned |= {id(node) for node in frames}
        text = [node for node in nodes if id(node) not in assigned and node.operator != "Constant"]
        output = next(iter(self._model.outputs))
        frame_inputs = self._external_inputs(frames)
        if latent not in frame_inputs or self._external_inputs(samples) != [feature]:
            raise _UnsupportedGraphError
        frames_graph = self._chunkable(frames, latent, feature, [(entry.inputs[0], entry)])
        samples_graph = self._chunkable(
            samples, feature, output, [(node.inputs[0], node) for node in upsampling[2:]]
        )
        return SplitModel(
            text=self._subgraph(text, list(self._model.inputs), frame_inputs),
            frames=replace(frames_graph, shape=_with_less_context(frames_graph.shape)),
            samples=samples_graph,
        )

    def _feature_conv(self, upsampling: OnnxNode) -> OnnxNode:
        """Return the convolution in front of the first upsampling layer."""
        node = upsampling
        while node.operator != "Conv":
            node = self._producers.get(node.inputs[0], OnnxNode("", (), ()))
            if node.operator not in ("Conv", "LeakyRelu", "Add"):
                raise _UnsupportedGraphError
        return node

    def _noised_latent(self) -> str:
        """Return the latent frames: the sum with the last noise of the graph."""
        noise = [node for node in self._model.nodes if node.operator == _NOISE]
        if not noise:
            raise _UnsupportedGraphError
        name = noise[-1].outputs[0]
        while True:
            consumers = [node for node in self._model.nodes if name in node.inputs]
            if len(consumers) != 1 or consumers[0].operator not in ("Mul", "Add"):
                raise _UnsupportedGraphError
            name = consumers[0].outputs[0]
            if consumers[0].operator == "Add":
                return name

    def _dependents(self, name: str) -> list[OnnxNode]:
        """Return all nodes that depend on a value, directly or not."""
        names = {name}
        dependents: list[OnnxNode] = []
        for node in self._model.nodes:
            if not names.isdisjoint(node.inputs):
                dependents.append(node)
                names.update(node.outputs)
        return dependents

    def _external_inputs(self, nodes: Sequence[OnnxNode]) -> list[str]:
        """Return the values that nodes need from other nodes or from the graph's inputs."""
        own = {name for node in nodes for name in node.outputs}
        return [
            name
            for name in dict.fromkeys(name for node in nodes for name in node.inputs if name)
            if name not in own
            and name not in self._model.initializers
            and not self._is_constant(name)
        ]

    def _is_constant(self, name: str) -> bool:
        return name in self._producers and self._producers[name].operator == "Constant"

    def _subgraph(
        self, nodes: Iterable[OnnxNode], inputs: Iterable[str], outputs: Iterable[str]
    ) -> OnnxModel:
        """Return a model of some nodes, with the constants they use."""
        kept = list(nodes)
        used = {name for node in kept for name in node.inputs}
        constants = [
            node
            for node in self._model.nodes
            if node.operator == "Constant" and not used.isdisjoint(node.outputs)
        ]
        declared = {**self._model.inputs, **self._model.outputs}
        return replace(
            self._model,
            nodes=(*constants, *kept),
            initializers={
                name: weight for name, weight in self._model.initializers.items() if name in used
            },
            inputs={name: declared.get(name, value_info(name)) for name in inputs},
            outputs={name: declared.get(name, value_info(name)) for name in outputs},
        )

    def _chunkable(
        self,
        nodes: Sequence[OnnxNode],
        input_name: str,
        output_name: str,
        cuts: Sequence[tuple[str, OnnxNode]],
    ) -> ChunkableGraph:
        """Return a graph that is run in chunks, with a trim point before each node of `cuts`."""
        contexts = _required_context(nodes)
        factors = _upsampling_factors(nodes, input_name)
        trim_points: list[TrimPoint] = []
        slices: dict[int, tuple[TrimPoint, str]] = {}
        for name, node in cuts:
            if [consumer for consumer in nodes if name in consumer.inputs] != [node]:
                raise _UnsupportedGraphError
            first, last = (f"wyoming_servers.{end}.{len(trim_points)}" for end in ("first", "last"))
            trim_points.append(TrimPoint(first, last, contexts[name], factors[name]))
            slices[id(node)] = (trim_points[-1], f"wyoming_servers.trimmed.{len(trim_points)}")
        written: list[OnnxNode] = []
        for node in nodes:
            if id(node) not in slices:
                written.append(node)
                continue
            trim, trimmed = slices[id(node)]
            inputs = (node.inputs[0], trim.start_input, trim.end_input, _TIME_AXES)
            written.append(OnnxNode("Slice", inputs, (trimmed,)))
            written.append(replace(node, inputs=(trimmed, *node.inputs[1:])))
        model = self._subgraph(written, self._external_inputs(nodes), [output_name])
        ends = {
            name: value_info(name, INT64)
            for trim in trim_points
            for name in (trim.start_input, trim.end_input)
        }
        axes = Initializer.of(_TIME_AXES, np.array([_TIME_AXIS]))
        model = replace(
            model,
            inputs={**model.inputs, **ends},
            initializers={**model.initializers, _TIME_AXES: axes},
        )
        shape = ChunkShape(
            input_name, contexts[input_name], tuple(trim_points), factors[output_name]
        )
        return ChunkableGraph(model, shape)


def _with_less_context(shape: ChunkShape) -> ChunkShape:
    """Return the shape with the context in front of its first trim point divided."""
    exact = shape.trim_points[0].context
    return replace(shape, context=exact + math.ceil((shape.context - exact) / _DECAY_DIVISOR))


def _required_context(nodes: Sequence[OnnxNode]) -> Mapping[str, int]:
    """Return, for each value, the points needed on each side for an exact last value."""
    contexts: dict[str, int] = {}
    for node in reversed(nodes):
        needed = max((contexts.get(name, 0) for name in node.outputs), default=0)
        if node.operator == "Conv":
            needed += _conv_context(node)
        elif node.operator == _UPSAMPLING:
            needed = _transposed_conv_context(node, needed)
        elif node.operator not in _POINTWISE_OPERATORS:
            raise _UnsupportedGraphError
        for name in node.inputs:
            contexts[name] = max(contexts.get(name, 0), needed)
    return contexts


def _conv_context(node: OnnxNode) -> int:
    """Return the points on each side that a convolution reads."""
    width = node.integers("kernel_shape")
    pads = node.integers("pads") or (0, 0)
    (dilation,) = node.integers("dilations") or (1,)
    if width is None or len(width) != 1 or (node.integers("strides") or (1,)) != (1,):
        raise _UnsupportedGraphError
    # A convolution that changes the length would shift all later points.
    if sum(pads) != (width[0] - 1) * dilation:
        raise _UnsupportedGraphError
    return max(pads)


def _transposed_conv_context(node: OnnxNode, needed: int) -> int:
    """Return the points on each side of the input for `needed` points on each side of the output.

    An output point depends on `width` / `stride` input points.
    """
    width, stride = node.integers("kernel_shape"), node.integers("strides")
    pads = node.integers("pads") or (0, 0)
    if width is None or stride is None or len(width) != 1:
        raise _UnsupportedGraphError
    if width[0] - stride[0] != sum(pads) or node.integers("output_padding") not in (None, (0,)):
        raise _UnsupportedGraphError
    return math.ceil((needed + width[0] - 1) / stride[0])


def _upsampling_factors(nodes: Sequence[OnnxNode], input_name: str) -> Mapping[str, int]:
    """Return the points of each value per point of the input."""
    factors = {input_name: 1}
    for node in nodes:
        factor = max((factors.get(name, 1) for name in node.inputs), default=1)
        if node.operator == _UPSAMPLING:
            (stride,) = node.integers("strides") or (1,)
            factor *= stride
        for name in node.outputs:
            factors[name] = factor
    return factors


def optimize_for_single_thread(model: OnnxModel) -> OnnxModel:
    """Return a model that computes the same about 10 % faster in a session with one thread.

    onnxruntime has fast kernels for convolutions with few channels, but only for images, so such
    convolutions get a second dimension of size one. With several threads this does not help,
    because those kernels divide their work by image rows.
    """
    weights = {node.inputs[1] for node in model.nodes if _benefits_from_conv2d(node, model)}
    if not weights:
        return model
    initializers = {
        name: weight.reshaped((*weight.shape[:2], 1, weight.shape[2]))
        if name in weights
        else weight
        for name, weight in model.initializers.items()
    }
    initializers[_SHAPE_2D] = Initializer.of(_SHAPE_2D, np.array([0, 0, 1, -1]))
    initializers[_SHAPE_1D] = Initializer.of(_SHAPE_1D, np.array([0, 0, -1]))
    nodes = tuple(
        written
        for number, node in enumerate(model.nodes)
        for written in (_as_conv2d(node, number) if _benefits_from_conv2d(node, model) else (node,))
    )
    return replace(model, nodes=nodes, initializers=initializers)


def _benefits_from_conv2d(node: OnnxNode, model: OnnxModel) -> bool:
    """Whether a node is a one-dimensional convolution with few channels."""
    if node.operator != "Conv" or node.inputs[1] not in model.initializers:
        return False
    shape = model.initializers[node.inputs[1]].shape
    return (
        len(shape) == 3
        and all(
            CHANNEL_BLOCK <= size <= MAX_CONV2D_CHANNELS and size % CHANNEL_BLOCK == 0
            for size in shape[:2]
        )
        and node.integers("auto_pad") is None
        and node.integers("group") in (None, (1,))
    )


def _as_conv2d(node: OnnxNode, number: int) -> Iterator[OnnxNode]:
    """Yield a two-dimensional convolution between two reshapes."""
    image, result = f"{_SHAPE_2D}.{number}", f"{_SHAPE_1D}.{number}"
    yield OnnxNode("Reshape", (node.inputs[0], _SHAPE_2D), (image,))
    yield replace(
        node,
        inputs=(image, *node.inputs[1:]),
        outputs=(result,),
        attributes=tuple(map(_conv2d_attribute, node.attributes)),
    )
    yield OnnxNode("Reshape", (result, _SHAPE_1D), node.outputs)


def _conv2d_attribute(attribute: OnnxAttribute) -> OnnxAttribute:
    match attribute.name, attribute.integers:
        case "pads", (before, after):
            return attribute.with_integers((0, before, 0, after))
        case "dilations" | "strides" | "kernel_shape", (value,):
            return attribute.with_integers((1, value))
        case _:
            return attribute
