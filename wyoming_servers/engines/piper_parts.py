"""A voice's network cut into three, so that its sound can be made piece by piece.

A VITS network reads the whole text, and decides how long each sound lasts (`text`). What follows
works on frames of some 12 ms, each of which depends on a few neighbours alone: frames become
features (`frames`), and features samples (`samples`). Both may be asked for any stretch, given with
as many neighbours as they need, which are cut off inside, where it costs least to have had them.

What is not built like that, stays whole.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from wyoming_servers.engines.onnx_file import INT64, Network, Node, integers, value

_AXES: Final = "wyoming_servers.time"
_TIME: Final = 2
"""The axis of time: values are [1, channels, time]."""

_FADING: Final = 2
"""The networks that turn noise into frames reach far, but what is far counts for little: with half
their reach a sample differs by less than a ten-thousandth, with a third by a hundredth."""

_PLAIN: Final = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "Neg", "Exp", "Tanh", "Sigmoid", "LeakyRelu", "Identity"),
        *("Concat", "Split", "Slice", "Shape", "ConstantOfShape", "Unsqueeze", "Gather", "Cast"),
        *("Constant", "Reshape"),
    }
)
"""Operations that, as VITS uses them, let no point of time know of another."""


@dataclass(frozen=True, slots=True)
class Trim:
    """A place inside a stretch where neighbours are cut off that are needed no longer."""

    first: str
    """The input that says where the rest begins."""
    last: str
    """The input that says where it ends."""
    margin: int
    """Neighbours needed on either side from there on."""
    factor: int
    """How many points one of the stretch's input has become there."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A network that can be asked for a stretch of time."""

    network: Network
    given: str
    """Its input that is cut into stretches; others come along, cut alike if they are as long."""
    margin: int
    """Neighbours needed on either side."""
    trims: tuple[Trim, ...]
    factor: int
    """How many points of output one of the input becomes."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The three networks of a voice."""

    text: Network
    """Phonemes to what `frames` is given."""
    frames: Stretch
    samples: Stretch


def split(network: Network) -> Parts | None:
    """Cut a voice's network; None if it is built in another way."""
    try:
        return _Cutter(network).cut()
    except _OtherwiseError:
        return None


class _OtherwiseError(Exception):
    """The network is not built as expected."""


class _Cutter:
    """One network on its way to three."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._makers = {name: node for node in network.nodes for name in node.outputs}

    def cut(self) -> Parts:
        """Cut.

        1. The first layer that makes time finer, and the convolution before it, where frames
           become features; the second such layer, where features become samples.
        2. Noise is added to what was decided about each frame: there the text's part ends.
        3. What depends on the features belongs to the samples, what depends on the noise to the
           frames, all else to the text.
        """
        nodes = self._network.nodes
        if any(attribute.nested for node in nodes for attribute in node.attributes):
            raise _OtherwiseError
        finer = [node for node in nodes if node.operator == "ConvTranspose"]
        if len(finer) < 2 or not self._network.outputs:
            raise _OtherwiseError
        entry = self._entry(finer[0])  # 1
        latent = self._noisy()  # 2
        feature = finer[1].inputs[0]
        samples = self._behind(feature)  # 3
        later = {id(node) for node in samples}
        frames = [node for node in self._behind(latent) if id(node) not in later]
        later |= {id(node) for node in frames}
        text = [node for node in nodes if id(node) not in later and node.operator != "Constant"]
        output = next(iter(self._network.outputs))
        asked = self._asked(frames)
        if latent not in asked or self._asked(samples) != [feature]:
            raise _OtherwiseError
        whole = self._stretch(frames, latent, feature, [(entry.inputs[0], entry)])
        entered = whole.trims[0].margin
        reach = entered + math.ceil((whole.margin - entered) / _FADING)
        return Parts(
            text=self._part(text, list(self._network.inputs), asked),
            frames=replace(whole, margin=reach),
            samples=self._stretch(
                samples, feature, output, [(node.inputs[0], node) for node in finer[2:]]
            ),
        )

    def _entry(self, finer: Node) -> Node:
        """Return the convolution that the first finer layer gets its features from."""
        node = finer
        while node.operator != "Conv":
            node = self._makers.get(node.inputs[0], Node("", (), ()))
            if node.operator not in ("Conv", "LeakyRelu", "Add"):
                raise _OtherwiseError
        return node

    def _noisy(self) -> str:
        """Return the value in which the noise of the frames was added."""
        noise = [node for node in self._network.nodes if node.operator == "RandomNormalLike"]
        if not noise:
            raise _OtherwiseError
        name = noise[-1].outputs[0]
        while True:
            users = [node for node in self._network.nodes if name in node.inputs]
            if len(users) != 1 or users[0].operator not in ("Mul", "Add"):
                raise _OtherwiseError
            name = users[0].outputs[0]
            if users[0].operator == "Add":
                return name

    def _behind(self, name: str) -> list[Node]:
        """Return all nodes that depend on a value."""
        names = {name}
        found: list[Node] = []
        for node in self._network.nodes:
            if not names.isdisjoint(node.inputs):
                found.append(node)
                names.update(node.outputs)
        return found

    def _asked(self, nodes: Sequence[Node]) -> list[str]:
        """Return the values that nodes need from others."""
        own = {name for node in nodes for name in node.outputs}
        return [
            name
            for name in dict.fromkeys(name for node in nodes for name in node.inputs if name)
            if name not in own and name not in self._network.weights and not self._constant(name)
        ]

    def _constant(self, name: str) -> bool:
        return name in self._makers and self._makers[name].operator == "Constant"

    def _part(
        self, nodes: Iterable[Node], inputs: Iterable[str], outputs: Iterable[str]
    ) -> Network:
        kept = list(nodes)
        used = {name for node in kept for name in node.inputs}
        constants = [
            node
            for node in self._network.nodes
            if node.operator == "Constant" and not used.isdisjoint(node.outputs)
        ]
        known = {**self._network.inputs, **self._network.outputs}
        return replace(
            self._network,
            nodes=(*constants, *kept),
            weights={
                name: weight for name, weight in self._network.weights.items() if name in used
            },
            inputs={name: known.get(name, value(name)) for name in inputs},
            outputs={name: known.get(name, value(name)) for name in outputs},
        )

    def _stretch(
        self, nodes: Sequence[Node], given: str, result: str, cuts: Sequence[tuple[str, Node]]
    ) -> Stretch:
        """Return a part that may be asked for stretches, trimmed before each node of `cuts`."""
        margins = _margins(nodes)
        factors = _factors(nodes, given)
        trims: list[Trim] = []
        slices: dict[int, tuple[Trim, str]] = {}
        for name, node in cuts:
            if [user for user in nodes if name in user.inputs] != [node]:
                raise _OtherwiseError
            first, last = (f"wyoming_servers.{end}.{len(trims)}" for end in ("first", "last"))
            trims.append(Trim(first, last, margins[name], factors[name]))
            slices[id(node)] = (trims[-1], f"wyoming_servers.trimmed.{len(trims)}")
        written: list[Node] = []
        for node in nodes:
            if id(node) not in slices:
                written.append(node)
                continue
            trim, trimmed = slices[id(node)]
            cut = (node.inputs[0], trim.first, trim.last, _AXES)
            written.append(Node("Slice", cut, (trimmed,)))
            written.append(replace(node, inputs=(trimmed, *node.inputs[1:])))
        part = self._part(written, self._asked(nodes), [result])
        ends = {name: value(name, INT64) for trim in trims for name in (trim.first, trim.last)}
        part = replace(
            part,
            inputs={**part.inputs, **ends},
            weights={**part.weights, _AXES: integers(_AXES, (_TIME,))},
        )
        return Stretch(part, given, margins[given], tuple(trims), factors[result])


def _margins(nodes: Sequence[Node]) -> Mapping[str, int]:
    """Return how many neighbours each value must have on either side, for the last to be right."""
    margins: dict[str, int] = {}
    for node in reversed(nodes):
        needed = max((margins.get(name, 0) for name in node.outputs), default=0)
        if node.operator == "Conv":
            needed += _reach(node)
        elif node.operator == "ConvTranspose":
            needed = _reach_back(node, needed)
        elif node.operator not in _PLAIN:
            raise _OtherwiseError
        for name in node.inputs:
            margins[name] = max(margins.get(name, 0), needed)
    return margins


def _reach(node: Node) -> int:
    """Return how far a convolution looks."""
    width = node.numbers("kernel_shape")
    pads = node.numbers("pads") or (0, 0)
    (dilation,) = node.numbers("dilations") or (1,)
    if width is None or len(width) != 1 or (node.numbers("strides") or (1,)) != (1,):
        raise _OtherwiseError
    # A convolution that changes the length would shift all that follows.
    if sum(pads) != (width[0] - 1) * dilation:
        raise _OtherwiseError
    return max(pads)


def _reach_back(node: Node, needed: int) -> int:
    """Return how many neighbours a finer layer needs for so many of its own."""
    width, stride = node.numbers("kernel_shape"), node.numbers("strides")
    pads = node.numbers("pads") or (0, 0)
    if width is None or stride is None or len(width) != 1:
        raise _OtherwiseError
    if width[0] - stride[0] != sum(pads) or node.numbers("output_padding") not in (None, (0,)):
        raise _OtherwiseError
    return math.ceil((needed + width[0] - 1) / stride[0])


def _factors(nodes: Sequence[Node], given: str) -> Mapping[str, int]:
    """Return how many points of each value come from one of the given."""
    factors = {given: 1}
    for node in nodes:
        factor = max((factors.get(name, 1) for name in node.inputs), default=1)
        if node.operator == "ConvTranspose":
            (stride,) = node.numbers("strides") or (1,)
            factor *= stride
        for name in node.outputs:
            factors[name] = factor
    return factors
