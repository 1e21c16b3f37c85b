"""Settings of the server that are entities here: each a line in a table, written by PATCH /config.

A server that cannot be configured over HTTP has none of these entities.
"""

from collections.abc import Callable
from typing import Any

from .coordinator import ConductorCoordinator
from .entity import ask
from .snapshot import Snapshot

type Path = tuple[str, ...]

AUTO = "auto"


def can_be_set(coordinator: ConductorCoordinator) -> bool:
    """Return whether the server can be configured over HTTP."""
    return coordinator.data.config is not None


def read(snapshot: Snapshot, path: Path) -> Any:
    """Return a setting's value, None if there is none."""
    return None if snapshot.config is None else snapshot.config.get(*path)


async def write(coordinator: ConductorCoordinator, path: Path, value: Any) -> None:
    """Change a setting and read what it led to. Raises HomeAssistantError."""
    await ask(coordinator, coordinator.client.change_config(path, value))
    await coordinator.async_request_refresh()


def percent(value: Any) -> float | None:
    """Return the number in a text such as `90%`; None for anything else."""
    text = str(value)
    number = text.removesuffix("%")
    return float(number) if text.endswith("%") and number.isdecimal() else None


def minutes(value: Any) -> float | None:
    """Return seconds as minutes; None for a negative number, which means for ever."""
    return value / 60 if isinstance(value, int | float) and value >= 0 else None


def plain(value: Any) -> float | None:
    """Return a number as it is."""
    return value if isinstance(value, int | float) else None


type Reader = Callable[[Any], float | None]
