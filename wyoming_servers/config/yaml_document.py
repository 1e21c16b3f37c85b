"""YAML documents with the line of every key, and with every duplicate key as a problem."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from wyoming_servers.config.errors import ConfigProblem

_MAX_DEPTH: Final = 16
"""Maximum nesting; an alias to its own parent would be endless otherwise."""

_MAX_NODES: Final = 20_000
"""Maximum of values, each alias counted like what it stands for: aliases of aliases could make a
few lines a document of any size."""


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A value in a document with its location."""

    value: Any
    """The parsed value; None for a mapping."""
    text: str | None = None
    """The text of a scalar, without quotes."""
    children: "Mapping[str, YamlNode] | None" = None
    """The entries of a mapping; None for any other value."""
    where: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether the document or the value is empty."""
        return self.children is None and self.value is None


@dataclass(slots=True)
class _YamlReader:
    where: str
    problems: list[ConfigProblem] = field(default_factory=list)
    loader: Any = None
    nodes: int = 0

    def read(self, text: str) -> YamlNode:
        self.loader = yaml.SafeLoader(text)
        try:
            root = self.loader.get_single_node()
            return YamlNode(None) if root is None else self.build(root, (), 0)
        finally:
            self.loader.dispose()

    def build(self, node: yaml.Node, path: tuple[str, ...], depth: int) -> YamlNode:
        where = self.place(node.start_mark)
        if depth > _MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deep", problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return YamlNode(None, children=self.entries(node, path, depth), where=where)
        self.count(node, 0)
        try:
            value = self.loader.construct_object(node, deep=True)
        except ValueError as err:  # such as the date 2026-02-30, or a number of 5,000 digits
            raise yaml.MarkedYAMLError(problem=str(err), problem_mark=node.start_mark) from err
        return YamlNode(
            value, node.value if isinstance(node, yaml.ScalarNode) else None, where=where
        )

    def count(self, node: yaml.Node, depth: int) -> None:
        """Count a value and what is in it. Raises MarkedYAMLError if it is too large or deep."""
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise yaml.MarkedYAMLError(problem="too many values", problem_mark=node.start_mark)
        if depth > _MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deep", problem_mark=node.start_mark)
        if isinstance(node, yaml.CollectionNode):
            for item in node.value:
                for part in item if isinstance(item, tuple) else (item,):
                    self.count(part, depth + 1)

    def entries(
        self, mapping: yaml.MappingNode, path: tuple[str, ...], depth: int
    ) -> dict[str, YamlNode]:
        found: dict[str, YamlNode] = {}
        self.nodes += len(mapping.value)
        for key, value in mapping.value:
            # The text instead of the parsed value: a model named `1` or `on` is still a name.
            name = str(key.value)
            inner = (*path, name)
            if name in found:
                message = f"is set twice; first at {found[name].where}."
                self.problems.append(
                    ConfigProblem(".".join(inner), message, where=self.place(key.start_mark))
                )
                continue
            child = self.build(value, inner, depth + 1)
            found[name] = YamlNode(
                child.value, child.text, child.children, self.place(key.start_mark)
            )
        return found

    def place(self, mark: yaml.Mark) -> str:
        return f"{self.where}, line {mark.line + 1}" if self.where else ""


def parse_yaml(text: str, where: str) -> tuple[YamlNode, list[ConfigProblem]]:
    """Parse the content of the file `where`; an empty text gives an empty node."""
    reader = _YamlReader(where)
    try:
        return reader.read(text), reader.problems
    except yaml.MarkedYAMLError as err:
        return YamlNode(None), [ConfigProblem("", *_describe_yaml_error(err, where))]
    except RecursionError:
        return YamlNode(None), [ConfigProblem("", "The YAML is nested too deep.", where=where)]
    except yaml.YAMLError as err:
        return YamlNode(None), [ConfigProblem("", f"The YAML is not valid: {err}.", where=where)]


def parse_yaml_value(text: str, where: str) -> tuple[YamlNode, list[ConfigProblem]]:
    """Parse a single value such as a command line argument; `where` describes the argument."""
    node, problems = parse_yaml(text, "")
    return (
        YamlNode(node.value, node.text, node.children, where),
        [ConfigProblem(problem.path, problem.message, where=where) for problem in problems],
    )


def _describe_yaml_error(err: yaml.MarkedYAMLError, where: str) -> tuple[str, str, str]:
    mark = err.problem_mark or err.context_mark
    problem = " ".join(part for part in (err.context, err.problem) if part)
    if mark is None:
        return f"The YAML is not valid: {problem}.", "", where
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"The YAML is not valid: {problem} ({place}).", "", f"{where}, {place}" if where else ""
