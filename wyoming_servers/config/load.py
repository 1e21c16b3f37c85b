"""Loads the configuration from all sources and reports all problems at once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from wyoming_servers.config.errors import ConfigError, ConfigProblem, nearest_match
from wyoming_servers.config.key_tree import (
    WILDCARD,
    ConfigKey,
    ConfigPath,
    dotted_path,
    find_key,
    find_node,
    key_tree,
)
from wyoming_servers.config.lenient import (
    LeftOut,
    is_at_or_below,
    leave_out_invalid,
    leave_out_values,
    select_values,
    split_problems,
)
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
from wyoming_servers.config.yaml_document import YamlNode, parse_yaml

DEFAULT_FILE: Final = Path("~/.config/wyoming-conductor/config.yaml")
"""The file that is used if no file is given and it exists."""

OVERRIDES_NAME: Final = "config-overrides.yaml"
PREVIOUS_OVERRIDES_NAME: Final = "config-overrides.prev.yaml"
_DATA_DIR: Final = ("data_dir",)
_MAX_BYTES: Final = 1024 * 1024
"""Maximum size of a file; a larger one is not a configuration file."""

_SERVERS = ("asr", "tts", "wake", "api")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A valid configuration and where its values come from."""

    config: Config
    """The values; `data_dir` is absolute."""
    sources: Mapping[str, str]
    """Source of every key by dotted path: default, file, overrides, environment, command line."""
    file: Path | None
    """The config file, if there is one."""
    overrides_problems: tuple[ConfigProblem, ...] = ()
    """What is wrong with the overrides file; the values do not contain what could not be used."""
    valid_overrides: Mapping[str, Any] = field(default_factory=dict)
    """The overrides that are in use, nested as in the file."""
    ignored: tuple[ConfigProblem, ...] = ()
    """What is wrong with other sources; the values are defaults there. Empty if loaded strictly."""
    reload: "Callable[[str | None], LoadedConfig] | None" = field(default=None, compare=False)
    """Loads all sources again; the argument replaces the content of the overrides file."""
    leave_out: "Callable[[LeftOut], LoadedConfig] | None" = field(default=None, compare=False)
    """Loads all sources again without some values. None if loaded strictly."""

    @property
    def overrides(self) -> Path:
        """The file with settings that were changed at run time, which may not exist."""
        return overrides_path(self.config.data_dir)

    def without(self, problems: Iterable[ConfigProblem]) -> "LoadedConfig":
        """Return the configuration with the defaults of keys whose values cannot be used.

        Raises ConfigError with all problems if it was loaded strictly, or if one concerns a key
        whose default is not safe or is the problem. Blocks on the disk.
        """
        located = [replace(problem, where=self.location(problem.path)) for problem in problems]
        left_out = select_values(self.sources, located)
        if self.leave_out is None or not left_out:
            raise ConfigError(located)
        return self.leave_out(left_out)

    def location(self, key: str) -> str:
        """Return where the value of a key comes from: a file to mend, or the kind of source."""
        source = self.sources.get(key) or next(
            (
                source
                for name, source in self.sources.items()
                if is_at_or_below(name, key) or is_at_or_below(key, name)
            ),
            "default",
        )
        if source == "overrides":
            return str(self.overrides)
        return str(self.file) if source == "file" and self.file else source


def load_config(
    file: Path | None = None,
    sets: Sequence[str] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
    *,
    model_ids: Collection[str] = (),
    overrides: str | None = None,
    strict: bool = True,
    left_out: LeftOut = MappingProxyType({}),
) -> LoadedConfig:
    """Load the configuration: defaults, file, overrides, environment, `path=value` settings.

    Later sources take precedence. Without `file`, the default file is used if it exists. Variables
    can name the models of `model_ids` in capitals. `overrides` replaces the content of the
    overrides file, to validate a change.

    The server writes the overrides file itself, so a damaged one must not keep it from starting:
    what cannot be used is left out, and is in `overrides_problems`. If nothing can be read, the
    overrides of the last successful start are used. Unless `strict`, the same is true for the file
    and the environment where a default is safe; these problems are in `ignored`. Blocks on the
    disk. Raises ConfigError with all other problems, and those of `overrides` if given.
    """
    problems: list[ConfigProblem] = []
    found: list[ConfigProblem] = []
    path, from_file = _read_config_file(file, found)
    from_arguments = collect_assignments(sets, "command line", problems)
    named = {path[1] for path in (*from_file, *from_arguments) if path[0] == "models"}
    from_environment = collect_environment(environ, {*model_ids, *named}, found)
    folder = _data_dir([from_file, from_environment, from_arguments], path)
    ignored, fatal = ([], found) if strict or not found else split_problems(found)
    problems += fatal
    dropped: list[ConfigProblem] = []
    if overrides is not None:
        from_overrides = _collect_overrides(overrides, "the change", problems)
    else:
        from_overrides = _read_saved_overrides(folder, dropped)
    if left_out:
        from_file = leave_out_values(from_file, left_out, ignored)
        from_environment = leave_out_values(from_environment, left_out, ignored)
        if overrides is None:
            from_overrides = leave_out_values(from_overrides, left_out, dropped)
    if not strict and _find_problems(merge_layers([from_file, from_environment, from_arguments])):
        from_file, from_environment = leave_out_invalid(
            from_file,
            from_environment,
            lambda file, environment: _find_problems(
                merge_layers([file, environment, from_arguments])
            ),
            ignored,
        )

    def merge(overriding: ConfigLayer) -> ConfigLayer:
        return merge_layers([from_file, overriding, from_environment, from_arguments])

    if overrides is None:
        from_overrides = _drop_invalid(from_overrides, merge, dropped)
    merged = merge(from_overrides)
    problems += check_value_types(merged)
    config = _validate(merged, problems)
    if config is None:
        raise ConfigError(problems if overrides is not None else [*problems, *ignored])
    config = config.model_copy(update={"data_dir": folder})
    load_again = partial(load_config, file, sets, environ, model_ids=model_ids, strict=strict)

    def leave_out(more: LeftOut) -> LoadedConfig:
        return load_again(left_out={**left_out, **more})

    return LoadedConfig(
        config,
        _sources_by_key(config, merged),
        path,
        tuple(dropped),
        nest_values(from_overrides),
        tuple(ignored),
        reload=lambda text: load_again(overrides=text, left_out=left_out),
        leave_out=None if strict else leave_out,
    )


def _find_problems(merged: ConfigLayer) -> list[ConfigProblem]:
    problems = check_value_types(merged)
    _validate(merged, problems)
    return problems


def overrides_path(data_dir: Path) -> Path:
    """Return the path of the file, which may not exist."""
    return data_dir / OVERRIDES_NAME


def previous_overrides_path(data_dir: Path) -> Path:
    """Return the path of the overrides of the last successful start; it may not exist."""
    return data_dir / PREVIOUS_OVERRIDES_NAME


def _validate(merged: ConfigLayer, problems: list[ConfigProblem]) -> Config | None:
    known = {problem.path for problem in problems}
    try:
        config = Config.model_validate(nest_values(merged))
    except ValidationError as err:
        problems += [
            problem for problem in validation_problems(err, merged) if problem.path not in known
        ]
        return None
    problems += check_consistency(config, merged)
    return None if problems else config


def _read_config_file(
    file: Path | None, problems: list[ConfigProblem]
) -> tuple[Path | None, ConfigLayer]:
    """Read the given file, or the default file if it exists."""
    if file is not None:
        path = file.expanduser()
        return path, _read_file(path, "file", problems) or {}
    path = DEFAULT_FILE.expanduser()
    layer = _read_file(path, "file", problems, optional=True)
    return (None, {}) if layer is None else (path, layer)


def _read_file(
    path: Path, source: str, problems: list[ConfigProblem], *, optional: bool = False
) -> ConfigLayer | None:
    """Return the values of a file; None if it is optional and does not exist."""
    unreadable: list[ConfigProblem] = []
    text = _read_text(path, unreadable, optional=optional)
    problems += unreadable
    if text is None:
        return {} if unreadable else None
    return _collect_text(text, str(path), source, problems)


def _read_text(path: Path, problems: list[ConfigProblem], *, optional: bool = True) -> str | None:
    """Return the content of a file; None with a problem, or without if it may be missing."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES} bytes")
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as err:
        if optional and isinstance(err, FileNotFoundError | NotADirectoryError):
            return None
        reason = err.strerror if isinstance(err, OSError) else err
        problems.append(ConfigProblem("", f"Cannot read the file: {reason}.", where=str(path)))
        return None


def _collect_text(text: str, where: str, source: str, problems: list[ConfigProblem]) -> ConfigLayer:
    root, unreadable = parse_yaml(text, where)
    problems += unreadable
    return collect_document(YamlNode(root.value, root.text, root.children, where), source, problems)


def _read_saved_overrides(folder: Path, dropped: list[ConfigProblem]) -> ConfigLayer:
    """Return the overrides, or those of the last successful start if the file cannot be read."""
    for path in (overrides_path(folder), previous_overrides_path(folder)):
        unreadable: list[ConfigProblem] = []
        text = _read_text(path, unreadable)
        if text is None and not unreadable:
            return {}
        if text is not None and not text.strip():
            unreadable.append(ConfigProblem("", "The file is empty.", where=str(path)))
        problems: list[ConfigProblem] = []
        layer = {} if text is None else _collect_overrides(text, str(path), problems)
        # A problem without a path concerns the whole file.
        unreadable += [problem for problem in problems if not problem.path]
        if not unreadable:
            dropped += problems
            return layer
        dropped += unreadable
    return {}


def _collect_overrides(text: str, where: str, problems: list[ConfigProblem]) -> ConfigLayer:
    layer = _collect_text(text, where, "overrides", problems)
    if sourced := layer.pop(_DATA_DIR, None):
        message = "cannot be overridden in the data folder itself; delete the line."
        problems.append(ConfigProblem("data_dir", message, where=sourced.where))
    return layer


def _drop_invalid(
    layer: ConfigLayer,
    merge: Callable[[ConfigLayer], ConfigLayer],
    dropped: list[ConfigProblem],
) -> ConfigLayer:
    """Leave out the overrides that are not valid, by themselves or with the other sources."""
    while layer:
        merged = merge(layer)
        problems = check_value_types(merged)
        if _validate(merged, problems) is not None:
            return layer
        invalid = {path for path in layer if dotted_path(path) in {p.path for p in problems}}
        if not invalid:
            # The problem is elsewhere, or only appears together with some override.
            alone = merge({})
            if _validate(alone, check_value_types(alone)) is None:
                return layer
            invalid = set(layer)
        dropped += [problem for problem in problems if problem not in dropped]
        layer = {path: sourced for path, sourced in layer.items() if path not in invalid}
    return layer


def _data_dir(layers: Sequence[ConfigLayer], file: Path | None) -> Path:
    """Return the absolute data folder; in the file, it is relative to the file."""
    sourced = merge_layers(layers).get(_DATA_DIR)
    value = Config.model_fields["data_dir"].default if sourced is None else sourced.value
    folder = Path(str(value)).expanduser()
    if file is not None and sourced is not None and sourced.source == "file":
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


def check_value_types(layer: ConfigLayer) -> list[ConfigProblem]:
    """Return values that pydantic would convert silently, such as `true` for a port."""
    problems = []
    for path, sourced in layer.items():
        key = find_node(path)
        if isinstance(key, ConfigKey) and key.is_numeric and isinstance(sourced.value, bool):
            problems.append(_constraint_problem(path, sourced.value, key, sourced.where))
    return problems


def validation_problems(err: ValidationError, layer: ConfigLayer) -> list[ConfigProblem]:
    """Return one problem for each key that pydantic rejected."""
    problems: dict[ConfigPath, ConfigProblem] = {}
    for detail in err.errors():
        path = _config_path(detail["loc"], layer)
        if path in problems:
            continue
        sourced = layer.get(path)
        where = sourced.where if sourced else ""
        cause = (detail.get("ctx") or {}).get("error")
        if detail["type"] == "value_error" and cause is not None:
            problems[path] = ConfigProblem(dotted_path(path), f"{cause}.", where=where)
        else:
            value = sourced.value if sourced else detail.get("input")
            problems[path] = _constraint_problem(path, value, find_key(path), where)
    return list(problems.values())


def check_consistency(config: Config, layer: Mapping[ConfigPath, Any]) -> list[ConfigProblem]:
    """Return values that are valid by themselves but not together."""
    problems: list[ConfigProblem] = []
    taken: dict[int, str] = {}
    for path, port in listening_ports(config):
        if port in taken:
            message = f"{port} is already the port of `{taken[port]}`."
            problems.append(_problem_at(path, message, layer))
        taken.setdefault(port, dotted_path(path))
    try:
        parse_budget(config.memory.budget, total=1)
    except ValueError as err:
        problems.append(_problem_at(("memory", "budget"), f"{err}.", layer))
    return problems


def listening_ports(config: Config) -> Iterator[tuple[ConfigPath, int]]:
    """Yield each fixed port that the server listens on, with the path of its key."""
    for name in _SERVERS:
        server = getattr(config, name)
        if server.enabled and server.port:
            yield (name, "port"), server.port
    for model, port in config.asr.extra_ports.items():
        if config.asr.enabled and port:
            yield ("asr", "extra_ports", model), port


def _problem_at(path: ConfigPath, message: str, layer: Mapping[ConfigPath, Any]) -> ConfigProblem:
    sourced = layer.get(path)
    return ConfigProblem(dotted_path(path), message, where=sourced.where if sourced else "default")


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
    """Remove what pydantic adds to the path of a key: list positions and union members."""
    names = tuple(str(part) for part in location)
    for length in range(len(names), 0, -1):
        if names[:length] in layer:
            return names[:length]
    return names
