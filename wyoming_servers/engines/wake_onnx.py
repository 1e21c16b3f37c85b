"""Writes networks as ONNX models, so that onnxruntime can run them.

ONNX is a protobuf format of which a network needs a dozen fields; writing those here spares the
`onnx` package. Field numbers are those of onnx.proto3, checked by onnxruntime when it loads.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.engines.protobuf import encode_bytes, encode_float, encode_integer

IR_VERSION: Final = 8
OPSET: Final = 17

_ELEMENT_TYPES: Final = {"float32": 1, "int64": 7, "bool": 9}


class OnnxGraphBuilder:
    """A network being written; values are called by name."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        """Declare a float32 input; a text is a dimension that may be any size."""
        self._inputs.append(_encode_value_info(name, shape))
        return name

    def output(self, name: str, value: str, shape: Sequence[int | str]) -> None:
        """Declare a float32 output."""
        self._nodes.append(_encode_node("Identity", [value], [name], {}))
        self._outputs.append(_encode_value_info(name, shape))

    def constant(self, value: NDArray[Any]) -> str:
        """Add a weight; return its name."""
        name = self._name("w")
        array = np.ascontiguousarray(value)
        self._constants.append(
            b"".join(encode_integer(1, size) for size in array.shape)
            + encode_integer(2, _ELEMENT_TYPES[array.dtype.name])
            + _encode_text(8, name)
            + encode_bytes(9, array.tobytes())
        )
        return name

    def floats(self, *values: float) -> str:
        """Add a row of float32 numbers; return its name."""
        return self.constant(np.array(values, np.float32))

    def integers(self, *values: int) -> str:
        """Add a row of numbers that are no data: sizes, axes, positions; return its name."""
        return self.constant(np.array(values, np.int64))

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a computation with one output; return that."""
        return self.nodes(op, 1, *inputs, **attributes)[0]

    def nodes(self, op: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a computation with several outputs; return them."""
        names = [self._name("v") for _ in range(outputs)]
        self._nodes.append(_encode_node(op, inputs, names, attributes))
        return names

    def to_bytes(self) -> bytes:
        """Return the whole model."""
        graph = b"".join(
            [
                *(encode_bytes(1, node) for node in self._nodes),
                _encode_text(2, "wake"),
                *(encode_bytes(5, constant) for constant in self._constants),
                *(encode_bytes(11, value) for value in self._inputs),
                *(encode_bytes(12, value) for value in self._outputs),
            ]
        )
        opset = _encode_text(1, "") + encode_integer(2, OPSET)
        return encode_integer(1, IR_VERSION) + encode_bytes(7, graph) + encode_bytes(8, opset)

    def _name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"


def _encode_node(op: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Any) -> bytes:
    return b"".join(
        [
            *(_encode_text(1, name) for name in inputs),
            *(_encode_text(2, name) for name in outputs),
            _encode_text(4, op),
            *(encode_bytes(5, _encode_attribute(name, value)) for name, value in attributes.items()),
        ]
    )


def _encode_attribute(name: str, value: float | Sequence[int]) -> bytes:
    if isinstance(value, float):
        body = encode_float(2, value) + encode_integer(20, 1)
    elif isinstance(value, int):
        body = encode_integer(3, value) + encode_integer(20, 2)
    else:
        body = b"".join(encode_integer(8, number) for number in value) + encode_integer(20, 7)
    return _encode_text(1, name) + body


def _encode_value_info(name: str, shape: Sequence[int | str]) -> bytes:
    dimensions = b"".join(
        encode_bytes(1, _encode_text(2, size) if isinstance(size, str) else encode_integer(1, size))
        for size in shape
    )
    tensor = encode_integer(1, _ELEMENT_TYPES["float32"]) + encode_bytes(2, dimensions)
    return _encode_text(1, name) + encode_bytes(2, encode_bytes(1, tensor))


def _encode_text(field: int, value: str) -> bytes:
    return encode_bytes(field, value.encode())
