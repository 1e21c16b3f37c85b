"""The overrides file: settings changed at run time, which take precedence over the config file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from wyoming_servers.core.files import atomic_write

OVERRIDES_NAME: Final = "config-overrides.yaml"
_HEADER: Final = "# Written by Wyoming Conductor when settings are changed at run time.\n"


def overrides_path(data_dir: Path) -> Path:
    """Return the path of the file, which may not exist."""
    return data_dir / OVERRIDES_NAME


def read_overrides(data_dir: Path) -> dict[str, Any]:
    """Return the overrides, nested as in the configuration; empty without a file.

    Blocks on the disk. The values are not validated; `load_config` does that.
    """
    try:
        text = overrides_path(data_dir).read_text("utf-8")
    except FileNotFoundError:
        return {}
    return yaml.safe_load(text) or {}


def merge_patch(current: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return `current` with a JSON Merge Patch (RFC 7396) applied; None removes a key.

    Mappings that become empty are removed as well.
    """
    merged = dict(current)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            below = merged.get(name)
            inner = merge_patch(below if isinstance(below, Mapping) else {}, value)
            merged.pop(name, None)
            if inner:
                merged[name] = inner
        else:
            merged[name] = value
    return merged


def render_overrides(values: Mapping[str, Any]) -> str:
    """Return the content of the file."""
    if not values:
        return _HEADER
    return _HEADER + yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)


def write_overrides(data_dir: Path, values: Mapping[str, Any]) -> None:
    """Replace the file atomically, or delete it if there are no overrides. Blocks on the disk.

    Raises OSError if the folder is not writable.
    """
    target = overrides_path(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    if not values:
        target.unlink(missing_ok=True)
        return
    atomic_write(target, render_overrides(values))
