"""A voice's network cut into three, so that its sound can be made piece by piece.

A VITS network reads the whole text, and decides how long each sound lasts (`text`). What follows
works on frames of some 12 ms, each of which depends on a few neighbours alone: frames become
features (`frames`), and features samples (`samples`). Both may be asked for any stretch, given with
as many neighbours as they need, which are cut off inside, where it costs least to have had them.

What is not built like that, stays whole.
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

_TIME_AXES: Final = "wyoming_servers.time"
_TIME_AXIS: Final = 2
"""The axis of time: values are [1, channels, time]."""

_DECAY_DIVISOR: Final = 2
"""The networks that turn noise into frames reach far, but what is far counts for little: with half
their reach a sample differs by less than a ten-thousandth, with a third by a hundredth."""

_POINTWISE_OPERATORS: Final = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "Neg", "Exp", "Tanh", "Sigmoid", "LeakyRelu", "Identity"),
        *("Concat", "Split", "Slice", "Shape", "ConstantOfShape", "Unsqueeze", "Gather", "Cast"),
        *("Constant", "Reshape"),
    }
)
"""Operations that, as VITS uses them, let no point of time know of another."""


@dataclass(frozen=True, slots=True)
class TrimPoint:
    """A place inside a stretch where neighbours are cut off that are needed no longer."""

    start_input: str
    """The input that says where the rest begins."""
    end_input: str
    """The input that says where it ends."""
    context: int
    """Neighbours needed on either side from there on."""
    upsampling: int
    """How many points one of the stretch's input has become there."""


@dataclass(frozen=True, slots=True)
class ChunkableGraph:
    """A network that can be asked for a stretch of time."""

    model: OnnxModel
    input_name: str
    """Its input that is cut into stretches; others come along, cut alike if they are as long."""
    context: int
    """Neighbours needed on either side."""
    trim_points: tuple[TrimPoint, ...]
    upsampling: int
    """How many points of output one of the input becomes."""


@dataclass(frozen=True, slots=True)
class SplitModel:
    """The three networks of a voice."""

    text: OnnxModel
    """Phonemes to what `frames` is given."""
    frames: ChunkableGraph
    samples: ChunkableGraph


def split_model(network: OnnxModel) -> SplitModel | None:
    """Cut a voice's network; None if it is built in another way."""
    try:
        return _GraphSplitter(network).split()
    except _UnsupportedGraphError:
        return None


class _UnsupportedGraphError(Exception):
    """The network is not built as expected."""


class _GraphSplitter:
    """One network on its way to three."""

    def __init__(self, network: OnnxModel) -> None:
        self._model = network
        self._producers = {name: node for node in network.nodes for name in node.outputs}

    def split(self) -> SplitModel:
        """Cut.

        1. The first layer that makes time finer, and the convolution before it, where frames
           become features; the second such layer, where features become samples.
        2. Noise is added to what was decided about each frame: there the text's part ends.
        3. What depends on the features belongs to the samples, what depends on the noise to the
           frames, all else to the text.
        """
        nodes = self._model.nodes
        if any(attribute.nested for node in nodes for attribute in node.attributes):
            raise _UnsupportedGraphError
        finer = [node for node in nodes if node.operator == "ConvTranspose"]
        if len(finer) < 2 or not self._model.outputs:
            raise _UnsupportedGraphError
        entry = self._feature_conv(finer[0])  # 1
        latent = self._noised_latent()  # 2
        feature = finer[1].inputs[0]
        samples = self._dependents(feature)  # 3
        later = {id(node) for node in samples}
        frames = [node for node in self._dependents(latent) if id(node) not in later]
        later |= {id(node) for node in frames}
        text = [node for node in nodes if id(node) not in later and node.operator != "Constant"]
        output = next(iter(self._model.outputs))
        asked = self._external_inputs(frames)
        if latent not in asked or self._external_inputs(samples) != [feature]:
            raise _UnsupportedGraphError
        whole = self._chunkable(frames, latent, feature, [(entry.inputs[0], entry)])
        entered = whole.trim_points[0].context
        reach = entered + math.ceil((whole.context - entered) / _DECAY_DIVISOR)
        return SplitModel(
            text=self._subgraph(text, list(self._model.inputs), asked),
            frames=replace(whole, context=reach),
            samples=self._chunkable(
                samples, feature, output, [(node.inputs[0], node) for node in finer[2:]]
            ),
        )

    def _feature_conv(self, finer: OnnxNode) -> OnnxNode:
        """Return the convolution that the first finer layer gets its features from."""
        node = finer
        while node.operator != "Conv":
            node = self._producers.get(node.inputs[0], OnnxNode("", (), ()))
            if node.operator not in ("Conv", "LeakyRelu", "Add"):
                raise _UnsupportedGraphError
        return node

    def _noised_latent(self) -> str:
        """Return the value in which the noise of the frames was added."""
        noise = [node for node in self._model.nodes if node.operator == "RandomNormalLike"]
        if not noise:
            raise _UnsupportedGraphError
        name = noise[-1].outputs[0]
        while True:
            users = [node for node in self._model.nodes if name in node.inputs]
            if len(users) != 1 or users[0].operator not in ("Mul", "Add"):
                raise _UnsupportedGraphError
            name = users[0].outputs[0]
            if users[0].operator == "Add":
                return name

    def _dependents(self, name: str) -> list[OnnxNode]:
        """Return all nodes that depend on a value."""
        names = {name}
        found: list[OnnxNode] = []
        for node in self._model.nodes:
            if not names.isdisjoint(node.inputs):
                found.append(node)
                names.update(node.outputs)
        return found

    def _external_inputs(self, nodes: Sequence[OnnxNode]) -> list[str]:
        """Return the values that nodes need from others."""
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
        kept = list(nodes)
        used = {name for node in kept for name in node.inputs}
        constants = [
            node
            for node in self._model.nodes
            if node.operator == "Constant" and not used.isdisjoint(node.outputs)
        ]
        known = {**self._model.inputs, **self._model.outputs}
        return replace(
            self._model,
            nodes=(*constants, *kept),
            initializers={
                name: weight for name, weight in self._model.initializers.items() if name in used
            },
            inputs={name: known.get(name, value_info(name)) for name in inputs},
            outputs={name: known.get(name, value_info(name)) for name in outputs},
        )

    def _chunkable(
        self,
        nodes: Sequence[OnnxNode],
        given: str,
        result: str,
        cuts: Sequence[tuple[str, OnnxNode]],
    ) -> ChunkableGraph:
        """Return a part that may be asked for stretches, trimmed before each node of `cuts`."""
        margins = _required_context(nodes)
        factors = _upsampling_factors(nodes, given)
        trims: list[TrimPoint] = []
        slices: dict[int, tuple[TrimPoint, str]] = {}
        for name, node in cuts:
            if [user for user in nodes if name in user.inputs] != [node]:
                raise _UnsupportedGraphError
            first, last = (f"wyoming_servers.{end}.{len(trims)}" for end in ("first", "last"))
            trims.append(TrimPoint(first, last, margins[name], factors[name]))
            slices[id(node)] = (trims[-1], f"wyoming_servers.trimmed.{len(trims)}")
        written: list[OnnxNode] = []
        for node in nodes:
            if id(node) not in slices:
                written.append(node)
                continue
            trim, trimmed = slices[id(node)]
            cut = (node.inputs[0], trim.start_input, trim.end_input, _TIME_AXES)
            written.append(OnnxNode("Slice", cut, (trimmed,)))
            written.append(replace(node, inputs=(trimmed, *node.inputs[1:])))
        part = self._subgraph(written, self._external_inputs(nodes), [result])
        ends = {
            name: value_info(name, INT64)
            for trim in trims
            for name in (trim.start_input, trim.end_input)
        }
        part = replace(
            part,
            inputs={**part.inputs, **ends},
            initializers={
                **part.initializers,
                _TIME_AXES: Initializer.of(_TIME_AXES, np.array([_TIME_AXIS])),
            },
        )
        return ChunkableGraph(part, given, margins[given], tuple(trims), factors[result])


def _required_context(nodes: Sequence[OnnxNode]) -> Mapping[str, int]:
    """Return how many neighbours each value must have on either side, for the last to be right."""
    margins: dict[str, int] = {}
    for node in reversed(nodes):
        needed = max((margins.get(name, 0) for name in node.outputs), default=0)
        if node.operator == "Conv":
            needed += _conv_context(node)
        elif node.operator == "ConvTranspose":
            needed = _transposed_conv_context(node, needed)
        elif node.operator not in _POINTWISE_OPERATORS:
            raise _UnsupportedGraphError
        for name in node.inputs:
            margins[name] = max(margins.get(name, 0), needed)
    return margins


def _conv_context(node: OnnxNode) -> int:
    """Return how far a convolution looks."""
    width = node.integers("kernel_shape")
    pads = node.integers("pads") or (0, 0)
    (dilation,) = node.integers("dilations") or (1,)
    if width is None or len(width) != 1 or (node.integers("strides") or (1,)) != (1,):
        raise _UnsupportedGraphError
    # A convolution that changes the length would shift all that follows.
    if sum(pads) != (width[0] - 1) * dilation:
        raise _UnsupportedGraphError
    return max(pads)


def _transposed_conv_context(node: OnnxNode, needed: int) -> int:
    """Return how many neighbours a finer layer needs for so many of its own."""
    width, stride = node.integers("kernel_shape"), node.integers("strides")
    pads = node.integers("pads") or (0, 0)
    if width is None or stride is None or len(width) != 1:
        raise _UnsupportedGraphError
    if width[0] - stride[0] != sum(pads) or node.integers("output_padding") not in (None, (0,)):
        raise _UnsupportedGraphError
    return math.ceil((needed + width[0] - 1) / stride[0])


def _upsampling_factors(nodes: Sequence[OnnxNode], given: str) -> Mapping[str, int]:
    """Return how many points of each value come from one of the given."""
    factors = {given: 1}
    for node in nodes:
        factor = max((factors.get(name, 1) for name in node.inputs), default=1)
        if node.operator == "ConvTranspose":
            (stride,) = node.integers("strides") or (1,)
            factor *= stride
        for name in node.outputs:
            factors[name] = factor
    return factors


# A network rewritten for one thread: the same numbers, about a tenth sooner.
#
# onnxruntime has fast kernels for convolutions with few channels, but only for images. A row of
# samples is an image of height one, so such convolutions get two more axes. With several threads it
# does not pay, because those kernels divide their work by rows.

MAX_CONV2D_CHANNELS: Final = 128
"""With more, the kernels for rows of samples are as fast."""

CHANNEL_BLOCK: Final = 16
"""The fast kernels work on so many channels at once."""

_SHAPE_2D: Final = "wyoming_servers.to_image"
_SHAPE_1D: Final = "wyoming_servers.to_row"


def optimize_for_single_thread(network: OnnxModel) -> OnnxModel:
    """Return the same network for a session with one thread."""
    changed = {node.inputs[1] for node in network.nodes if _benefits_from_conv2d(node, network)}
    if not changed:
        return network
    weights = {
        name: weight.reshaped((*weight.shape[:2], 1, weight.shape[2]))
        if name in changed
        else weight
        for name, weight in network.initializers.items()
    }
    weights[_SHAPE_2D] = Initializer.of(_SHAPE_2D, np.array([0, 0, 1, -1]))
    weights[_SHAPE_1D] = Initializer.of(_SHAPE_1D, np.array([0, 0, -1]))
    nodes = tuple(
        each
        for number, node in enumerate(network.nodes)
        for each in (_as_conv2d(node, number) if _benefits_from_conv2d(node, network) else (node,))
    )
    return replace(network, nodes=nodes, initializers=weights)


def _benefits_from_conv2d(node: OnnxNode, network: OnnxModel) -> bool:
    """Whether a node is a convolution of rows with few channels."""
    if node.operator != "Conv" or node.inputs[1] not in network.initializers:
        return False
    shape = network.initializers[node.inputs[1]].shape
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
    """Yield a convolution of images between two nodes that reshape."""
    image, answer = f"{_SHAPE_2D}.{number}", f"{_SHAPE_1D}.{number}"
    yield OnnxNode("Reshape", (node.inputs[0], _SHAPE_2D), (image,))
    yield replace(
        node,
        inputs=(image, *node.inputs[1:]),
        outputs=(answer,),
        attributes=tuple(map(_conv2d_attribute, node.attributes)),
    )
    yield OnnxNode("Reshape", (answer, _SHAPE_1D), node.outputs)


def _conv2d_attribute(attribute: OnnxAttribute) -> OnnxAttribute:
    match attribute.name, attribute.integers:
        case "pads", (before, after):
            return attribute.with_integers((0, before, 0, after))
        case "dilations" | "strides" | "kernel_shape", (value,):
            return attribute.with_integers((1, value))
        case _:
            return attribute
