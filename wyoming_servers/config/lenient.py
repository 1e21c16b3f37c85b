"""Which values of the configuration the server can start without, and how they are left out.

A misspelled key or a value that is not allowed should not keep a machine silent: the default takes
its place, and the log, `/health` and an event say so. But a port, the host, the data directory and
every key that protects the server are never guessed: such a problem stops the start.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from wyoming_servers.config.errors import ConfigProblem
from wyoming_servers.config.key_tree import (
    ConfigGroup,
    ConfigKey,
    ConfigPath,
    dotted_path,
    find_node,
)
from wyoming_servers.config.sources import (
    VARIABLE_PREFIX,
    ConfigLayer,
    parse_path,
    variable_path,
)

LeftOut: TypeAlias = Mapping[tuple[str, str], ConfigProblem]
"""Values that are not used, by source and dotted key, with the problem of each."""

_LENIENT_SOURCES: Final = frozenset({"file", "overrides", "environment"})
"""Sources that nobody looks at while the server starts, unlike the command line."""

_PORT_KEYS: Final = ("port", "extra_ports")


def default_is_safe(problem: ConfigProblem) -> bool:
    """Return whether the server may start with the default in place of a wrong value.

    1. A key or section of the schema: unless it is, or contains, one that is never guessed.
    2. An unknown key with a suggestion: the same for the suggested key.
    3. Another unknown key: unless one beside it protects the server and may have been meant.
    4. The whole file, a variable without a suggestion, or an argument that a person typed: no.
    """
    if problem.where.startswith("--set ") or problem.where == "command line":
        return False  # 4
    path = _path_of(problem.path)
    if path is None:
        meant = _path_of(problem.suggestion)
        return meant is not None and not _is_protected(meant)  # 2, 4
    if not path:
        return False  # 4
    if find_node(path) is not None:
        return not _is_protected(path)  # 1
    if problem.suggestion:
        return not _is_protected(parse_path(problem.suggestion))  # 2
    beside = find_node(path[:-1])
    return isinstance(beside, ConfigGroup) and not any(  # 3
        isinstance(node, ConfigKey) and node.admin for node in beside.children.values()
    )


def split_problems(
    problems: Iterable[ConfigProblem],
) -> tuple[list[ConfigProblem], list[ConfigProblem]]:
    """Return the problems that can be ignored, and those that stop the start."""
    safe: list[ConfigProblem] = []
    fatal: list[ConfigProblem] = []
    for problem in problems:
        (safe if default_is_safe(problem) else fatal).append(problem)
    return safe, fatal


def select_values(sources: Mapping[str, str], problems: Sequence[ConfigProblem]) -> LeftOut:
    """Return the values to leave out because of `problems`, none if that does not solve them all.

    `sources` maps each dotted key to the source of its value.
    """
    if split_problems(problems)[1]:
        return {}
    found = {
        problem.path: [
            (source, key)
            for key, source in sources.items()
            if source in _LENIENT_SOURCES and is_at_or_below(key, problem.path)
        ]
        for problem in problems
    }
    if not all(found.values()):
        return {}
    return {value: problem for problem in problems for value in found[problem.path]}


def leave_out_values(
    layer: ConfigLayer, left_out: LeftOut, problems: list[ConfigProblem]
) -> ConfigLayer:
    """Return a layer without some values, whose problems are added."""
    kept: ConfigLayer = {}
    for path, sourced in layer.items():
        problem = left_out.get((sourced.source, dotted_path(path)))
        if problem is None:
            kept[path] = sourced
        elif problem not in problems:
            problems.append(problem)
    return kept


def leave_out_invalid(
    file: ConfigLayer,
    environment: ConfigLayer,
    find_problems: Callable[[ConfigLayer, ConfigLayer], Iterable[ConfigProblem]],
    ignored: list[ConfigProblem],
) -> tuple[ConfigLayer, ConfigLayer]:
    """Return the layers without the invalid values whose default is safe; adds their problems.

    `find_problems` checks both together with the command line.
    """
    while True:
        safe = {
            (problem.path, problem.where): problem
            for problem in find_problems(file, environment)
            if default_is_safe(problem)
        }
        invalid = {
            (path, sourced.where)
            for path, sourced in (*file.items(), *environment.items())
            if (dotted_path(path), sourced.where) in safe
        }
        if not invalid:
            return file, environment
        ignored += [safe[dotted_path(path), where] for path, where in sorted(invalid)]
        file, environment = (
            {
                path: sourced
                for path, sourced in layer.items()
                if (path, sourced.where) not in invalid
            }
            for layer in (file, environment)
        )


def is_at_or_below(key: str, section: str) -> bool:
    """Return whether a dotted key is `section` or in it."""
    return key == section or key.startswith(f"{section}.")


def _path_of(text: str) -> ConfigPath | None:
    """Return the path of a key or of a variable; None for a variable that sets no key."""
    if text.startswith(VARIABLE_PREFIX):
        return variable_path(text)
    return parse_path(text) if text else ()


def _is_protected(path: ConfigPath) -> bool:
    """Return whether a key is never guessed, or a section contains one that is not."""
    node = find_node(path)
    keys = [(path, node)] if isinstance(node, ConfigKey) else list(node.walk(path)) if node else []
    return not keys or any(
        key.admin or any(name in _PORT_KEYS for name in key_path) for key_path, key in keys
    )
