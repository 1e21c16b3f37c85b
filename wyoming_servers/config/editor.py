"""Changes settings while the server runs: validates, saves, and puts live keys into effect.

Changes are saved in the overrides file in the data folder, which takes precedence over the
configuration file.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from wyoming_servers.config.errors import ConfigError, ConfigProblem
from wyoming_servers.config.holder import ConfigHolder, ConfigUpdate
from wyoming_servers.config.key_tree import (
    ConfigGroup,
    ConfigKey,
    ConfigPath,
    dotted_path,
    find_node,
)
from wyoming_servers.config.load import LoadedConfig, overrides_path, previous_overrides_path
from wyoming_servers.config.schema import RENAMED_KEYS, Applies, Config
from wyoming_servers.core.errors import ConductorError, ForbiddenError, InternalError, StorageError
from wyoming_servers.core.events import ConfigChanged, Event
from wyoming_servers.core.files import atomic_write, remove_file, storage_errors

_HEADER: Final = "# Written by Wyoming Conductor when settings are changed at run time.\n"

_HIGHER_SOURCES: Final = frozenset({"environment", "command line"})
"""Sources that take precedence over settings that are changed at run time."""


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """One key after a change, with JSON values."""

    value: Any
    """The saved value: that of the next start."""
    source: str
    """file, overrides, environment, command line or default."""
    effective: Any
    """The value in effect."""
    pending: bool
    """Whether the saved value takes effect at the next start."""
    applies: Applies
    note: str = ""
    """What the change meant for running requests, if anything."""


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """Result of a change; keys as dotted paths."""

    changed: tuple[str, ...] = ()
    """Keys whose saved value changed."""
    restart_needed: tuple[str, ...] = ()
    """Keys, of this and earlier changes, whose saved value takes effect at the next start."""
    shadowed: Mapping[str, str] = field(default_factory=dict)
    """Keys that were saved without effect, each with the source that takes precedence."""
    keys: Mapping[str, KeyStatus] = field(default_factory=dict)
    """Every key of the change, and every key that it changed."""


class ConfigApplier(Protocol):
    """Checks and carries out what a change means for the running server."""

    async def check(self, saved: Config, effective: Config) -> list[ConfigProblem]:
        """Return why the server could not start with `saved`; `effective` runs now."""
        ...

    async def prepare(self, old: Config, new: Config, changed: frozenset[str]) -> Mapping[str, str]:
        """Load the models that `new` needs; return notes by key.

        Raises ConductorError if that is impossible: nothing has changed then.
        """
        ...

    async def apply(self, update: ConfigUpdate) -> None:
        """Put an update into effect that the holder has already."""
        ...


class NoConfigApplier:
    """A `ConfigApplier` for which the snapshot is all that matters; for tests."""

    async def check(self, saved: Config, effective: Config) -> list[ConfigProblem]:
        return []

    async def prepare(self, old: Config, new: Config, changed: frozenset[str]) -> Mapping[str, str]:
        return {}

    async def apply(self, update: ConfigUpdate) -> None:
        return


@dataclass(frozen=True, slots=True)
class PendingValue:
    """A saved value that is not in effect yet."""

    effective: Any
    saved: Any
    source: str
    """file, overrides, environment, command line or default."""
    applies: Applies


class ConfigEditor:
    """Owns the saved configuration, and puts what needs no restart into effect at once."""

    def __init__(
        self,
        loaded: LoadedConfig,
        holder: ConfigHolder,
        applier: ConfigApplier | None = None,
        publish: Callable[[Event], object] | None = None,
        resolve: Callable[[Config], Config] | None = None,
    ) -> None:
        """`publish` receives a `ConfigChanged` after each change.

        `resolve` replaces values such as `auto` by those that they mean now; it may block.
        """
        self._saved = loaded
        self._holder = holder
        self._applier = applier or NoConfigApplier()
        self._publish = publish
        self._resolve = resolve
        self._resolved = loaded.config if resolve is None else holder.current
        """The saved configuration with the values that it means."""
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
        saved, effective = _flatten_json(self._resolved), _flatten_json(self.effective)
        return {
            dotted_path(path): PendingValue(
                effective=effective.get(path, _default(path)),
                saved=saved.get(path, _default(path)),
                source=self._saved.sources.get(dotted_path(path), "default"),
                applies=_applies(path),
            )
            for path in _changed(effective, saved)
        }

    async def patch(self, patch: Mapping[str, Any], *, admin: bool = True) -> ConfigChange:
        """Merge a JSON Merge Patch into the overrides; null removes an override.

        1. The whole configuration is checked as the next start would check it.
        2. The models that it needs are loaded, while the old ones serve.
        3. It is saved, and everything but the keys that need a restart is in effect.

        Raises ConfigError with all problems, the error of a model that could not be loaded, or
        ForbiddenError if a key that protects the server is changed without `admin`; nothing is
        changed then.
        """
        async with self._lock:
            return await self._patch(patch, admin=admin)

    async def _patch(self, patch: Mapping[str, Any], *, admin: bool) -> ConfigChange:
        reload = self._saved.reload
        if reload is None:
            raise InternalError("This configuration has no sources to reload.")
        old, folder = self._saved, self._saved.config.data_dir
        try:
            current: Mapping[str, Any] = await asyncio.to_thread(read_overrides, folder)
        except (OSError, ValueError, yaml.YAMLError):
            # Damaged since the start: what is in use counts.
            current = old.valid_overrides
        values = merge_patch(current, patch)
        if not admin and (keys := _admin_changes(current, values)):
            raise ForbiddenError(
                f"{', '.join(keys)}: changing this needs a token with scope admin.",
                hint="Change it in the configuration file, or with the token in "
                "<data_dir>/api-token.",
            )
        new = await asyncio.to_thread(reload, render_overrides(values))  # 1
        resolved = new.config
        if self._resolve is not None:
            resolved = await asyncio.to_thread(self._resolve, new.config)
        patched = [path for path, _ in _flatten(patch)]
        if problems := await self._applier.check(new.config, self.effective):
            raise ConfigError(self._located(problems, new, patched))
        before, effective = self.effective, self._effective_with(resolved)
        in_effect = frozenset(
            dotted_path(path) for path in _changed(_flatten_json(before), _flatten_json(effective))
        )
        notes: Mapping[str, str] = {}
        if in_effect:
            notes = await self._applier.prepare(before, effective, in_effect)  # 2
        try:
            await asyncio.to_thread(write_overrides, folder, values)  # 3
        except (OSError, StorageError):
            with suppress(ConductorError):
                await self._applier.prepare(effective, before, in_effect)
            raise
        self._saved, self._resolved = new, resolved
        if in_effect:
            await self._applier.apply(self._holder.replace(effective, in_effect))
        return self._describe_change(old, patched, notes)

    def _effective_with(self, saved: Config) -> Config:
        """Return the saved configuration, with the values in effect of keys that need a restart."""
        values = {path: value for path, value in _values(saved) if not _needs_restart(path)}
        values |= {path: value for path, value in _values(self.effective) if _needs_restart(path)}
        return Config.model_validate(_nest(values))

    def _located(
        self, problems: Iterable[ConfigProblem], new: LoadedConfig, patched: list[ConfigPath]
    ) -> list[ConfigProblem]:
        """Add the file that has the value, unless the value is part of the change."""
        keys = {dotted_path(path) for path in patched}
        return [
            replace(problem, where="the change")
            if problem.path in keys
            else replace(problem, where=new.location(problem.path))
            for problem in problems
        ]

    def _describe_change(
        self, old: LoadedConfig, patched: list[ConfigPath], notes: Mapping[str, str]
    ) -> ConfigChange:
        saved, effective = _flatten_json(self._saved.config), _flatten_json(self.effective)
        changed = _changed(_flatten_json(old.config), saved)
        pending = self.pending()
        sources = self._saved.sources
        keys = {
            dotted_path(path): KeyStatus(
                value=saved.get(path, _default(path)),
                source=sources.get(dotted_path(path), "default"),
                effective=effective.get(path, _default(path)),
                pending=dotted_path(path) in pending,
                applies=_applies(path),
                note=notes.get(dotted_path(path), ""),
            )
            for path in dict.fromkeys([*patched, *changed])
            if isinstance(find_node(path), ConfigKey)
        }
        names = tuple(sorted(dotted_path(path) for path in changed))
        shadowed = {key: keys[key].source for key in keys if keys[key].source in _HIGHER_SOURCES}
        if names and self._publish is not None:
            self._publish(
                ConfigChanged(
                    revision=self.revision, changed=names, restart_needed=self.restart_needed
                )
            )
        return ConfigChange(names, self.restart_needed, shadowed, keys)


def _changed(before: Mapping[ConfigPath, Any], after: Mapping[ConfigPath, Any]) -> list[ConfigPath]:
    """Return the paths whose values differ; a section without an entry has its defaults."""
    return [
        path
        for path in {**before, **after}
        if before.get(path, _default(path)) != after.get(path, _default(path))
    ]


def _admin_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the keys that need `admin` and whose override differs.

    That includes overrides without effect, because the source that takes precedence may go away.
    """
    old, new = dict(_flatten(before)), dict(_flatten(after))
    absent = object()
    changed = [path for path in {**old, **new} if old.get(path, absent) != new.get(path, absent)]
    return sorted(dotted_path(path) for path in changed if _needs_admin(path))


def _needs_admin(path: ConfigPath) -> bool:
    node = find_node(RENAMED_KEYS.get(path, path))
    if isinstance(node, ConfigGroup):
        return any(key.admin for _, key in node.walk())
    return node is not None and node.admin


def _default(path: ConfigPath) -> Any:
    """Return the value of a key that nothing sets, such as of a model without a section."""
    key = find_node(path)
    return key.default if isinstance(key, ConfigKey) else None


def _applies(path: ConfigPath) -> Applies:
    key = find_node(path)
    return key.applies if isinstance(key, ConfigKey) else Applies.RESTART


def _needs_restart(path: ConfigPath) -> bool:
    return _applies(path) is Applies.RESTART


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

    Raises StorageError if the disk refuses.
    """
    target = overrides_path(data_dir)
    if not values:
        remove_file(target)
        return
    text = render_overrides(values)
    with storage_errors(target):
        atomic_write(target, text)


def keep_good_overrides(data_dir: Path) -> None:
    """Keep a copy of the overrides with which the server has started. Blocks; raises OSError."""
    target, previous = overrides_path(data_dir), previous_overrides_path(data_dir)
    try:
        content = target.read_bytes()
    except FileNotFoundError:
        previous.unlink(missing_ok=True)
        return
    if not previous.exists() or previous.read_bytes() != content:
        atomic_write(previous, content)
