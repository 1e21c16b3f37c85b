"""How full a device is, in three words that do not flicker."""

from enum import StrEnum
from typing import Final


class MemoryPressure(StrEnum):
    """How full a device's memory is, whoever holds it."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"
    """No speculative work is begun."""


_CRITICAL: Final = (0.95, 0.90)
_WARNING: Final = (0.80, 0.75)
"""A level begins at the first share of the memory and is left below the second, so that use that
swings around a threshold makes no noise."""


def pressure_level(before: MemoryPressure, used_fraction: float) -> MemoryPressure:
    """Return the level that follows from the share of memory in use, 0 to 1."""
    if used_fraction >= _CRITICAL[before is MemoryPressure.CRITICAL]:
        return MemoryPressure.CRITICAL
    if used_fraction >= _WARNING[before is not MemoryPressure.NORMAL]:
        return MemoryPressure.WARNING
    return MemoryPressure.NORMAL
