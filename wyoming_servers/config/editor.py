"""Changes settings while the server runs: validates, saves, and puts live keys into effect.

Changes are saved in the overrides file in the data folder, which takes precedence over the
configuration file.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.key_tree import ConfigKey, ConfigPath, dotted_path, find_node
from wyoming_servers.config.load import LoadedConfig, overrides_path
from wyoming_servers.config.schema import Applies, Config
from wyoming_servers.core.errors import InternalError
from wyoming_servers.core.files import atomic_write

_HEADER: Final = "# Written by Wyoming Conductor when settings are changed at run time.\n"

_HIGHER_SOURCES: Final = frozenset({"environment", "command line"})
"""Sources that take precedence over settings that are changed at run time."""


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """Result of a change; keys as dotted paths."""

    changed: tuple[str, ...] = ()
    """Keys whose saved value changed."""
    restart_needed: tuple[str, ...] = ()
    """Keys, of this and earlier changes, whose saved value takes effect at the next start."""
    shadowed: Mapping[str, str] = field(default_factory=dict)
    """Keys that were saved without effect, each with the source that takes precedence."""


@dataclass(frozen=True, slots=True)
class PendingValue:
    """A saved value that is not in effect yet."""

    effective: Any
    saved: Any
    source: str
    """file, overrides, environment, command line or default."""
    applies: Applies


class ConfigEditor:
    """Owns the saved configuration, and replaces the one in effect when a live key changes."""

    def __init__(self, loaded: LoadedConfig, holder: ConfigHolder) -> None:
        self._saved = loaded
        self._holder = holder
        self._lock = asyncio.Lock()

    @property
    def saved(self) -> LoadedConfig:
        """The configuration as it was saved last: the values of the next start."""
        return self._saved

    @property
    def effective(self) -> Config:
        """The configuration in effect."""
        return self._holder.current

    @property
    def revision(self) -> int:
        """Revision of the configuration in effect."""
        return self._holder.revision

    @property
    def restart_needed(self) -> tuple[str, ...]:
        """Keys whose saved value takes effect at the next start."""
        return tuple(sorted(self.pending()))

    def pending(self) -> dict[str, PendingValue]:
        """Return the keys whose saved value differs from the value in effect, as JSON values."""
        saved, effective = _flatten_json(self._saved.config), _flatten_json(self.effective)
        return {
            dotted_path(path): PendingValue(
                effective=effective.get(path, _default(path)),
                saved=saved.get(path, _default(path)),
                source=self._saved.sources.get(dotted_path(path), "default"),
                applies=_applies(path),
            )
            for path in _changed(effective, saved)
        }

    async def patch(self, patch: Mapping[str, Any]) -> ConfigChange:
        """Merge a JSON Merge Patch into the overrides; null removes an override.

        Raises ConfigError with all problems; nothing is changed then.
        """
        async with self._lock:
            return await self._patch(patch)

    async def _patch(self, patch: Mapping[str, Any]) -> ConfigChange:
        reload = self._saved.reload
        if reload is None:
            raise InternalError("This configuration has no sources to reload.")
        old, folder = self._saved, self._saved.config.data_dir
        values = merge_patch(await asyncio.to_thread(read_overrides, folder), patch)
        new = await asyncio.to_thread(reload, render_overrides(values))
        await asyncio.to_thread(write_overrides, folder, values)
        self._saved = new
        changed = _changed(_flatten_json(old.config), _flatten_json(new.config))
        self._apply_live(changed)
        shadowed = {
            key: source
            for path, _ in _flatten(patch)
            if (source := new.sources.get(key := dotted_path(path), "")) in _HIGHER_SOURCES
        }
        keys = tuple(sorted(dotted_path(path) for path in changed))
        return ConfigChange(keys, self.restart_needed, shadowed)

    def _apply_live(self, changed: list[ConfigPath]) -> None:
        """Put the live ones of the changed keys into effect; all other keys keep their value."""
        live = frozenset(dotted_path(path) for path in changed if _applies(path) is Applies.LIVE)
        if not live:
            return
        values = {path: value for path, value in _values(self.effective) if not _is_live(path)}
        values |= {path: value for path, value in _values(self._saved.config) if _is_live(path)}
        self._holder.replace(Config.model_validate(_nest(values)), live)


def _changed(before: Mapping[ConfigPath, Any], after: Mapping[ConfigPath, Any]) -> list[ConfigPath]:
    """Return the paths whose values differ; a section without an entry has its defaults."""
    return [
        path
        for path in {**before, **after}
        if before.get(path, _default(path)) != after.get(path, _default(path))
    ]


def _default(path: ConfigPath) -> Any:
    """Return the value of a key that nothing sets, such as of a model without a section."""
    key = find_node(path)
    return key.default if isinstance(key, ConfigKey) else None


def _applies(path: ConfigPath) -> Applies:
    key = find_node(path)
    return key.applies if isinstance(key, ConfigKey) else Applies.RESTART


def _is_live(path: ConfigPath) -> bool:
    return _applies(path) is Applies.LIVE


def _flatten_json(config: Config) -> dict[ConfigPath, Any]:
    return dict(_flatten(config.model_dump(mode="json")))


def _values(config: Config) -> Iterator[tuple[ConfigPath, Any]]:
    return _flatten(config.model_dump())


def _flatten(values: Mapping[str, Any], path: ConfigPath = ()) -> Iterator[tuple[ConfigPath, Any]]:
    """Yield every value with its path."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, (*path, str(name)))
        else:
            yield (*path, str(name)), value


def _nest(values: Mapping[ConfigPath, Any]) -> dict[str, Any]:
    """Invert `_flatten`."""
    root: dict[str, Any] = {}
    for path, value in values.items():
        section = root
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = value
    return root


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
