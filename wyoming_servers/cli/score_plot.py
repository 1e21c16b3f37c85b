"""Scores over time, drawn with letters. Pure."""

from collections.abc import Sequence
from typing import Final

_BARS: Final = " ▁▂▃▄▅▆▇█"
_EIGHTHS: Final = len(_BARS) - 1
_TICK: Final = 10
"""Columns between two marks on the time axis, at least."""


def plot(
    scores: Sequence[tuple[float, float]],
    seconds: float,
    threshold: float,
    *,
    width: int = 72,
    height: int = 6,
) -> list[str]:
    """Draw scores of 0 to 1 as lines of text, with the threshold as a dashed line.

    A score holds from the one before it to its own time. A column shows the best of those in it,
    so that a short peak is never lost.
    """
    columns = [0.0] * width
    begin = 0
    for at, score in scores:
        end = min(width - 1, int(at / max(seconds, 1e-9) * width))
        for column in range(min(begin, end), end + 1):
            columns[column] = max(columns[column], score)
        begin = end + 1
    limit = min(height - 1, int(threshold * height))
    lines = []
    for row in reversed(range(height)):
        label = f"{threshold:4.2f} " if row == limit else "1.00 " if row == height - 1 else "     "
        cells = "".join(_cell(value * height - row, dashed=row == limit) for value in columns)
        lines.append(f"{label}│{cells}")
    lines.append(f"     └{'─' * width}")
    lines.append("      " + _axis(seconds, width))
    return lines


def _cell(level: float, *, dashed: bool) -> str:
    """Return the letter for a bar that reaches `level` rows into its row."""
    eighths = round(min(1.0, max(0.0, level)) * _EIGHTHS)
    return "╌" if dashed and not eighths else _BARS[eighths]


def _axis(seconds: float, width: int) -> str:
    ticks = max(1, width // _TICK)
    line = ""
    for tick in range(ticks):
        line += f"{seconds * tick / ticks:.1f}".ljust(width * (tick + 1) // ticks - len(line))
    return f"{line}{seconds:.1f} s"
