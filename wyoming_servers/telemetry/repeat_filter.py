"""Limits how often similar log lines are written, so that no client can fill a disk with them."""

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

IDENTICAL_BURST: Final = 20
"""Lines with the same text, numbers aside, that are written at once; after that one per
`IDENTICAL_SECONDS`. A client chooses its port, so numbers do not make lines different."""

IDENTICAL_SECONDS: Final = 10.0

SIMILAR_BURST: Final = 200
"""Lines of one place in the code that are written at once; after that `SIMILAR_PER_SECOND`.
A client chooses the texts in some of them."""

SIMILAR_PER_SECOND: Final = 10.0

_MAX_KINDS: Final = 512
"""Kinds of lines to remember; the least recently seen one is forgotten first."""

_NUMBER: Final = re.compile(r"[0-9]+")


@dataclass(slots=True)
class _Bucket:
    tokens: float
    updated_at: float
    suppressed: int = 0

    def take(self, now: float, most: float, per_second: float) -> bool:
        self.tokens = min(most, self.tokens + (now - self.updated_at) * per_second)
        self.updated_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class RepeatFilter(logging.Filter):
    """Drops lines that repeat too often; the next one that is written tells how many.

    Debug lines always pass: they are requested on purpose, and for a short time.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a line; adds the number of dropped lines to its text."""
        if record.levelno < logging.INFO:
            return True
        text = record.getMessage()
        similar_key = (record.name, str(record.msg))
        identical_key = (record.name, "\n" + _NUMBER.sub("#", text[:500]))
        with self._lock:
            now = self._now()
            identical = self._bucket(identical_key, IDENTICAL_BURST, now)
            similar = self._bucket(similar_key, SIMILAR_BURST, now)
            if not (
                identical.take(now, IDENTICAL_BURST, 1 / IDENTICAL_SECONDS)
                and similar.take(now, SIMILAR_BURST, SIMILAR_PER_SECOND)
            ):
                identical.suppressed += 1
                return False
            suppressed, identical.suppressed = identical.suppressed, 0
        if suppressed:
            record.msg, record.args = f"{text} ({suppressed} more like this were not logged)", ()
        return True

    def _bucket(self, key: tuple[str, str], burst: int, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(burst, now)
            if len(self._buckets) > _MAX_KINDS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket
