"""YAML with the place of every key, and with all its faults instead of the first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from wyoming_servers.config.faults import Fault

_DEPTH: Final = 16
"""Levels that are followed; an alias to its own parent would never end otherwise."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a document, and where it stands."""

    value: Any
    """What YAML makes of it; None for a mapping."""
    text: str | None = None
    """The scalar as it is written, without quotes."""
    children: "Mapping[str, Node] | None" = None
    """The entries, if it is a mapping."""
    where: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        return self.children is None and self.value is None


@dataclass(slots=True)
class _Reader:
    where: str
    faults: list[Fault] = field(default_factory=list)
    loader: Any = None

    def read(self, text: str) -> Node:
        self.loader = yaml.SafeLoader(text)
        try:
            root = self.loader.get_single_node()
            return Node(None) if root is None else self.build(root, (), 0)
        finally:
            self.loader.dispose()

    def build(self, node: yaml.Node, path: tuple[str, ...], depth: int) -> Node:
        where = self.place(node.start_mark)
        if depth > _DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deep", problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return Node(None, children=self.entries(node, path, depth), where=where)
        value = self.loader.construct_object(node, deep=True)
        return Node(value, node.value if isinstance(node, yaml.ScalarNode) else None, where=where)

    def entries(
        self, mapping: yaml.MappingNode, path: tuple[str, ...], depth: int
    ) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for key, value in mapping.value:
            # The text, not what YAML makes of it: a model named `1` or `on` is still a name.
            name = str(key.value)
            inner = (*path, name)
            if name in found:
                message = f"is written twice; first at {found[name].where}."
                self.faults.append(
                    Fault(".".join(inner), message, where=self.place(key.start_mark))
                )
                continue
            child = self.build(value, inner, depth + 1)
            found[name] = Node(child.value, child.text, child.children, self.place(key.start_mark))
        return found

    def place(self, mark: yaml.Mark) -> str:
        return f"{self.where}, line {mark.line + 1}" if self.where else ""


def read_document(text: str, where: str) -> tuple[Node, list[Fault]]:
    """Read a YAML text that comes from the file `where`; an empty text is an empty node."""
    reader = _Reader(where)
    try:
        return reader.read(text), reader.faults
    except yaml.MarkedYAMLError as err:
        return Node(None), [Fault("", *_explain(err, where))]
    except yaml.YAMLError as err:
        return Node(None), [Fault("", f"This is not YAML: {err}.", where=where)]


def read_value(text: str, where: str) -> tuple[Node, list[Fault]]:
    """Read a single value, as on the command line; `where` is the argument itself."""
    node, faults = read_document(text, "")
    return (
        Node(node.value, node.text, node.children, where),
        [Fault(fault.path, fault.message, where=where) for fault in faults],
    )


def _explain(err: yaml.MarkedYAMLError, where: str) -> tuple[str, str, str]:
    mark = err.problem_mark or err.context_mark
    problem = " ".join(part for part in (err.context, err.problem) if part)
    if mark is None:
        return f"This is not YAML: {problem}.", "", where
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"This is not YAML: {problem} ({place}).", "", f"{where}, {place}" if where else ""
