"""Writes `config.example.yaml` from the schema: every key, what it takes, its default.

`python -m wyoming_servers.config.reference > config.example.yaml` renews it; a test compares them.
"""

import sys
import textwrap
from collections.abc import Iterator
from typing import Any, Final

import yaml

from wyoming_servers.config.key_tree import (
    ConfigGroup,
    ConfigKey,
    ConfigPath,
    key_tree,
)
from wyoming_servers.config.sources import variable_name

_WIDTH: Final = 96
_MIB: Final = 1024 * 1024
_END: Final = "...\n"
"""What YAML puts after a single scalar."""
_HEADER: Final = """\
# Wyoming Conductor: every setting with its default.
#
# Copy this file to ~/.config/wyoming-conductor/config.yaml, or name it with `--config FILE`, and
# remove the `#` in front of what you change. Check it with `wyoming-conductor config check`.
#
# Any key can also be set by an environment variable ({port}=10301)
# or on the command line (`--set asr.port=10301`). The command line wins over the environment, the
# environment over what was changed while the server ran, and that over this file. Seconds can be
# written as `500ms`, `30s`, `5m` or `1h`, bytes as `512MiB` or `2GiB`.
"""


def example_file() -> str:
    """Return the file's text."""
    lines = [_HEADER.format(port=variable_name(("asr", "port")))]
    lines += _branch(key_tree(), (), 0)
    return "\n".join(lines)


def _branch(branch: ConfigGroup, path: ConfigPath, depth: int) -> Iterator[str]:
    for name, node in branch.children.items():
        yield from _node(name, node, (*path, name), depth)


def _node(name: str, node: ConfigKey | ConfigGroup, path: ConfigPath, depth: int) -> Iterator[str]:
    if isinstance(node, ConfigKey):
        yield from _comment(f"{node.description} [{_constraint(node)}]", depth)
        yield f"{_indent(depth)}#{_entry(name, _readable_default(node))}"
        if depth == 0:
            yield ""
        return
    if isinstance(node.entry, ConfigGroup):
        yield from _comment(node.title, depth)
        yield f"{_indent(depth)}{name}:"
        yield f"{_indent(depth + 1)}#{node.example_name}:"
        yield from _branch(node.entry, (*path, node.example_name), depth + 2)
    elif node.entry is not None:
        yield from _comment(node.title, depth)
        yield f"{_indent(depth)}#{name}:"
        yield f"{_indent(depth + 1)}#{_entry(node.example_name, node.example_value)}"
    else:
        yield from _comment(node.title, depth)
        yield f"{_indent(depth)}{name}:"
        yield from _branch(node, path, depth + 1)
    if depth == 0:
        yield ""


def _constraint(key: ConfigKey) -> str:
    return key.short_constraint + (", or nothing" if key.nullable else "")


def _comment(text: str, depth: int) -> Iterator[str]:
    prefix = f"{_indent(depth)}# "
    for line in textwrap.wrap(text, _WIDTH - len(prefix), break_on_hyphens=False):
        yield prefix + line


def _indent(depth: int) -> str:
    return "  " * depth


def _readable_default(key: ConfigKey) -> Any:
    """Return the default as a person would write it."""
    if key.kind == "size" and key.default % _MIB == 0:
        return f"{key.default // _MIB}MiB"
    if key.kind == "duration" and key.default is not None and key.default == int(key.default):
        return int(key.default)
    return str(key.default) if key.kind == "path" and key.default is not None else key.default


def _entry(name: str, value: Any) -> str:
    if value is None:
        return f"{name}:"
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return f"{name}: {text.removesuffix(_END).strip()}"


if __name__ == "__main__":
    sys.stdout.write(example_file())
