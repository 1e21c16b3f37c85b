"""Reads TensorFlow Lite files: graphs with their tensors, operators and weights.

A .tflite file is a FlatBuffer: tables that refer to their fields by offsets. Field numbers are
those of TensorFlow Lite's schema, version 3. Quantized weights are not supported.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

OPERATOR_NAMES: Final[Mapping[int, str]] = {
    0: "ADD",
    3: "CONV_2D",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    22: "RESHAPE",
    28: "TANH",
    34: "PAD",
    39: "TRANSPOSE",
    40: "MEAN",
    41: "SUB",
    42: "DIV",
    43: "SQUEEZE",
    55: "MAXIMUM",
    57: "MINIMUM",
    61: "GREATER",
    62: "GREATER_EQUAL",
    70: "EXPAND_DIMS",
    73: "LOG",
    75: "SQRT",
    76: "RSQRT",
    82: "REDUCE_MAX",
    98: "LEAKY_RELU",
    99: "SQUARED_DIFFERENCE",
    118: "IF",
    126: "BATCH_MATMUL",
}
"""Operators of wake word networks by their code; others are named by their number."""

_DTYPES: Final[Mapping[int, str]] = {
    0: "<f4",
    2: "<i4",
    3: "<u1",
    4: "<i8",
    6: "?",
    9: "<i1",
}
FLOAT: Final = 0
"""Type of tensors with 32-bit floats."""
BOOL: Final = 6
INTEGERS: Final = (2, 4)
"""Types of tensors with axes, shapes and other parameters; quantized tensors have other types."""


class TfliteError(ValueError):
    """Raised when a file cannot be read, or a graph is not supported."""


class _ReadBudget:
    """Bounds what is read from a file: offsets may refer to the same bytes again and again."""

    def __init__(self, size: int) -> None:
        self._remaining = 4 * size

    def spend(self, size: int) -> None:
        """Count bytes that are read. Raises TfliteError if they are far more than the file has."""
        self._remaining -= size
        if self._remaining < 0:
            raise TfliteError("its parts overlap")


class FlatBufferTable:
    """A FlatBuffer table. Fields have numbers; an absent field has its default."""

    def __init__(self, data: bytes, at: int, budget: _ReadBudget) -> None:
        self._data = data
        self._at = at
        self._budget = budget
        self._vtable = at - self._unpack("<i", at)
        self._fields = (self._unpack("<H", self._vtable) - 4) // 2

    def number(self, field: int, code: str, default: float = 0) -> Any:
        """Return a scalar; `code` is a format of `struct` (`i`, `I`, `b`, `f`)."""
        at = self._field(field)
        return self._unpack("<" + code, at) if at else default

    def table(self, field: int) -> "FlatBufferTable | None":
        """Return a table; None if it is absent."""
        at = self._field(field)
        return FlatBufferTable(self._data, self._follow(at), self._budget) if at else None

    def tables(self, field: int) -> list["FlatBufferTable"]:
        """Return a vector of tables."""
        start, count = self._vector(field)
        self._budget.spend(4 * count)
        return [
            FlatBufferTable(self._data, self._follow(start + 4 * i), self._budget)
            for i in range(count)
        ]

    def array(self, field: int, dtype: str) -> NDArray[Any]:
        """Return a vector of scalars, without copying."""
        start, count = self._vector(field)
        self._budget.spend(np.dtype(dtype).itemsize * count)
        return np.frombuffer(self._data, dtype, count, start)

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._field(field)
        if not at:
            return 0, 0
        start = self._follow(at)
        return start + 4, self._unpack("<I", start)

    def _field(self, field: int) -> int:
        """Return the position of a field's value; 0 if it is absent."""
        if field >= self._fields:
            return 0
        offset: int = self._unpack("<H", self._vtable + 4 + 2 * field)
        return self._at + offset if offset else 0

    def _follow(self, at: int) -> int:
        return at + int(self._unpack("<I", at))

    def _unpack(self, code: str, at: int) -> Any:
        if at < 0:  # `struct` counts negative positions from the end
            raise TfliteError("The file is damaged.")
        return struct.unpack_from(code, self._data, at)[0]


@dataclass(frozen=True, slots=True)
class TfliteTensor:
    """A value of a graph."""

    shape: tuple[int, ...]
    type: int
    """Number in the schema's enumeration TensorType."""
    constant: NDArray[Any] | None
    """The value of a weight; None for a computed tensor."""


@dataclass(frozen=True, slots=True)
class TfliteOperator:
    """One operation."""

    kind: str
    inputs: tuple[int, ...]
    """Numbers of tensors; -1 for an omitted input."""
    outputs: tuple[int, ...]
    options: FlatBufferTable | None

    def option(self, field: int, code: str) -> Any:
        """Return a scalar option by its number in the schema."""
        return self.options.number(field, code) if self.options else 0


@dataclass(frozen=True, slots=True)
class TfliteGraph:
    """A subgraph, with its operators in the order of computation."""

    tensors: Sequence[TfliteTensor]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: Sequence[TfliteOperator]

    def constant(self, number: int) -> NDArray[Any]:
        """Return a weight by the number of its tensor. Raises TfliteError for a computed tensor."""
        value = self.tensors[number].constant
        if value is None:
            raise TfliteError(f"Tensor {number} is computed, not constant.")
        return value


def read_tflite(path: Path) -> list[TfliteGraph]:
    """Return a file's subgraphs, the main one first. Raises TfliteError and OSError."""
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise TfliteError("It is not a TensorFlow Lite file.")
    try:
        budget = _ReadBudget(len(data))
        model = FlatBufferTable(data, struct.unpack_from("<I", data)[0], budget)
        # Codes above 127 do not fit into field 0, where older files have the code.
        codes = [code.number(3, "i") or code.number(0, "b") for code in model.tables(1)]
        kinds = [OPERATOR_NAMES.get(code, str(code)) for code in codes]
        weights = [buffer.array(0, "u1") for buffer in model.tables(4)]
        return [_parse_graph(table, kinds, weights, budget) for table in model.tables(2)]
    except (struct.error, IndexError, ValueError) as err:
        raise TfliteError(f"The file is damaged ({err}).") from err


def _parse_graph(
    table: FlatBufferTable, kinds: list[str], weights: list[NDArray[Any]], budget: _ReadBudget
) -> TfliteGraph:
    return TfliteGraph(
        tensors=[_parse_tensor(tensor, weights, budget) for tensor in table.tables(0)],
        inputs=_int32_vector(table, 1),
        outputs=_int32_vector(table, 2),
        operators=[
            TfliteOperator(
                kinds[operator.number(0, "I")],
                _int32_vector(operator, 1),
                _int32_vector(operator, 2),
                operator.table(4),
            )
            for operator in table.tables(3)
        ],
    )


def _parse_tensor(
    table: FlatBufferTable, weights: list[NDArray[Any]], budget: _ReadBudget
) -> TfliteTensor:
    shape = _int32_vector(table, 0)
    raw = weights[table.number(2, "I")]
    kind = table.number(1, "b")
    if not raw.size:
        return TfliteTensor(shape, kind, None)
    dtype = _DTYPES.get(kind)
    if dtype is None:
        raise TfliteError(f"It has numbers of the unknown type {kind}.")
    budget.spend(raw.size)
    return TfliteTensor(shape, kind, np.frombuffer(raw.tobytes(), dtype).reshape(shape))


def _int32_vector(table: FlatBufferTable, field: int) -> tuple[int, ...]:
    return tuple(table.array(field, "<i4").tolist())
