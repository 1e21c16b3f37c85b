"""Turns a document, the environment and `--set` into values by path, naming what fits nowhere."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from wyoming_servers.config.document import YamlNode, parse_yaml_value
from wyoming_servers.config.faults import ConfigProblem
from wyoming_servers.config.suggest import nearest_match
from wyoming_servers.config.tree import (
    WILDCARD,
    ConfigGroup,
    ConfigPath,
    ConfigKey,
    dotted_path,
    find_node,
    section_maps,
    key_tree,
    value_maps,
)


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value somebody wrote, not yet checked against its key."""

    value: Any
    where: str
    source: str
    """file, overrides, environment or command line."""


ConfigLayer: TypeAlias = dict[ConfigPath, SourcedValue]
"""What one source sets."""


def collect_document(root: YamlNode, source: str, faults: list[ConfigProblem]) -> ConfigLayer:
    """Return what a whole document sets; an empty one sets nothing."""
    layer: ConfigLayer = {}
    if root.children is None and not root.is_empty:
        message = "The file must hold sections such as `asr:` with keys under them"
        faults.append(ConfigProblem("", f"{message}, not {_describe_shape(root)}.", where=root.where))
        return layer
    _collect_section(layer, root, key_tree(), (), source, faults)
    return layer


def collect_assignments(texts: Iterable[str], source: str, faults: list[ConfigProblem]) -> ConfigLayer:
    """Return what `path=value` texts set; the last one about a path wins."""
    layer: ConfigLayer = {}
    for text in texts:
        name, equals, value = text.partition("=")
        where = f"--set {text}"
        if not equals:
            faults.append(ConfigProblem(name, "has no value: write `path=value`.", where=where))
            continue
        layer |= parse_assignment(parse_path(name.strip()), value.strip(), where, source, faults)
    return layer


def parse_assignment(path: ConfigPath, text: str, where: str, source: str, faults: list[ConfigProblem]) -> ConfigLayer:
    """Return what a single text means at a path: as it is where text is due, else as YAML."""
    layer: ConfigLayer = {}
    key = find_node(path)
    quoted = text[:1] in ("'", '"') and text[-1:] == text[:1]
    if isinstance(key, ConfigKey) and key.is_text and not quoted:
        node = YamlNode(text, text, where=where)
    else:
        node, unreadable = parse_yaml_value(text, where)
        if unreadable:
            faults += [ConfigProblem(dotted_path(path), fault.message, where=where) for fault in unreadable]
            return layer
    for name in reversed(path):
        node = YamlNode(None, children={name: node}, where=where)
    _collect_section(layer, node, key_tree(), (), source, faults)
    return layer


def parse_path(text: str) -> ConfigPath:
    """Split a dotted path; a model's id and a word's name may hold dots themselves.

    Under `models.` and `wake.words.` the longest end that names settings is taken as such and the
    rest is the name: `models.whisper/tiny.en.pinned` is (models, whisper/tiny.en, pinned). Under
    `asr.extra_ports.` all the rest is the name. An unknown path is split at its dots, so that its
    fault can be named.
    """
    for section in value_maps():
        if text.startswith(start := f"{dotted_path(section)}."):
            return (*section, text.removeprefix(start))
    for section in section_maps():
        start = f"{dotted_path(section)}."
        branch = find_node((*section, WILDCARD))
        if not text.startswith(start) or not isinstance(branch, ConfigGroup):
            continue
        rest = text.removeprefix(start)
        for end in sorted(_key_suffixes(branch), key=len, reverse=True):
            name, found, last = _split_suffix(rest, end)
            if found:
                return (*section, name, *end[:-1], last)
        return (*section, rest)
    return tuple(text.split("."))


def _key_suffixes(branch: ConfigGroup) -> Iterator[ConfigPath]:
    for name, node in branch.children.items():
        yield (name,)
        if isinstance(node, ConfigGroup):
            yield (name, WILDCARD)


def _split_suffix(text: str, end: ConfigPath) -> tuple[str, bool, str]:
    """Cut `end` off `text`; ANY stands for one name without a dot."""
    head, dot, last = text.rpartition(".")
    if not dot or (end[-1] not in (last, WILDCARD)):
        return "", False, ""
    for name in reversed(end[:-1]):
        head, dot, found = head.rpartition(".")
        if not dot or found != name:
            return "", False, ""
    return head, bool(head), last


def _collect_section(
    layer: ConfigLayer, node: YamlNode, branch: ConfigGroup, path: ConfigPath, source: str, faults: list[ConfigProblem]
) -> None:
    if node.is_empty:
        return
    if node.children is None:
        faults.append(_not_a_section_problem(node, branch, path))
        return
    for name, child in node.children.items():
        inner = (*path, name)
        target = branch.children.get(name, branch.entry)
        if target is None:
            faults.append(_unknown_key_problem(name, path, branch, child.where))
        elif inner in value_maps() and child.children == {}:
            layer[inner] = SourcedValue({}, child.where, source)
        elif isinstance(target, ConfigGroup):
            _collect_section(layer, child, target, inner, source, faults)
        elif (fault := _shape_problem(child, target, inner)) is not None:
            faults.append(fault)
        else:
            layer[inner] = SourcedValue(_value_for(child, target), child.where, source)


def _value_for(node: YamlNode, key: ConfigKey) -> Any:
    if key.nullable and node.value is None:
        return None
    return node.text if key.is_text and node.text is not None else node.value


def _shape_problem(node: YamlNode, key: ConfigKey, path: ConfigPath) -> ConfigProblem | None:
    if node.children is not None:
        message = f"holds a value, not further keys. It must be {key.constraint}."
        return ConfigProblem(dotted_path(path), message, where=node.where)
    # Quotes around nothing are a value; nothing at all is not.
    if node.value is None and not key.nullable:
        message = f"has no value. It must be {key.constraint}; without the line it is {key.default!r}."
        return ConfigProblem(dotted_path(path), message, where=node.where)
    return None


def _not_a_section_problem(node: YamlNode, branch: ConfigGroup, path: ConfigPath) -> ConfigProblem:
    if not branch.children:
        message = f"must hold names with settings under them, not {_describe_shape(node)}."
        return ConfigProblem(dotted_path(path), message, where=node.where)
    name = path[-1].rpartition(".")[2]
    if "." in path[-1] and path[:-1] and (near := nearest_match(name, branch.children)):
        # `models.whisper/base.pined=1`: the end of the id was meant to be a key.
        meant = dotted_path((*path[:-1], path[-1].removesuffix(name) + near))
        message = f"is not a setting of a model; there are {_list_keys(branch)}."
        return ConfigProblem(dotted_path(path), message, meant, node.where)
    message = f"is a section with {_list_keys(branch)}, not {_describe_shape(node)}."
    return ConfigProblem(dotted_path(path), message, where=node.where)


def _unknown_key_problem(name: str, path: ConfigPath, branch: ConfigGroup, where: str) -> ConfigProblem:
    near = nearest_match(name, branch.children)
    meant = dotted_path((*path, near)) if near else _key_in_other_section(name)
    message = f"is not a key. {'Here' if path else 'At the top'} are {_list_keys(branch)}."
    return ConfigProblem(dotted_path((*path, name)), message, meant, where)


def _key_in_other_section(name: str) -> str:
    """Find the one key of this name in another section."""
    found = [path for path, _ in key_tree().walk() if path[-1] == name and WILDCARD not in path]
    return dotted_path(found[0]) if len(found) == 1 else ""


def _list_keys(branch: ConfigGroup) -> str:
    return ", ".join(f"`{name}`" for name in branch.children)


def _describe_shape(node: YamlNode) -> str:
    return "a list" if isinstance(node.value, list) else f"the value {node.value!r}"


def merge_layers(layers: Iterable[ConfigLayer]) -> ConfigLayer:
    """Lay one over the other, the last on top; `{}` for names with values clears those below."""
    merged: ConfigLayer = {}
    for layer in layers:
        for cleared in [path for path in value_maps() if path in layer]:
            below = [path for path in merged if path[: len(cleared)] == cleared]
            for path in below:
                del merged[path]
        merged |= layer
    return merged


def nest_values(layer: Mapping[ConfigPath, SourcedValue]) -> dict[str, Any]:
    """Return the values as the nested mapping that the schema validates."""
    root: dict[str, Any] = {}
    for path, setting in layer.items():
        section = root
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = {} if path in value_maps() else setting.value
    return root
