"""Changes settings while the server runs: checked, written, and what can be applied is."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.overrides import (
    merge_patch,
    read_overrides,
    render_overrides,
    write_overrides,
)
from wyoming_servers.config.schema import Config, ModelSection, WakeWordSection
from wyoming_servers.core.errors import InternalError

ApplyCallback = Callable[[Config, Config, str], bool]
"""Called with the old and the new configuration and a key that differs; True if it holds now."""

_HIGHER_SOURCES: Final = frozenset({"environment", "command line"})
"""Sources that win over what is changed at run time."""


_NAMED_SECTION_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "models.": ModelSection().model_dump(mode="json"),
    "wake.words.": WakeWordSection().model_dump(mode="json"),
}
"""Sections that come and go, each with a name in its path: what holds without one."""


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """What came of a change; keys as dotted paths."""

    changed: tuple[str, ...] = ()
    """Keys whose value is another now."""
    restart_needed: tuple[str, ...] = ()
    """Those among all changes so far that hold from the next start on."""
    shadowed: Mapping[str, str] | None = None
    """Keys that were written and have no effect, since this source wins over them."""


class ConfigEditor:
    """The configuration that holds, and the one that will after a restart."""

    def __init__(self, loaded: LoadedConfig, apply: ApplyCallback) -> None:
        self._loaded = loaded
        self._apply = apply
        self._pending: set[str] = set()
        self._turn = asyncio.Lock()

    @property
    def loaded(self) -> LoadedConfig:
        """The configuration as it was written last."""
        return self._loaded

    @property
    def restart_needed(self) -> tuple[str, ...]:
        """Keys whose value holds from the next start on."""
        return tuple(sorted(self._pending))

    async def patch(self, patch: Mapping[str, Any]) -> ConfigChange:
        """Lay a JSON Merge Patch over the overrides; null takes a key back to what lies below.

        Raises ConfigError with every fault, and nothing has changed then.
        """
        async with self._turn:
            return await self._patch(patch)

    async def _patch(self, patch: Mapping[str, Any]) -> ConfigChange:
        again = self._loaded.reload
        if again is None:
            raise InternalError("This configuration was not read from anywhere.")
        old = self._loaded
        folder = old.config.data_dir
        values = merge_patch(await asyncio.to_thread(read_overrides, folder), patch)
        new = await asyncio.to_thread(again, render_overrides(values))
        await asyncio.to_thread(write_overrides, folder, values)
        self._loaded = new
        before, after = _flatten_config(old.config), _flatten_config(new.config)
        changed = [
            key
            for key in {**before, **after}
            if before.get(key, _default_of(key)) != after.get(key, _default_of(key))
        ]
        for key in changed:
            if self._apply(old.config, new.config, key):
                self._pending.discard(key)
            else:
                self._pending.add(key)
        shadowed = {
            key: source
            for key in _flatten(patch)
            if (source := new.sources.get(key, "")) in _HIGHER_SOURCES
        }
        return ConfigChange(tuple(sorted(changed)), self.restart_needed, shadowed)


def _default_of(key: str) -> Any:
    """Return what holds for a model or a wake word that has no section of its own."""
    name = key.rpartition(".")[2]
    for prefix, defaults in _NAMED_SECTION_DEFAULTS.items():
        if key.startswith(prefix):
            return defaults.get(name)
    return None


def _flatten_config(config: Config) -> dict[str, Any]:
    return _flatten(config.model_dump(mode="json"))


def _flatten(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the values by dotted path."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = f"{path}.{name}" if path else str(name)
        if isinstance(value, Mapping):
            found |= _flatten(value, inner)
        else:
            found[inner] = value
    return found
