"""The schema as a tree of keys: for error messages, dotted paths, and the generated reference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from wyoming_servers.config.schema import Applies, Config, Section
from wyoming_servers.config.units import parse_duration, parse_keep_alive, parse_size

ConfigPath: TypeAlias = tuple[str, ...]
"""Names from the root to a key; a model id is one: `("models", "whisper/tiny.en", "pinned")`."""

WILDCARD: Final = "*"
"""Stands for a name that the user chooses, such as a model id or the name of an option."""

_SCALARS: Final = frozenset({int, float, str, bool})
_UNITS: Final[Mapping[Any, str]] = {
    parse_duration: "duration",
    parse_keep_alive: "keep_alive",
    parse_size: "size",
}


def dotted_path(path: ConfigPath) -> str:
    """Return the path as one text, such as `asr.port`."""
    return ".".join(path)


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A key with a value."""

    kind: str
    """text, path, integer, number, duration, keep_alive, size, boolean, choice, list, scalar or
    preload."""
    default: Any
    description: str
    choices: tuple[str, ...] = ()
    """All allowed values of a choice, or examples of a text."""
    minimum: float | None = None
    maximum: float | None = None
    exclusive_bounds: bool = False
    """Whether the minimum and the maximum themselves are excluded."""
    nullable: bool = False
    applies: Applies = Applies.LIVE
    admin: bool = False
    """Whether it protects the server, so that changing it over the API needs scope `admin`."""

    @property
    def is_text(self) -> bool:
        """Whether a word is used as written, so that `no` is Norwegian and not false."""
        return self.kind in ("text", "path")

    @property
    def is_numeric(self) -> bool:
        return self.kind in ("integer", "number", "duration", "size")

    @property
    def constraint(self) -> str:
        """The allowed values, as the end of a sentence that begins with `It must be`."""
        return self.short_constraint + _HINTS.get(self.kind, "")

    @property
    def short_constraint(self) -> str:
        """The same without examples of units."""
        if self.kind == "choice":
            return "one of " + ", ".join(f"`{choice}`" for choice in self.choices)
        if self.kind == "text" and self.choices:
            return "text such as " + ", ".join(f"`{choice}`" for choice in self.choices)
        return _NOUNS[self.kind] + self._range()

    def _range(self) -> str:
        low, high = self.minimum, self.maximum
        if self.exclusive_bounds:
            return f" above {low:g} and below {high:g}"
        if low is not None and high is not None:
            return f" from {low:.10g} to {high:.10g}"
        return f", {low:.10g} or more" if low is not None else ""


@dataclass(frozen=True, slots=True)
class ConfigGroup:
    """A key with other keys below it."""

    title: str
    children: Mapping[str, "ConfigKey | ConfigGroup"]
    entry: "ConfigKey | ConfigGroup | None" = None
    """Node of each entry whose name the user chooses; None if there are no such entries."""
    example_name: str = ""
    """Example of such a name."""
    example_value: Any = None
    """Example of its value, if entries are values."""

    def walk(self, path: ConfigPath = ()) -> Iterator[tuple[ConfigPath, ConfigKey]]:
        """Yield every key with its path in the order of the schema; chosen names as WILDCARD."""
        nodes = dict(self.children)
        if self.entry is not None:
            nodes[WILDCARD] = self.entry
        for name, node in nodes.items():
            if isinstance(node, ConfigGroup):
                yield from node.walk((*path, name))
            else:
                yield (*path, name), node


_NOUNS: Final = {
    "text": "text",
    "path": "a path",
    "integer": "a whole number",
    "number": "a number",
    "duration": "seconds",
    "keep_alive": "`auto` or seconds",
    "size": "bytes",
    "boolean": "true or false",
    "list": "a list such as `[one, two]`",
    "scalar": "a text, a number, true or false",
    "preload": "true, false, or a list such as `[one, two]`",
}
_HINTS: Final = {
    "duration": ", also with a unit such as `500ms`, `30s`, `5m` or `1h`",
    "keep_alive": ", also with a unit such as `5m` or `1h`",
    "size": ", also with a unit such as `512MiB` or `2GiB`",
}


@cache
def key_tree() -> ConfigGroup:
    """Return the root of the tree."""
    return _build_group(Config)


def find_node(path: ConfigPath) -> ConfigKey | ConfigGroup | None:
    """Return the node of a path, or None if the schema has no such path."""
    node: ConfigKey | ConfigGroup | None = key_tree()
    for name in path:
        node = node.children.get(name, node.entry) if isinstance(node, ConfigGroup) else None
    return node


@cache
def section_maps() -> tuple[ConfigPath, ...]:
    """Return the paths whose entries are sections with chosen names, such as `("models",)`."""
    return tuple(path for path in _map_paths() if _holds_sections(path))


@cache
def value_maps() -> tuple[ConfigPath, ...]:
    """Return the paths whose entries are values with chosen names: `("asr", "extra_ports")`."""
    return tuple(path for path in _map_paths() if not _holds_sections(path))


def _map_paths() -> list[ConfigPath]:
    return sorted(
        {path[: path.index(WILDCARD)] for path, _ in key_tree().walk() if WILDCARD in path}
    )


def _holds_sections(path: ConfigPath) -> bool:
    group = find_node(path)
    return isinstance(group, ConfigGroup) and isinstance(group.entry, ConfigGroup)


def find_key(path: ConfigPath) -> ConfigKey:
    """Return the key of a path. Raises LookupError if there is none."""
    node = find_node(path)
    if isinstance(node, ConfigKey):
        return node
    raise LookupError(dotted_path(path))


def _build_group(section: type[Section]) -> ConfigGroup:
    title = (section.__doc__ or "").strip()
    return ConfigGroup(
        title, {name: _build_node(info) for name, info in section.model_fields.items()}
    )


def _build_node(info: FieldInfo) -> ConfigKey | ConfigGroup:
    annotation = info.annotation
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return _build_group(annotation)
    if get_origin(annotation) is dict:
        return _build_map(info, get_args(annotation)[1])
    return _build_key(info)


def _build_map(info: FieldInfo, values: Any) -> ConfigGroup:
    """Return the group of a mapping with chosen names: sections, or values of one type."""
    title = info.description or ""
    example: Any = next(iter(info.examples or ()), "")
    if isinstance(values, type) and issubclass(values, Section):
        return ConfigGroup(title, {}, _build_group(values), str(example))
    name, sample = next(iter(example.items()))
    each = replace(
        _build_key(FieldInfo.from_annotation(values)),
        default=None,
        description=title,
        applies=_applies(info),
    )
    return ConfigGroup(title, {}, each, str(name), sample)


def _build_key(info: FieldInfo) -> ConfigKey:
    annotation, metadata = info.annotation, list(info.metadata)
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
    nullable = NoneType in parts
    rest = [part for part in parts if part is not NoneType]
    if nullable and len(rest) == 1:
        annotation = rest[0]
        # An Annotated inside a union keeps its own metadata, which FieldInfo does not show.
        metadata += getattr(annotation, "__metadata__", ())
        annotation = getattr(annotation, "__origin__", annotation)
    kind, choices = _kind(annotation, metadata)
    low = next(
        (m.ge if isinstance(m, Ge) else m.gt for m in metadata if isinstance(m, Ge | Gt)), None
    )
    high = next(
        (m.le if isinstance(m, Le) else m.lt for m in metadata if isinstance(m, Le | Lt)), None
    )
    return ConfigKey(
        kind=kind,
        default=info.get_default(call_default_factory=True, validated_data={}),
        description=info.description or "",
        choices=choices or tuple(str(example) for example in info.examples or ()),
        minimum=_number(low),
        maximum=_number(high),
        exclusive_bounds=any(isinstance(m, Gt | Lt) for m in metadata),
        nullable=nullable,
        applies=_applies(info),
        admin=bool(_extra(info).get("admin")),
    )


def _applies(info: FieldInfo) -> Applies:
    return Applies(str(_extra(info).get("applies", Applies.LIVE)))


def _extra(info: FieldInfo) -> Mapping[str, Any]:
    extra = info.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _kind(annotation: Any, metadata: list[Any]) -> tuple[str, tuple[str, ...]]:
    for item in metadata:
        if isinstance(item, BeforeValidator):
            return _UNITS[item.func], ()
    if get_origin(annotation) is Literal:
        return "choice", tuple(get_args(annotation))
    if get_origin(annotation) is list:
        return "list", ()
    if get_origin(annotation) in (Union, UnionType):
        return ("scalar" if set(get_args(annotation)) <= _SCALARS else "preload"), ()
    kinds = {str: "text", Path: "path", int: "integer", float: "number", bool: "boolean"}
    return kinds[annotation], ()


def _number(bound: Any) -> float | None:
    return None if bound is None else float(bound)
