"""Reads the configuration from all its sources; every fault is named, all at once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from wyoming_servers.config.errors import (
    ConfigError,
    ConfigProblem,
    nearest_match,
)
from wyoming_servers.config.key_tree import (
    WILDCARD,
    ConfigKey,
    ConfigPath,
    dotted_path,
    find_key,
    find_node,
    key_tree,
)
from wyoming_servers.config.overrides import overrides_path
from wyoming_servers.config.schema import Config
from wyoming_servers.config.sources import (
    ConfigLayer,
    collect_assignments,
    collect_document,
    collect_environment,
    merge_layers,
    nest_values,
)
from wyoming_servers.config.units import parse_budget
from wyoming_servers.config.yaml_document import (
    YamlNode,
    parse_yaml,
)

# What the schema's types cannot say by themselves, and what they say put in our words.

_SERVERS = ("asr", "tts", "wake", "api")


def check_value_types(layer: ConfigLayer) -> list[ConfigProblem]:
    """Name values whose type would be bent into another, such as a port that is `true`."""
    faults = []
    for path, setting in layer.items():
        key = find_node(path)
        if isinstance(key, ConfigKey) and key.is_numeric and isinstance(setting.value, bool):
            faults.append(_constraint_problem(path, setting.value, key, setting.where))
    return faults


def validation_problems(err: ValidationError, layer: ConfigLayer) -> list[ConfigProblem]:
    """Return one fault for each key that pydantic found wrong."""
    faults: dict[ConfigPath, ConfigProblem] = {}
    for detail in err.errors():
        path = _config_path(detail["loc"], layer)
        if path in faults:
            continue
        setting = layer.get(path)
        where = setting.where if setting else ""
        cause = (detail.get("ctx") or {}).get("error")
        if detail["type"] == "value_error" and cause is not None:
            faults[path] = ConfigProblem(dotted_path(path), f"{cause}.", where=where)
        else:
            value = setting.value if setting else detail.get("input")
            faults[path] = _constraint_problem(path, value, find_key(path), where)
    return list(faults.values())


def check_consistency(config: Config, layer: Mapping[ConfigPath, Any]) -> list[ConfigProblem]:
    """Name values that are well formed and cannot work together."""
    faults: list[ConfigProblem] = []
    taken: dict[int, str] = {}
    for path, port in _listening_ports(config):
        if port in taken:
            message = f"{port} is the port of `{taken[port]}` already."
            faults.append(_problem_at(path, message, layer))
        taken.setdefault(port, dotted_path(path))
    try:
        parse_budget(config.memory.budget, total=1)
    except ValueError as err:
        faults.append(_problem_at(("memory", "budget"), f"{err}.", layer))
    return faults


def _listening_ports(config: Config) -> Iterator[tuple[ConfigPath, int]]:
    """Yield each port that will be opened under its number."""
    for name in _SERVERS:
        server = getattr(config, name)
        if server.enabled and server.port:
            yield (name, "port"), server.port
    for model, port in config.asr.extra_ports.items():
        if config.asr.enabled and port:
            yield ("asr", "extra_ports", model), port


def _problem_at(path: ConfigPath, message: str, layer: Mapping[ConfigPath, Any]) -> ConfigProblem:
    setting = layer.get(path)
    return ConfigProblem(dotted_path(path), message, where=setting.where if setting else "default")


def _constraint_problem(path: ConfigPath, value: Any, key: ConfigKey, where: str) -> ConfigProblem:
    message = f"{value!r} is not allowed. It must be {key.constraint}."
    return ConfigProblem(dotted_path(path), message, _suggest_value(value, key), where)


def _suggest_value(value: Any, key: ConfigKey) -> str:
    if isinstance(value, str):
        return nearest_match(value, key.choices or ("true", "false") * (key.kind == "boolean"))
    if isinstance(value, int | float) and not isinstance(value, bool) and not key.exclusive_bounds:
        if key.minimum is not None and value < key.minimum:
            return f"{key.minimum:.10g}"
        if key.maximum is not None and value > key.maximum:
            return f"{key.maximum:.10g}"
    return ""


def _config_path(location: tuple[int | str, ...], layer: ConfigLayer) -> ConfigPath:
    """Cut off what pydantic adds below a key: list positions and names of union members."""
    names = tuple(str(part) for part in location)
    for length in range(len(names), 0, -1):
        if names[:length] in layer:
            return names[:length]
    return names


DEFAULT_FILE: Final = Path("~/.config/wyoming-conductor/config.yaml")
"""Read when no file is named, if it exists."""

_DATA_DIR: Final = ("data_dir",)
_MAX_BYTES: Final = 1024 * 1024
"""A larger file is something else, named by mistake."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The configuration as it holds now."""

    config: Config
    """With `data_dir` absolute."""
    sources: Mapping[str, str]
    """Dotted path of every key to default, file, overrides, environment or command line."""
    file: Path | None
    """The file that was read."""
    reload: "Callable[[str | None], LoadedConfig] | None" = field(default=None, compare=False)
    """Reads all sources anew; with a text instead of the overrides that are on the disk."""


def load_config(
    file: Path | None = None,
    sets: Sequence[str] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
    *,
    model_ids: Collection[str] = (),
    overrides: str | None = None,
) -> LoadedConfig:
    """Lay file, overrides, environment and `path=value` settings over the defaults.

    Each wins over those before it. Without `file` the default one is read if there is one;
    `model_ids` are those that a variable may name in capitals; `overrides` is taken instead of the
    overrides in the data folder, to see whether it would do. Blocks on the disk. Raises
    ConfigError with every fault of every source.
    """
    faults: list[ConfigProblem] = []
    path, written = _read_config_file(file, faults)
    commanded = collect_assignments(sets, "command line", faults)
    named = {path[1] for path in (*written, *commanded) if path[0] == "models"}
    environment = collect_environment(environ, {*model_ids, *named}, faults)
    folder = _data_dir([written, environment, commanded], path)
    overridden = _read_overrides(folder, overrides, faults)
    merged = merge_layers([written, overridden, environment, commanded])
    faults += check_value_types(merged)
    config = _validate(merged, faults)
    if config is None:
        raise ConfigError(faults)
    config = config.model_copy(update={"data_dir": folder})

    def again(text: str | None) -> LoadedConfig:
        return load_config(file, sets, environ, model_ids=model_ids, overrides=text)

    return LoadedConfig(config, _sources_by_key(config, merged), path, again)


def _validate(merged: ConfigLayer, faults: list[ConfigProblem]) -> Config | None:
    known = {fault.path for fault in faults}
    try:
        config = Config.model_validate(nest_values(merged))
    except ValidationError as err:
        faults += [fault for fault in validation_problems(err, merged) if fault.path not in known]
        return None
    faults += check_consistency(config, merged)
    return None if faults else config


def _read_config_file(
    file: Path | None, faults: list[ConfigProblem]
) -> tuple[Path | None, ConfigLayer]:
    """Read the file that is named, or the default one if it is there."""
    if file is not None:
        path = file.expanduser()
        return path, _read_file(path, "file", faults) or {}
    path = DEFAULT_FILE.expanduser()
    layer = _read_file(path, "file", faults, optional=True)
    return (None, {}) if layer is None else (path, layer)


def _read_file(
    path: Path, source: str, faults: list[ConfigProblem], *, optional: bool = False
) -> ConfigLayer | None:
    """Return what a file sets; None if it is optional and not there."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES} bytes")
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as err:
        if optional and isinstance(err, FileNotFoundError | NotADirectoryError):
            return None
        reason = err.strerror if isinstance(err, OSError) else err
        faults.append(ConfigProblem("", f"The file cannot be read: {reason}.", where=str(path)))
        return {}
    return _collect_text(text, str(path), source, faults)


def _collect_text(text: str, where: str, source: str, faults: list[ConfigProblem]) -> ConfigLayer:
    root, unreadable = parse_yaml(text, where)
    faults += unreadable
    return collect_document(YamlNode(root.value, root.text, root.children, where), source, faults)


def _read_overrides(folder: Path, text: str | None, faults: list[ConfigProblem]) -> ConfigLayer:
    if text is None:
        layer = _read_file(overrides_path(folder), "overrides", faults, optional=True) or {}
    else:
        layer = _collect_text(text, "the change", "overrides", faults)
    if setting := layer.pop(_DATA_DIR, None):
        message = "cannot be overridden in the folder that it names; delete the line."
        faults.append(ConfigProblem("data_dir", message, where=setting.where))
    return layer


def _data_dir(layers: Sequence[ConfigLayer], file: Path | None) -> Path:
    """Return the data folder, absolute; one named in the file is relative to that file."""
    setting = merge_layers(layers).get(_DATA_DIR)
    written = Config.model_fields["data_dir"].default if setting is None else setting.value
    folder = Path(str(written)).expanduser()
    if file is not None and setting is not None and setting.source == "file":
        folder = file.parent / folder
    return folder.absolute()


def _sources_by_key(config: Config, merged: ConfigLayer) -> dict[str, str]:
    paths = [path for path, _ in key_tree().walk() if WILDCARD not in path]
    chosen: dict[ConfigPath, Iterable[str]] = {
        ("models",): config.models,
        ("wake", "word_settings"): config.wake.word_settings,
    }
    for section, names in chosen.items():
        size = len(section) + 1
        fields = [
            path[size:] for path, _ in key_tree().walk() if path[:size] == (*section, WILDCARD)
        ]
        for name in names:
            paths += [(*section, name, *field) for field in fields if WILDCARD not in field]
    paths += [path for path in merged if path not in paths]
    return {
        dotted_path(path): merged[path].source if path in merged else "default" for path in paths
    }
