"""Reads the configuration from all its sources; every fault is named, all at once."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from wyoming_servers.config.check import check_consistency, check_value_types, validation_problems
from wyoming_servers.config.document import YamlNode, parse_yaml
from wyoming_servers.config.environment import collect_environment
from wyoming_servers.config.faults import ConfigError, ConfigProblem
from wyoming_servers.config.layers import ConfigLayer, collect_document, collect_assignments, merge_layers, nest_values
from wyoming_servers.config.overrides import overrides_path
from wyoming_servers.config.schema import Config
from wyoming_servers.config.tree import WILDCARD, ConfigPath, dotted_path, key_tree

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


def _read_config_file(file: Path | None, faults: list[ConfigProblem]) -> tuple[Path | None, ConfigLayer]:
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
        ("wake", "words"): config.wake.words,
    }
    for section, names in chosen.items():
        size = len(section) + 1
        fields = [path[size:] for path, _ in key_tree().walk() if path[:size] == (*section, WILDCARD)]
        for name in names:
            paths += [(*section, name, *field) for field in fields if WILDCARD not in field]
    paths += [path for path in merged if path not in paths]
    return {dotted_path(path): merged[path].source if path in merged else "default" for path in paths}
