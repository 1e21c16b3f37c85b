"""The configuration in effect: an immutable snapshot that is replaced as a whole.

Everything that serves requests holds a `ConfigHolder` and reads `holder.current` once per request,
never at construction. A change replaces the snapshot and raises the revision; a request that is
already running keeps the snapshot that it read.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wyoming_servers.config.schema import Config

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConfigUpdate:
    """One replacement of the snapshot."""

    revision: int
    old: Config
    new: Config
    changed: frozenset[str]
    """Dotted paths of the keys whose value changed."""

    def touches(self, *prefixes: str) -> bool:
        """Return whether a key that begins with one of these texts changed."""
        return any(key.startswith(prefixes) for key in self.changed)


ConfigListener = Callable[[ConfigUpdate], None]
"""Called after the snapshot was replaced; must not block."""


class ConfigHolder:
    """Holds the configuration in effect. Belongs to the event loop; not thread-safe."""

    def __init__(self, config: Config) -> None:
        self.current = config
        """The values in effect now; replaced only by `replace`."""
        self.revision = 1
        """Number of the current snapshot: 1 at the start, one more after each replacement."""
        self._listeners: list[tuple[ConfigListener, tuple[str, ...]]] = []

    def subscribe(self, listener: ConfigListener, *prefixes: str) -> Callable[[], None]:
        """Call `listener` after each change of a key that begins with one of these texts.

        Without any, it is called after every change. Returns a function that ends the subscription.
        """
        entry = (listener, prefixes)
        self._listeners.append(entry)
        return lambda: self._listeners.remove(entry)

    def replace(self, config: Config, changed: frozenset[str]) -> ConfigUpdate:
        """Put `config` into effect and notify its listeners in the order of their subscription.

        A listener that fails is logged: the others are notified nevertheless.
        """
        old, self.current = self.current, config
        self.revision += 1
        update = ConfigUpdate(self.revision, old, config, changed)
        for listener, prefixes in list(self._listeners):
            if prefixes and not update.touches(*prefixes):
                continue
            try:
                listener(update)
            except Exception:
                _LOGGER.exception("A configuration change was not applied everywhere")
        return update
