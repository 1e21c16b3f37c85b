"""Sources of configuration values: YAML documents, `--set` arguments and environment variables.

Each source becomes a layer of values by path. Whatever matches no key becomes a problem.

The variable of a key is its path in capitals with the prefix: `WYOMING_CONDUCTOR_ASR_PORT` sets
`asr.port`. Settings of a model have double underscores,
`WYOMING_CONDUCTOR_MODELS__WHISPER_TINY_EN__KEEP_ALIVE`, where the id is either unchanged or in
capitals with an underscore for each character that is not allowed in the name of a variable.
Settings of a wake word are `WYOMING_CONDUCTOR_WAKE_WORD_SETTINGS__HEY_JARVIS__THRESHOLD`, where
capitals stand for lower case. Mappings of values are YAML:
`WYOMING_CONDUCTOR_ASR_EXTRA_PORTS={whisper/tiny: 10301}`.
"""

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
from wyoming_servers.config.yaml_document import YamlNode, parse_yaml_value

VARIABLE_PREFIX: Final = "WYOMING_CONDUCTOR_"

VARIABLE_ALIASES: Final[Mapping[str, ConfigPath]] = {"HF_ENDPOINT": ("downloads", "endpoint")}
"""Variables of other programs for the same settings; ours take precedence."""

_UNSAFE_IN_SHELL: Final = re.compile(r"[^A-Z0-9]+")
_MODELS_PREFIX: Final = "MODELS__"
_WAKE_WORDS_PREFIX: Final = "WAKE_WORD_SETTINGS__"


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value from a source, not yet validated."""

    value: Any
    where: str
    source: str
    """file, overrides, environment or command line."""


ConfigLayer: TypeAlias = dict[ConfigPath, SourcedValue]
"""The values that one source sets."""


def collect_document(root: YamlNode, source: str, problems: list[ConfigProblem]) -> ConfigLayer:
    """Return the values of a document; an empty one has none."""
    layer: ConfigLayer = {}
    if root.children is None and not root.is_empty:
        message = "The file must contain sections such as `asr:`"
        problems.append(
            ConfigProblem("", f"{message}, not {_describe_shape(root)}.", where=root.where)
        )
        return layer
    _collect_section(layer, root, key_tree(), (), source, problems)
    return layer


def collect_assignments(
    texts: Iterable[str], source: str, problems: list[ConfigProblem]
) -> ConfigLayer:
    """Return the values of `path=value` texts; the last one for a path wins."""
    layer: ConfigLayer = {}
    for text in texts:
        name, equals, value = text.partition("=")
        where = f"--set {text}"
        if not equals:
            problems.append(ConfigProblem(name, "has no value; use `path=value`.", where=where))
            continue
        layer |= parse_assignment(parse_path(name.strip()), value.strip(), where, source, problems)
    return layer


def parse_assignment(
    path: ConfigPath, text: str, where: str, source: str, problems: list[ConfigProblem]
) -> ConfigLayer:
    """Return the value of a text at a path: unchanged if the key is a text, otherwise as YAML."""
    layer: ConfigLayer = {}
    key = find_node(path)
    quoted = text[:1] in ("'", '"') and text[-1:] == text[:1]
    if isinstance(key, ConfigKey) and key.is_text and not quoted:
        node = YamlNode(text, text, where=where)
    else:
        node, unreadable = parse_yaml_value(text, where)
        if unreadable:
            problems += [
                ConfigProblem(dotted_path(path), problem.message, where=where)
                for problem in unreadable
            ]
            return layer
    for name in reversed(path):
        node = YamlNode(None, children={name: node}, where=where)
    _collect_section(layer, node, key_tree(), (), source, problems)
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
        group = find_node((*section, WILDCARD))
        if not text.startswith(start) or not isinstance(group, ConfigGroup):
            continue
        rest = text.removeprefix(start)
        for end in sorted(_key_suffixes(group), key=len, reverse=True):
            name, found, last = _split_suffix(rest, end)
            if found:
                return (*section, name, *end[:-1], last)
        return (*section, rest)
    return tuple(text.split("."))


def _key_suffixes(group: ConfigGroup) -> Iterator[ConfigPath]:
    for name, node in group.children.items():
        yield (name,)
        if isinstance(node, ConfigGroup):
            yield (name, WILDCARD)


def _split_suffix(text: str, end: ConfigPath) -> tuple[str, bool, str]:
    """Split the suffix `end` off `text`; WILDCARD stands for one name without a dot."""
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
    group: ConfigGroup,
    path: ConfigPath,
    source: str,
    problems: list[ConfigProblem],
) -> None:
    if node.is_empty:
        return
    if node.children is None:
        problems.append(_not_a_section_problem(node, group, path))
        return
    for name, child in node.children.items():
        inner = (*path, name)
        target = group.children.get(name, group.entry)
        if target is None:
            problems.append(_unknown_key_problem(name, path, group, child.where))
        elif inner in value_maps() and child.children == {}:
            layer[inner] = SourcedValue({}, child.where, source)
        elif isinstance(target, ConfigGroup):
            _collect_section(layer, child, target, inner, source, problems)
        elif (problem := _shape_problem(child, target, inner)) is not None:
            problems.append(problem)
        else:
            layer[inner] = SourcedValue(_value_for(child, target), child.where, source)


def _value_for(node: YamlNode, key: ConfigKey) -> Any:
    if key.nullable and node.value is None:
        return None
    # `off` is a choice and not false.
    is_choice = key.kind == "choice" and node.text in key.choices
    return node.text if node.text is not None and (key.is_text or is_choice) else node.value


def _shape_problem(node: YamlNode, key: ConfigKey, path: ConfigPath) -> ConfigProblem | None:
    if node.children is not None and path == ("wake", "words"):
        message = "is a list of wake words; the settings of a word are in `wake.word_settings`."
        return ConfigProblem(dotted_path(path), message, "wake.word_settings", node.where)
    if node.children is not None:
        message = f"is a value, not a section. It must be {key.constraint}."
        return ConfigProblem(dotted_path(path), message, where=node.where)
    # An empty text in quotes is a value; a missing one is not.
    if node.value is None and not key.nullable:
        message = f"has no value. It must be {key.constraint}; the default is {key.default!r}."
        return ConfigProblem(dotted_path(path), message, where=node.where)
    return None


def _not_a_section_problem(node: YamlNode, group: ConfigGroup, path: ConfigPath) -> ConfigProblem:
    if not group.children:
        message = f"must be a section with names as keys, not {_describe_shape(node)}."
        return ConfigProblem(dotted_path(path), message, where=node.where)
    name = path[-1].rpartition(".")[2]
    if "." in path[-1] and path[:-1] and (similar := nearest_match(name, group.children)):
        # `models.whisper/base.pined=1`: the end of the id is a misspelled key.
        suggestion = dotted_path((*path[:-1], path[-1].removesuffix(name) + similar))
        message = f"is not a key. The keys are {_list_keys(group)}."
        return ConfigProblem(dotted_path(path), message, suggestion, node.where)
    message = f"must be a section with {_list_keys(group)}, not {_describe_shape(node)}."
    return ConfigProblem(dotted_path(path), message, where=node.where)


def _unknown_key_problem(
    name: str, path: ConfigPath, group: ConfigGroup, where: str
) -> ConfigProblem:
    if renamed := RENAMED_KEYS.get((*path, name)):
        new = dotted_path(renamed)
        return ConfigProblem(dotted_path((*path, name)), f"was renamed to `{new}`.", new, where)
    similar = nearest_match(name, group.children)
    suggestion = dotted_path((*path, similar)) if similar else _key_in_other_section(name)
    message = (
        f"is not a key. The keys {'here' if path else 'at the top level'} are {_list_keys(group)}."
    )
    return ConfigProblem(dotted_path((*path, name)), message, suggestion, where)


def _key_in_other_section(name: str) -> str:
    """Return the path of the only key of this name in another section."""
    found = [path for path, _ in key_tree().walk() if path[-1] == name and WILDCARD not in path]
    return dotted_path(found[0]) if len(found) == 1 else ""


def _list_keys(group: ConfigGroup) -> str:
    return ", ".join(f"`{name}`" for name in group.children)


def _describe_shape(node: YamlNode) -> str:
    return "a list" if isinstance(node.value, list) else f"the value {node.value!r}"


def merge_layers(layers: Iterable[ConfigLayer]) -> ConfigLayer:
    """Merge layers; later ones take precedence.

    An empty mapping where entries are values, `{}`, removes the entries of all earlier layers.
    """
    merged: ConfigLayer = {}
    for layer in layers:
        for cleared in [path for path in value_maps() if path in layer]:
            below = [path for path in merged if path[: len(cleared)] == cleared]
            for path in below:
                del merged[path]
        merged |= layer
    return merged


def nest_values(layer: Mapping[ConfigPath, SourcedValue]) -> dict[str, Any]:
    """Return the values as a nested mapping, as the schema validates it."""
    root: dict[str, Any] = {}
    for path, setting in layer.items():
        section = root
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = {} if path in value_maps() else setting.value
    return root


def variable_name(path: ConfigPath) -> str:
    """Return the name of the variable that sets a key."""
    if path[0] == "models":
        model, field, *rest = path[1:]
        names = [_UNSAFE_IN_SHELL.sub("_", model.upper()), field.upper(), *rest]
        return VARIABLE_PREFIX + _MODELS_PREFIX + "__".join(names)
    if path[:2] == ("wake", "word_settings"):
        return VARIABLE_PREFIX + _WAKE_WORDS_PREFIX + "__".join(path[2:]).upper()
    return VARIABLE_PREFIX + "_".join(path).upper()


def variable_path(name: str) -> ConfigPath | None:
    """Return the path of the key that a variable sets, or None if it sets none."""
    if found := _variables().get(name) or _wake_word_path(name):
        return found
    model, _, field = name.removeprefix(VARIABLE_PREFIX + _MODELS_PREFIX).partition("__")
    is_model = name.startswith(VARIABLE_PREFIX + _MODELS_PREFIX) and model and field
    return ("models", model, *field.lower().split("__")) if is_model else None


def _variables() -> dict[str, ConfigPath]:
    paths = [path for path, _ in key_tree().walk() if WILDCARD not in path]
    return {variable_name(path): path for path in (*paths, *value_maps())}


def collect_environment(
    environ: Mapping[str, str], model_ids: Collection[str], problems: list[ConfigProblem]
) -> ConfigLayer:
    """Return the values of the environment; `model_ids` may be written in capitals."""
    layer: ConfigLayer = {}
    for name, path in VARIABLE_ALIASES.items():
        if environ.get(name):
            layer |= parse_assignment(path, environ[name].strip(), name, "environment", problems)
    keys = _variables()
    renamed = {variable_name(old): variable_name(new) for old, new in RENAMED_KEYS.items()}
    for name in sorted(name for name in environ if name.startswith(VARIABLE_PREFIX)):
        found = keys.get(name) or _wake_word_path(name) or _model_path(name, model_ids, problems)
        if found is None and name in renamed:
            message = f"was renamed to {renamed[name]}."
            problems.append(ConfigProblem(name, message, renamed[name], "environment"))
        elif found is None:
            similar = nearest_match(name, keys)
            message = f"is not a key. Variables with the prefix {VARIABLE_PREFIX} must name a key."
            problems.append(ConfigProblem(name, message, similar, "environment"))
        elif found:
            layer |= parse_assignment(found, environ[name].strip(), name, "environment", problems)
    return layer


def _wake_word_path(name: str) -> ConfigPath | None:
    """Return the path of a `WAKE_WORD_SETTINGS__` variable; None if it is another variable."""
    suffix = name.removeprefix(VARIABLE_PREFIX)
    word, _, field = suffix.removeprefix(_WAKE_WORDS_PREFIX).partition("__")
    if not suffix.startswith(_WAKE_WORDS_PREFIX) or not word or not field:
        return None
    return ("wake", "word_settings", word.lower() if word.isupper() else word, field.lower())


def _model_path(
    name: str, model_ids: Collection[str], problems: list[ConfigProblem]
) -> ConfigPath | None:
    """Return the path of a `MODELS__` variable.

    None if it is another variable, empty if it names an unknown model, which is a problem.
    """
    suffix = name.removeprefix(VARIABLE_PREFIX)
    model, _, field = suffix.removeprefix(_MODELS_PREFIX).partition("__")
    if not suffix.startswith(_MODELS_PREFIX) or not model or not field:
        return None
    head, _, option = field.partition("__")
    tail = (head.lower(), option) if option else (head.lower(),)
    if "/" in model or model in model_ids:
        return ("models", model, *tail)
    by_shell_name = {_UNSAFE_IN_SHELL.sub("_", known.upper()): known for known in model_ids}
    if model in by_shell_name:
        return ("models", by_shell_name[model], *tail)
    similar = nearest_match(model, by_shell_name)
    suggestion = f"{VARIABLE_PREFIX}{_MODELS_PREFIX}{similar}__{field}" if similar else ""
    problems.append(ConfigProblem(name, f"There is no model {model}.", suggestion, "environment"))
    return ()
