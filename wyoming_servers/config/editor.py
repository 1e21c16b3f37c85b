"""Changes settings while the server runs: validates, saves, and puts live keys into effect."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.key_tree import ConfigKey, ConfigPath, dotted_path, find_node
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.overrides import (
    merge_patch,
    read_overrides,
    render_overrides,
    write_overrides,
)
from wyoming_servers.config.schema import Applies, Config
from wyoming_servers.core.errors import InternalError

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
