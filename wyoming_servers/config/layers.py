"""Turns a document, the environment and `--set` into values by path, naming what fits nowhere."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from wyoming_servers.config.document import Node, read_value
from wyoming_servers.config.faults import Fault
from wyoming_servers.config.suggest import nearest
from wyoming_servers.config.tree import (
    ANY,
    Branch,
    ConfigPath,
    Key,
    dotted,
    find,
    named,
    tree,
    valued,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value somebody wrote, not yet checked against its key."""

    value: Any
    where: str
    source: str
    """file, overrides, environment or command line."""


Layer: TypeAlias = dict[ConfigPath, Setting]
"""What one source sets."""


def collect(root: Node, source: str, faults: list[Fault]) -> Layer:
    """Return what a whole document sets; an empty one sets nothing."""
    layer: Layer = {}
    if root.children is None and not root.is_empty:
        message = "The file must hold sections such as `asr:` with keys under them"
        faults.append(Fault("", f"{message}, not {_shape(root)}.", where=root.where))
        return layer
    _into(layer, root, tree(), (), source, faults)
    return layer


def collect_assignments(texts: Iterable[str], source: str, faults: list[Fault]) -> Layer:
    """Return what `path=value` texts set; the last one about a path wins."""
    layer: Layer = {}
    for text in texts:
        name, equals, value = text.partition("=")
        where = f"--set {text}"
        if not equals:
            faults.append(Fault(name, "has no value: write `path=value`.", where=where))
            continue
        layer |= assign(find_path(name.strip()), value.strip(), where, source, faults)
    return layer


def assign(path: ConfigPath, text: str, where: str, source: str, faults: list[Fault]) -> Layer:
    """Return what a single text means at a path: as it is where text is due, else as YAML."""
    layer: Layer = {}
    key = find(path)
    quoted = text[:1] in ("'", '"') and text[-1:] == text[:1]
    if isinstance(key, Key) and key.is_text and not quoted:
        node = Node(text, text, where=where)
    else:
        node, unreadable = read_value(text, where)
        if unreadable:
            faults += [Fault(dotted(path), fault.message, where=where) for fault in unreadable]
            return layer
    for name in reversed(path):
        node = Node(None, children={name: node}, where=where)
    _into(layer, node, tree(), (), source, faults)
    return layer


def find_path(text: str) -> ConfigPath:
    """Split a dotted path; a model's id and a word's name may hold dots themselves.

    Under `models.` and `wake.words.` the longest end that names settings is taken as such and the
    rest is the name: `models.whisper/tiny.en.pinned` is (models, whisper/tiny.en, pinned). Under
    `asr.extra_ports.` all the rest is the name. An unknown path is split at its dots, so that its
    fault can be named.
    """
    for section in valued():
        if text.startswith(start := f"{dotted(section)}."):
            return (*section, text.removeprefix(start))
    for section in named():
        start = f"{dotted(section)}."
        branch = find((*section, ANY))
        if not text.startswith(start) or not isinstance(branch, Branch):
            continue
        rest = text.removeprefix(start)
        for end in sorted(_ends(branch), key=len, reverse=True):
            name, found, last = _split_end(rest, end)
            if found:
                return (*section, name, *end[:-1], last)
        return (*section, rest)
    return tuple(text.split("."))


def _ends(branch: Branch) -> Iterator[ConfigPath]:
    for name, node in branch.children.items():
        yield (name,)
        if isinstance(node, Branch):
            yield (name, ANY)


def _split_end(text: str, end: ConfigPath) -> tuple[str, bool, str]:
    """Cut `end` off `text`; ANY stands for one name without a dot."""
    head, dot, last = text.rpartition(".")
    if not dot or (end[-1] not in (last, ANY)):
        return "", False, ""
    for name in reversed(end[:-1]):
        head, dot, found = head.rpartition(".")
        if not dot or found != name:
            return "", False, ""
    return head, bool(head), last


def _into(
    layer: Layer, node: Node, branch: Branch, path: ConfigPath, source: str, faults: list[Fault]
) -> None:
    if node.is_empty:
        return
    if node.children is None:
        faults.append(_not_a_section(node, branch, path))
        return
    for name, child in node.children.items():
        inner = (*path, name)
        target = branch.children.get(name, branch.each)
        if target is None:
            faults.append(_unknown(name, path, branch, child.where))
        elif inner in valued() and child.children == {}:
            layer[inner] = Setting({}, child.where, source)
        elif isinstance(target, Branch):
            _into(layer, child, target, inner, source, faults)
        elif (fault := _misfit(child, target, inner)) is not None:
            faults.append(fault)
        else:
            layer[inner] = Setting(_read(child, target), child.where, source)


def _read(node: Node, key: Key) -> Any:
    if key.nullable and node.value is None:
        return None
    return node.text if key.is_text and node.text is not None else node.value


def _misfit(node: Node, key: Key, path: ConfigPath) -> Fault | None:
    if node.children is not None:
        message = f"holds a value, not further keys. It must be {key.allowed}."
        return Fault(dotted(path), message, where=node.where)
    # Quotes around nothing are a value; nothing at all is not.
    if node.value is None and not key.nullable:
        message = f"has no value. It must be {key.allowed}; without the line it is {key.default!r}."
        return Fault(dotted(path), message, where=node.where)
    return None


def _not_a_section(node: Node, branch: Branch, path: ConfigPath) -> Fault:
    if not branch.children:
        message = f"must hold names with settings under them, not {_shape(node)}."
        return Fault(dotted(path), message, where=node.where)
    name = path[-1].rpartition(".")[2]
    if "." in path[-1] and path[:-1] and (near := nearest(name, branch.children)):
        # `models.whisper/base.pined=1`: the end of the id was meant to be a key.
        meant = dotted((*path[:-1], path[-1].removesuffix(name) + near))
        message = f"is not a setting of a model; there are {_names(branch)}."
        return Fault(dotted(path), message, meant, node.where)
    message = f"is a section with {_names(branch)}, not {_shape(node)}."
    return Fault(dotted(path), message, where=node.where)


def _unknown(name: str, path: ConfigPath, branch: Branch, where: str) -> Fault:
    near = nearest(name, branch.children)
    meant = dotted((*path, near)) if near else _elsewhere(name)
    message = f"is not a key. {'Here' if path else 'At the top'} are {_names(branch)}."
    return Fault(dotted((*path, name)), message, meant, where)


def _elsewhere(name: str) -> str:
    """Find the one key of this name in another section."""
    found = [path for path, _ in tree().walk() if path[-1] == name and ANY not in path]
    return dotted(found[0]) if len(found) == 1 else ""


def _names(branch: Branch) -> str:
    return ", ".join(f"`{name}`" for name in branch.children)


def _shape(node: Node) -> str:
    return "a list" if isinstance(node.value, list) else f"the value {node.value!r}"


def merge(layers: Iterable[Layer]) -> Layer:
    """Lay one over the other, the last on top; `{}` for names with values clears those below."""
    merged: Layer = {}
    for layer in layers:
        for cleared in [path for path in valued() if path in layer]:
            below = [path for path in merged if path[: len(cleared)] == cleared]
            for path in below:
                del merged[path]
        merged |= layer
    return merged


def nest(layer: Mapping[ConfigPath, Setting]) -> dict[str, Any]:
    """Return the values as the nested mapping that the schema validates."""
    root: dict[str, Any] = {}
    for path, setting in layer.items():
        section = root
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = {} if path in valued() else setting.value
    return root
