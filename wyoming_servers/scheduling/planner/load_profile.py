"""How long the phases of a load take on this machine, and how far a load under way is.

A worker reports which phase it is in, rarely more: libraries load a model in one call. The time
that each phase took at an earlier load tells the percentage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MAX_PERCENT: Final = 99
"""A load that takes longer than expected stays here until it is ready."""

_TOLERANCE: Final = 0.25
"""A load that differs less from the profile does not change it."""


class LoadProfile(NamedTuple):
    """An earlier load."""

    phases: Mapping[str, float]
    """Phase to its start, in seconds after the launch of the process."""
    seconds: float
    """From the launch until the model was ready."""

    def is_similar(self, other: "LoadProfile") -> bool:
        """Return whether another load went the same way."""
        return (
            set(self.phases) == set(other.phases)
            and abs(self.seconds - other.seconds) <= _TOLERANCE * self.seconds
        )


@dataclass(slots=True)
class LoadProgress:
    """A load under way."""

    launched_at: float
    phase: str = "load"
    percent: int = -1
    """Of the whole load if an earlier one is known, and never less than before; otherwise of the
    phase, as the worker has reported; -1 if unknown."""
    starts: dict[str, float] = field(default_factory=dict)
    """Phase to its start, in seconds after the launch."""
    reported: int = -1
    """Percentage of the phase, from the worker."""

    def report(self, phase: str, percent: int, now: float) -> None:
        """Note what the worker has reported: the phase, and its percentage or -1."""
        self.starts.setdefault(phase, now - self.launched_at)
        self.phase, self.reported = phase, percent

    def update(self, profile: LoadProfile | None, now: float) -> None:
        """Update the percentage.

        With an earlier load, each phase begins where it began then, and takes at most as long.
        """
        if profile is None or profile.seconds <= 0:
            self.percent = self.reported
            return
        begun = self.starts.get(self.phase, 0.0)
        start = profile.phases.get(self.phase, 0.0) if self.starts else 0.0
        later = [at for at in profile.phases.values() if at > start]
        length = max(0.0, min(later, default=profile.seconds) - start)
        elapsed = min(now - self.launched_at - begun, length)
        reached = start + max(elapsed, length * self.reported / 100)
        self.percent = max(self.percent, min(int(100 * reached / profile.seconds), MAX_PERCENT), 0)

    def finish(self, now: float) -> LoadProfile:
        """Return the profile of this load, which has just ended."""
        return LoadProfile(dict(self.starts), now - self.launched_at)
