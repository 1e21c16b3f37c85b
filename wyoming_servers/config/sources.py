"""Turns a document, the environment and `--set` into values by path, naming what fits nowhere."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from wyoming_servers.config.errors import ConfigProblem, nearest_match
from wyoming_servers.config.key_tree import (
    WILDCARD,
    ConfigGroup,
    ConfigKey,
    ConfigPath,
    dotted_path,
    find_node,
    key_tree,
    section_maps,
    value_maps,
)
from wyoming_servers.config.schema import RENAMED_KEYS
from wyoming_servers.config.yaml_document import (
    YamlNode,
    parse_yaml_value,
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
        faults.append(
            ConfigProblem("", f"{message}, not {_describe_shape(root)}.", where=root.where)
        )
        return layer
    _collect_section(layer, root, key_tree(), (), source, faults)
    return layer


def collect_assignments(
    texts: Iterable[str], source: str, faults: list[ConfigProblem]
) -> ConfigLayer:
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


def parse_assignment(
    path: ConfigPath, text: str, where: str, source: str, faults: list[ConfigProblem]
) -> ConfigLayer:
    """Return what a single text means at a path: as it is where text is due, else as YAML."""
    layer: ConfigLayer = {}
    key = find_node(path)
    quoted = text[:1] in ("'", '"') and text[-1:] == text[:1]
    if isinstance(key, ConfigKey) and key.is_text and not quoted:
        node = YamlNode(text, text, where=where)
    else:
        node, unreadable = parse_yaml_value(text, where)
        if unreadable:
            faults += [
                ConfigProblem(dotted_path(path), fault.message, where=where) for fault in unreadable
            ]
            return layer
    for name in reversed(path):
        node = YamlNode(None, children={name: node}, where=where)
    _collect_section(layer, node, key_tree(), (), source, faults)
    return layer


def parse_path(text: str) -> ConfigPath:
    """Split a dotted path. Names of models and wake words may contain dots themselves.

    Below `models.` and `wake.word_settings.` the longest suffix that is a key is split off, and the
    rest is the name: `models.whisper/tiny.en.pinned` is (models, whisper/tiny.en, pinned). Below
    `asr.extra_ports.` the whole rest is the name. An unknown path is split at its dots, so that the
    error can name it.
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
    layer: ConfigLayer,
    node: YamlNode,
    branch: ConfigGroup,
    path: ConfigPath,
    source: str,
    faults: list[ConfigProblem],
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
    if node.children is not None and path == ("wake", "words"):
        message = "is a list of wake words; the settings of a word are in `wake.word_settings`."
        return ConfigProblem(dotted_path(path), message, "wake.word_settings", node.where)
    if node.children is not None:
        message = f"holds a value, not further keys. It must be {key.constraint}."
        return ConfigProblem(dotted_path(path), message, where=node.where)
    # Quotes around nothing are a value; nothing at all is not.
    if node.value is None and not key.nullable:
        message = (
            f"has no value. It must be {key.constraint}; without the line it is {key.default!r}."
        )
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


def _unknown_key_problem(
    name: str, path: ConfigPath, branch: ConfigGroup, where: str
) -> ConfigProblem:
    if renamed := RENAMED_KEYS.get((*path, name)):
        new = dotted_path(renamed)
        return ConfigProblem(dotted_path((*path, name)), f"was renamed to `{new}`.", new, where)
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


# Environment variables as settings: `WYOMING_CONDUCTOR_ASR_PORT` is `asr.port`.
#
# Dots and underscores of a path become underscores. A model's settings are written with double
# underscores, `WYOMING_CONDUCTOR_MODELS__WHISPER_TINY_EN__KEEP_ALIVE`, where the id is either as it
# is or in capitals with an underscore for whatever a shell cannot have in a name. A wake word's are
# `WYOMING_CONDUCTOR_WAKE_WORD_SETTINGS__HEY_JARVIS__THRESHOLD`; capitals stand for small letters.
# Names with plain values are written as YAML:
# `WYOMING_CONDUCTOR_ASR_EXTRA_PORTS={whisper/tiny: 1}`.

VARIABLE_PREFIX: Final = "WYOMING_CONDUCTOR_"

VARIABLE_ALIASES: Final[Mapping[str, ConfigPath]] = {"HF_ENDPOINT": ("downloads", "endpoint")}
"""Names that other programs gave to the same thing; ours win over them."""

_UNSAFE_IN_SHELL: Final = re.compile(r"[^A-Z0-9]+")
_MODELS_PREFIX: Final = "MODELS__"
_WAKE_WORDS_PREFIX: Final = "WAKE_WORD_SETTINGS__"


def variable_name(path: ConfigPath) -> str:
    """Return the variable that sets a key."""
    if path[0] == "models":
        model, field, *rest = path[1:]
        names = [_UNSAFE_IN_SHELL.sub("_", model.upper()), field.upper(), *rest]
        return VARIABLE_PREFIX + _MODELS_PREFIX + "__".join(names)
    if path[:2] == ("wake", "word_settings"):
        return VARIABLE_PREFIX + _WAKE_WORDS_PREFIX + "__".join(path[2:]).upper()
    return VARIABLE_PREFIX + "_".join(path).upper()


def collect_environment(
    environ: Mapping[str, str], model_ids: Collection[str], faults: list[ConfigProblem]
) -> ConfigLayer:
    """Return what the environment sets; `model_ids` are those that capitals may stand for."""
    layer: ConfigLayer = {}
    for name, path in VARIABLE_ALIASES.items():
        if environ.get(name):
            layer |= parse_assignment(path, environ[name].strip(), name, "environment", faults)
    paths = [path for path, _ in key_tree().walk() if WILDCARD not in path]
    keys = {variable_name(path): path for path in (*paths, *value_maps())}
    renamed = {variable_name(old): variable_name(new) for old, new in RENAMED_KEYS.items()}
    for name in sorted(name for name in environ if name.startswith(VARIABLE_PREFIX)):
        found = keys.get(name) or _wake_word_path(name) or _model_path(name, model_ids, faults)
        if found is None and name in renamed:
            message = f"was renamed to {renamed[name]}."
            faults.append(ConfigProblem(name, message, renamed[name], "environment"))
        elif found is None:
            near = nearest_match(name, keys)
            message = f"is not a setting. Variables that begin with {VARIABLE_PREFIX} name a key."
            faults.append(ConfigProblem(name, message, near, "environment"))
        elif found:
            layer |= parse_assignment(found, environ[name].strip(), name, "environment", faults)
    return layer


def _wake_word_path(name: str) -> ConfigPath | None:
    """Return the path a `WAKE_WORD_SETTINGS__` variable names; None: not such a variable."""
    written = name.removeprefix(VARIABLE_PREFIX)
    word, _, field = written.removeprefix(_WAKE_WORDS_PREFIX).partition("__")
    if not written.startswith(_WAKE_WORDS_PREFIX) or not word or not field:
        return None
    return ("wake", "word_settings", word.lower() if word.isupper() else word, field.lower())


def _model_path(
    name: str, model_ids: Collection[str], faults: list[ConfigProblem]
) -> ConfigPath | None:
    """Return the path a `MODELS__` variable names; None: not such a variable; (): a fault."""
    written = name.removeprefix(VARIABLE_PREFIX)
    model, _, field = written.removeprefix(_MODELS_PREFIX).partition("__")
    if not written.startswith(_MODELS_PREFIX) or not model or not field:
        return None
    head, _, option = field.partition("__")
    tail = (head.lower(), option) if option else (head.lower(),)
    if "/" in model or model in model_ids:
        return ("models", model, *tail)
    by_shell_name = {_UNSAFE_IN_SHELL.sub("_", known.upper()): known for known in model_ids}
    if model in by_shell_name:
        return ("models", by_shell_name[model], *tail)
    near = nearest_match(model, by_shell_name)
    meant = f"{VARIABLE_PREFIX}{_MODELS_PREFIX}{near}__{field}" if near else ""
    faults.append(ConfigProblem(name, f"There is no model {model}.", meant, "environment"))
    return ()
