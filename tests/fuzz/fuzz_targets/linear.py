"""An oracle for time: work on a text may grow with its length, but no faster."""

import time
from collections.abc import Callable
from typing import Final

MAX_RATIO: Final = 3.0
"""Twice the text may take this many times as long; quadratic work takes four times as long."""

LONG: Final = 8_000
"""Characters to which a text is repeated: attacks on regular expressions are repetitions."""

_NEGLIGIBLE_SECONDS: Final = 0.1
"""Shorter times are not compared: they are noise, and nobody's request waits for them."""

_SAMPLE: Final = 32
"""Only one of so many texts is repeated, so that inputs stay fast."""


def check_linear(work: Callable[[str], object], text: str, *, always: bool = False) -> None:
    """Run `work` on a text; fail if twice as much text takes more than three times as long."""
    _check(work, text)
    if text and (always or sum(map(ord, text)) % _SAMPLE == 0):
        _check(work, text * (LONG // len(text) + 1))


def _check(work: Callable[[str], object], text: str) -> None:
    if _seconds(work, text) < _NEGLIGIBLE_SECONDS / MAX_RATIO:
        return
    ratio = 0.0
    for _ in range(5):  # the machine may be busy with something else
        once = min(_seconds(work, text) for _ in range(2))
        twice = _seconds(work, text + text)
        ratio = twice / max(once, 1e-6)
        if ratio < MAX_RATIO or twice < _NEGLIGIBLE_SECONDS:
            return
    raise AssertionError(f"twice the text takes {ratio:.1f} times as long ({len(text)} characters)")


def _seconds(work: Callable[[str], object], text: str) -> float:
    start = time.thread_time()
    work(text)
    return time.thread_time() - start
