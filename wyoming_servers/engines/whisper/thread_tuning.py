"""Measures how many threads a Whisper model should use for one utterance.

More threads are faster up to a point that depends on the model and the machine: small models are
slower with 16 than with 4, and in a container not all visible cores can be used. Cores that one
utterance does not use transcribe another at the same time, so a second thread must be worth it: two
cores transcribe base twice as often with one thread for each of two utterances as with two threads
for one, and the single utterance is hardly slower.

CTranslate2 fixes the number when a model is loaded, so each attempt takes a load. Attempts are
therefore short, their total time is limited, and the result is kept in the model's cache folder.
"""

import json
import logging
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import psutil

from wyoming_servers.core.files import atomic_write

TUNING_SECONDS: Final = 2.0
"""Approximate limit of all attempts together; those that do not fit are skipped."""

INITIAL_THREADS: Final = 4
"""Threads of the first attempt, if there are as many cores."""

MAX_TIME_RATIO: Final = 0.7
"""More threads must take less than this share of the time of fewer: the cores they would leave can
transcribe another utterance, and measurements on a busy machine vary."""

MAX_WORKERS: Final = 4
"""Maximum utterances at the same time. Each holds the decoder's view of its 30 s: 57 MB with base,
490 MB with large-v3."""

TUNING_FILE: Final = "cpu-threads.json"
"""File in the cache folder: results by machine, cores and number format."""

_CGROUP: Final = Path("/sys/fs/cgroup")

_LOGGER: Final = logging.getLogger(__name__)


class TuningResult(NamedTuple):
    """The number of threads, and whether it was compared with another."""

    threads: int
    measured: bool


def usable_cores(root: Path = _CGROUP) -> int:
    """Return how many cores this process may use, by its affinity and the container's quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    quota = _cgroup_quota(root)
    return max(1, cores if quota is None else min(cores, int(quota + 0.5)))


def initial_threads(cores: int) -> int:
    """Return the threads of the first attempt."""
    return max(1, min(INITIAL_THREADS, cores))


def candidates(cores: int, physical: int | None) -> list[int]:
    """Return the other numbers to try, the most promising first.

    Two hyper-threads of a core share its arithmetic units, so more than `physical` do not help.
    """
    most = min(cores, physical or cores)
    initial = initial_threads(cores)
    return [
        number
        for number in dict.fromkeys([most, 2, 1, INITIAL_THREADS])
        if number != initial and number <= max(most, 1)
    ]


def worker_count(cores: int, threads: int) -> int:
    """Return how many utterances can have so many threads each at the same time."""
    return max(1, min(cores // threads, MAX_WORKERS))


def tune_threads(
    initial: int,
    others: Sequence[int],
    attempt: Callable[[int], float],
    *,
    reload_seconds: float,
    now: Callable[[], float] = perf_counter,
) -> TuningResult:
    """Return the smallest number of threads that more threads do not beat by `MAX_TIME_RATIO`.

    `attempt` loads the model with so many threads and returns the seconds of a short inference.
    `reload_seconds` is the time of a load; a model that loads slowly is not loaded again.
    """
    started = now()
    times = {initial: attempt(initial)}
    for number in others:
        # If the attempt loses, another load follows it.
        if now() - started + 2 * reload_seconds > TUNING_SECONDS:
            break
        times[number] = attempt(number)
    best = min(times)
    for number in sorted(times):
        if times[number] < MAX_TIME_RATIO * times[best]:
            best = number
    summary = ", ".join(f"{number}: {1_000 * seconds:.0f} ms" for number, seconds in times.items())
    _LOGGER.info("%d threads (%s)", best, summary)
    return TuningResult(best, len(times) > 1)


def physical_cores() -> int | None:
    """Return the machine's cores without hyper-threads; None if unknown."""
    count: int | None = psutil.cpu_count(logical=False)
    return count


def load_tuned_threads(cache: Path, compute_type: str) -> int | None:
    """Return the result for this machine with its present cores; None if there is none."""
    number = _read_results(cache).get(_key(compute_type))
    return number if isinstance(number, int) and 1 <= number <= usable_cores() else None


def save_tuned_threads(cache: Path, compute_type: str, threads: int) -> None:
    """Add a result to the cache folder; a failure is only logged."""
    results = _read_results(cache) | {_key(compute_type): threads}
    try:
        atomic_write(cache / TUNING_FILE, json.dumps(results), durable=False)
    except OSError as err:
        _LOGGER.debug("%s cannot be written: %s", TUNING_FILE, err)


def _read_results(cache: Path) -> dict[str, object]:
    try:
        results = json.loads((cache / TUNING_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return results if isinstance(results, dict) else {}


def _key(compute_type: str) -> str:
    return f"{platform.node()} {usable_cores()} {compute_type}"


def _cgroup_quota(root: Path) -> float | None:
    """Return the cores of the control group's quota (version 2, then 1); None without one."""
    try:
        limit, period = (root / "cpu.max").read_text(encoding="ascii").split()[:2]
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        cpu = root / "cpu"
        quota = int((cpu / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period_us = int((cpu / "cpu.cfs_period_us").read_text(encoding="ascii"))
        return quota / period_us if quota > 0 and period_us > 0 else None
    except (OSError, ValueError):
        return None
