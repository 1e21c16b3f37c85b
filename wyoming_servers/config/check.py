"""What the schema's types cannot say by themselves, and what they say put in our words."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from wyoming_servers.config.faults import ConfigProblem
from wyoming_servers.config.layers import ConfigLayer
from wyoming_servers.config.schema import Config
from wyoming_servers.config.suggest import nearest_match
from wyoming_servers.config.tree import ConfigPath, ConfigKey, dotted_path, find_node, find_key
from wyoming_servers.config.units import parse_budget

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
