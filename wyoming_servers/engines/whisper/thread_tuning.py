"""How many threads a model of Whisper gives to an utterance, found out by trying.

More threads are faster up to a point that depends on the model and the machine: small models are
slower with sixteen than with four, and in a container the cores that are seen are not those that
may be used. Cores that one utterance does not use transcribe another at the same time, so a second
thread must be worth it: two cores transcribe base twice as often with one thread for each of two
utterances as with two threads for one, and the one is hardly later.

CTranslate2 fixes the number when a model is loaded, so each try costs a load. That is why a try is
short, why all of them together are bounded, and why the answer is kept beside the model's files,
for this machine.
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
"""All tries together take at most about this long; what cannot be tried in time is not."""

INITIAL_THREADS: Final = 4
"""Threads for the first try, where there are as many cores."""

MAX_TIME_RATIO: Final = 0.7
"""More threads must take less than this share of the time of fewer: the cores they would leave can
transcribe for somebody else, and tries on a busy machine vary."""

MAX_WORKERS: Final = 4
"""Utterances at the same time. Each holds the decoder's view of its 30 s: 57 MB with base, 490 MB
with large-v3."""

TUNING_FILE: Final = "cpu-threads.json"
"""File in the model's folder: what was found, by machine and number format."""

_CGROUP: Final = Path("/sys/fs/cgroup")

_LOGGER = logging.getLogger(__name__)


def usable_cores(root: Path = _CGROUP) -> int:
    """Return how many cores this process may use at once: affinity and the container's quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    quota = _cgroup_quota(root)
    return max(1, cores if quota is None else min(cores, int(quota + 0.5)))


def initial_threads(cores: int) -> int:
    """Return how many threads to begin with."""
    return max(1, min(INITIAL_THREADS, cores))


def candidates(cores: int, physical: int | None) -> list[int]:
    """Return the numbers to try beside the guess, the most promising first.

    Two threads on one core share its arithmetic, so `physical` cores bound what can help.
    """
    most = min(cores, physical or cores)
    guess = initial_threads(cores)
    return [
        number
        for number in dict.fromkeys([most, 2, 1, INITIAL_THREADS])
        if number != guess and number <= max(most, 1)
    ]


def worker_count(cores: int, threads: int) -> int:
    """Return how many utterances can have so many threads each at the same time."""
    return max(1, min(cores // threads, MAX_WORKERS))


class TuningResult(NamedTuple):
    """A number of threads, and whether it was compared with any other."""

    threads: int
    measured: bool


def tune_threads(
    guess: int,
    others: Sequence[int],
    attempt: Callable[[int], float],
    *,
    reload_seconds: float,
    now: Callable[[], float] = perf_counter,
) -> TuningResult:
    """Return the least number that more threads do not beat by far, of those there is time to try.

    `attempt` has the model loaded with so many threads and returns the seconds of a short piece of
    work; `reload_seconds` is what loading takes, so that a slow model is not loaded again.
    """
    began = now()
    times = {guess: attempt(guess)}
    for number in others:
        # A try that loses costs the way back too.
        if now() - began + 2 * reload_seconds > TUNING_SECONDS:
            break
        times[number] = attempt(number)
    best = min(times)
    for number in sorted(times):
        if times[number] < MAX_TIME_RATIO * times[best]:
            best = number
    told = ", ".join(f"{number}: {1_000 * seconds:.0f} ms" for number, seconds in times.items())
    _LOGGER.info("%d threads (%s)", best, told)
    return TuningResult(best, len(times) > 1)


def physical_cores() -> int | None:
    """Return the machine's cores, hyper-threads not counted; None if it does not tell."""
    count: int | None = psutil.cpu_count(logical=False)
    return count


def load_tuned_threads(folder: Path, compute_type: str) -> int | None:
    """Return what was found for the model in a folder, on this machine and with its cores."""
    try:
        kept = json.loads((folder / TUNING_FILE).read_text(encoding="utf-8"))
        number = kept[_key(compute_type)]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return number if isinstance(number, int) and 1 <= number <= usable_cores() else None


def save_tuned_threads(folder: Path, compute_type: str, number: int) -> None:
    """Keep what was found, if the folder is the store's own and not inside a Python package."""
    if not (folder / "receipt.json").is_file():
        return
    try:
        atomic_write(folder / TUNING_FILE, json.dumps({_key(compute_type): number}))
    except OSError as err:
        _LOGGER.debug("%s is not kept: %s", TUNING_FILE, err)


def _key(compute_type: str) -> str:
    return f"{platform.node()} {usable_cores()} {compute_type}"


def _cgroup_quota(root: Path) -> float | None:
    """Return the cores of the control group's quota (version 2, then 1); None if it has none."""
    try:
        limit, period = (root / "cpu.max").read_text(encoding="ascii").split()[:2]
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        cpu = root / "cpu"
        used = int((cpu / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period_us = int((cpu / "cpu.cfs_period_us").read_text(encoding="ascii"))
        return used / period_us if used > 0 and period_us > 0 else None
    except (OSError, ValueError):
        return None
