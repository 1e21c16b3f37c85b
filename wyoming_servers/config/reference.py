"""Documents that are generated from the schema: `example-config.yaml`, `docs/configuration.md`.

`script/docs` writes them, and `script/lint` checks that they are current.
"""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from wyoming_servers.config.key_tree import (
    WILDCARD,
    ConfigGroup,
    ConfigKey,
    ConfigPath,
    dotted_path,
    key_tree,
)
from wyoming_servers.config.sources import VARIABLE_PREFIX, variable_name

_WIDTH: Final = 96
_MIB: Final = 1024 * 1024
_END: Final = "...\n"
"""PyYAML appends this to a document that is a single scalar."""
_HEADER: Final = """\
# Wyoming Conductor: every setting with its default.
#
# Copy this file to ~/.config/wyoming-conductor/config.yaml, or pass it with `--config FILE`, and
# remove the `#` in front of the keys you change. Check it with `wyoming-conductor config check`.
#
# Every key can also be set with an environment variable ({port}=10301)
# or on the command line (`--set asr.port=10301`). The command line takes precedence over the
# environment, the environment over changes at run time, and those over this file. Durations can be
# written as `500ms`, `30s`, `5m` or `1h`, sizes as `512MiB` or `2GiB`.
"""


def example_file() -> str:
    """Return the content of `example-config.yaml`."""
    lines = [_HEADER.format(port=variable_name(("asr", "port")))]
    lines += _example_group(key_tree(), (), 0)
    return "\n".join(lines)


def _example_group(group: ConfigGroup, path: ConfigPath, depth: int) -> Iterator[str]:
    for name, node in group.children.items():
        yield from _example_node(name, node, (*path, name), depth)


def _example_node(
    name: str, node: ConfigKey | ConfigGroup, path: ConfigPath, depth: int
) -> Iterator[str]:
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
        yield from _example_group(node.entry, (*path, node.example_name), depth + 2)
    elif node.entry is not None:
        yield from _comment(node.title, depth)
        yield f"{_indent(depth)}#{name}:"
        yield f"{_indent(depth + 1)}#{_entry(node.example_name, node.example_value)}"
    else:
        yield from _comment(node.title, depth)
        yield f"{_indent(depth)}{name}:"
        yield from _example_group(node, path, depth + 1)
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
    """Return the default with the usual unit."""
    if key.kind == "size" and key.default and key.default % _MIB == 0:
        return f"{key.default // _MIB}MiB"
    if key.kind == "duration" and key.default is not None and key.default == int(key.default):
        return int(key.default)
    return str(key.default) if key.kind == "path" and key.default is not None else key.default


def _entry(name: str, value: Any) -> str:
    if value is None:
        return f"{name}:"
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return f"{name}: {text.removesuffix(_END).strip()}"


_INTRO: Final = """\
# Configuration

<!-- Generated from the schema by script/docs; do not edit. -->

The server reads `~/.config/wyoming-conductor/config.yaml`, or the file given with `--config FILE`.
`example-config.yaml` in the repository lists every key with its default.
`wyoming-conductor config check` validates a configuration and reports all errors at once;
`wyoming-conductor config show` prints every value with its source.

Sources, in order of precedence:

1. the command line: `--set asr.port=10301`
2. environment variables, in the last column of the tables below
3. changes at run time: `PATCH /config` and the settings in Home Assistant, saved as
   `<data_dir>/config-overrides.yaml`
4. the configuration file
5. the defaults

A wrong setting in the file or the environment does not stop the start where its default is safe:
the default is used, and the log, `/health`, the event `setting_ignored` and `doctor` name it. A
wrong port, `host`, `data_dir` or key that protects the server does stop it, and so does every
problem with `serve --strict`.

Durations are seconds, or texts such as `500ms`, `30s`, `5m`, `1h`. Sizes are bytes, or texts such
as `512MiB`, `2GiB`. All environment variables begin with `{prefix}`, which the tables leave out.

Settings can be changed while the server runs: with Home Assistant, `wyoming-conductor config set`,
or `PATCH /config`. A changed value *applies* from the next request on (*live*), or as soon as the
models that it concerns were loaded again (*reload*): the old worker serves until the new one is
ready, and a value with which the model cannot be loaded is refused. Ports, `host`, `data_dir`,
`log.format`, `api.tls` and `security.sandbox` apply at the next start (*restart*; `POST /restart`
restarts the server). `GET /config` returns the values in effect and, separately, the saved values
that are still pending.
"""

_KINDS: Final = {
    "text": "text",
    "path": "path",
    "integer": "integer",
    "number": "number",
    "duration": "duration (s)",
    "keep_alive": "`auto` or duration (s)",
    "size": "size (bytes)",
    "boolean": "boolean",
    "choice": "choice",
    "list": "list of texts",
    "scalar": "text, number or boolean",
    "preload": "boolean or list of texts",
}


def configuration_document() -> str:
    """Return the content of `docs/configuration.md`: one table per section."""
    root = key_tree()
    keys: dict[ConfigPath, ConfigKey] = {
        (name,): node for name, node in root.children.items() if isinstance(node, ConfigKey)
    }
    parts = [_INTRO.format(prefix=VARIABLE_PREFIX), "## Top level", _key_table(keys)]
    for name, node in root.children.items():
        if isinstance(node, ConfigGroup):
            parts += _section_parts((name,), node)
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _section_parts(path: ConfigPath, group: ConfigGroup) -> Iterator[str]:
    """Yield the heading and table of a section, then those of the sections below it."""
    name = f"<{_ENTRY_NAMES[path]}>" if path in _ENTRY_NAMES else ""
    if isinstance(group.entry, ConfigGroup):
        yield f"## `{dotted_path((*path, name))}`"
        yield group.title
        yield _key_table({(*path, name, *inner): key for inner, key in group.entry.walk()})
        return
    yield f"## `{dotted_path(path)}`"
    yield group.title
    keys: dict[ConfigPath, ConfigKey] = {}
    below: list[tuple[ConfigPath, ConfigGroup]] = []
    for child, node in group.children.items():
        if isinstance(node, ConfigKey):
            keys[*path, child] = node
        elif isinstance(node.entry, ConfigKey):
            keys[*path, child, WILDCARD] = node.entry
        else:
            below.append(((*path, child), node))
    yield _key_table(keys)
    for inner, node in below:
        yield from _section_parts(inner, node)


_ENTRY_NAMES: Final[Mapping[ConfigPath, str]] = {
    ("models",): "model id",
    ("wake", "word_settings"): "wake word",
}

_PLACEHOLDER: Final = "X"

_ADMIN_NOTE: Final = " Over the API it needs a token with scope `admin`."


def _key_table(keys: Mapping[ConfigPath, ConfigKey]) -> str:
    rows = [
        "| key | type | default | applies | description | environment variable |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for path, key in keys.items():
        cells = (
            f"`{dotted_path(path).replace(WILDCARD, '<name>')}`",
            _escape(_type(key)),
            _default(key),
            key.applies,
            _escape(key.description + (_ADMIN_NOTE if key.admin else "")),
            f"`{_variable(path)}`",
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def _escape(text: str) -> str:
    """Escape what Markdown would take for HTML, such as `<data_dir>`."""
    return text.replace("<", "&lt;")


def _type(key: ConfigKey) -> str:
    if key.kind == "choice":
        return " or ".join(f"`{choice}`" for choice in key.choices)
    text = _KINDS[key.kind]
    low, high = key.minimum, key.maximum
    if key.exclusive_bounds:
        return f"{text}, {low:g} < x < {high:g}"
    if low is not None and high is not None:
        return f"{text}, {low:.10g} to {high:.10g}"
    return f"{text}, at least {low:.10g}" if low is not None else text


def _default(key: ConfigKey) -> str:
    value = _readable_default(key)
    if value is None or value in ("", [], {}):
        return "none"
    return f"`{_entry('x', value).removeprefix('x: ')}`"


def _variable(path: ConfigPath) -> str:
    """Return the variable without the common prefix; placeholders for chosen names."""
    if path[-1] == WILDCARD and path[0] != "models":
        path = path[:-1]
    for section, name in _ENTRY_NAMES.items():
        if path[: len(section)] == section:
            path = (*section, _PLACEHOLDER, *path[len(section) + 1 :])
            placeholder = f"<{name.upper().replace(' ', '_')}>"
            variable = variable_name(path).replace(_PLACEHOLDER, placeholder)
            break
    else:
        variable = variable_name(path)
    return variable.removeprefix(VARIABLE_PREFIX).replace(WILDCARD, "<NAME>")
