"""What a load test saw: figures, promises kept or broken, and a section of the documentation."""

import os
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from wyoming_servers.core.errors import CODES

MIB = 2**20

GROWTH = 0.10
"""Share by which the parent may have grown…"""
GROWTH_BYTES = 10 * MIB
"""…and bytes by which it may in any case; an interpreter does not give everything back."""

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"

_EMPTY = "# Performance\n\nWhat was measured, on which machine, and how to measure it again.\n"

_HEAD = """
## Under load on the CPU

Four models, memory for two of them, and clients who ask, leave before the answer, and ask again,
while worker processes are killed and stopped at random.

<!-- load:begin (written by benchmarks/load.py) -->
<!-- load:end -->
"""


def report(tally: Any, memory: Mapping[str, int], left_over: Sequence[str]) -> dict[str, Any]:
    """Return the figures and, for every promise, whether it was kept."""
    ends = {f"{kind} {end}": count for (kind, end), count in sorted(tally.ends.items())}
    known = CODES | {"OK", "left"}
    bad = {name: n for name, n in ends.items() if name.partition(" ")[2] not in known}
    told_twice = [client for client, count in tally.told.items() if count != 1]
    never_told = tally.asked - set(tally.told)
    grown = memory["end"] - memory["start"]
    allowed = max(GROWTH_BYTES, GROWTH * memory["start"])
    checks = {
        "no request hung past its deadline": _check(
            not tally.late, f"{tally.late} late; the longest took {tally.longest:.1f} s"
        ),
        "every request ended in a result or a coded error": _check(
            not bad, f"{sum(tally.ends.values())} requests; {bad or 'none other'}"
        ),
        "every request was accounted for exactly once": _check(
            not told_twice and not never_told and not tally.missed_events,
            f"{len(tally.asked)} asked, {len(never_told)} not told, {len(told_twice)} told twice",
        ),
        "something was answered": _check(
            all(count > 0 for count in map(len, tally.totals.values())) and bool(tally.totals),
            f"{sum(map(len, tally.totals.values()))} answers",
        ),
        "the parent did not grow": _check(
            grown <= allowed,
            f"{memory['start'] / MIB:.0f} MiB at the start, {memory['end'] / MIB:.0f} at the end",
        ),
        "nothing was left": _check(not left_over, "; ".join(left_over) or "no process, no promise"),
    }
    return {
        "when": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "checks": checks,
        "ends": ends,
        "answers": {kind: _spread(values) for kind, values in sorted(tally.totals.items())},
        "waits": {kind: _spread(values) for kind, values in sorted(tally.waits.items())},
        "leaving": _spread(tally.leaving),
        "lag": _spread(tally.lags),
        "loads": tally.happened["model_ready"],
        "evictions": sum(tally.evicted.values()),
        "evicted": dict(tally.evicted),
        "unloaded": dict(tally.unloaded),
        "waited_for_memory": tally.happened["model_waiting_for_gpu"],
        "retried": tally.happened["request_retried"],
        "failures": dict(tally.failed),
        "kills": dict(tally.kills),
    }


def write_docs(result: Mapping[str, Any]) -> None:
    """Put the figures into the documentation, which is begun if there is none."""
    text = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else _EMPTY
    if "<!-- load:begin" not in text:
        text += _HEAD
    begin = text.index("-->", text.index("<!-- load:begin")) + len("-->")
    end = text.index("<!-- load:end -->")
    DOCUMENT.write_text(f"{text[:begin]}\n{as_markdown(result)}{text[end:]}", encoding="utf-8")


def as_markdown(result: Mapping[str, Any]) -> str:
    """Return the figures for people."""
    parts = (_setting(result), _promises(result), _times(result), _counts(result))
    return "\n\n".join(parts) + "\n"


def _setting(result: Mapping[str, Any]) -> str:
    setting = result["setting"]
    return (
        f"{setting['seconds']:.0f} s with {setting['clients']} clients on {result['machine']}, "
        f"{result['when']}. Models may hold {setting['budget']}; the load of the machine was "
        f"{setting['load_before']:.1f} before it began."
    )


def _promises(result: Mapping[str, Any]) -> str:
    rows = ["| promise | kept | seen |", "| --- | --- | --- |"]
    for name, check in result["checks"].items():
        rows.append(f"| {name} | {'yes' if check['ok'] else '**no**'} | {check['seen']} |")
    return "\n".join(rows)


def _times(result: Mapping[str, Any]) -> str:
    rows = [
        "| requests | answered | median | p95 | longest | wait for the model, median | p95 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, took in result["answers"].items():
        wait = result["waits"].get(kind) or _spread([])
        rows.append(
            f"| {kind} | {took['count']} | {took['p50']:.2f} s | {took['p95']:.2f} s "
            f"| {took['max']:.2f} s | {wait['p50']:.2f} s | {wait['p95']:.2f} s |"
        )
    return "\n".join(rows)


def _counts(result: Mapping[str, Any]) -> str:
    others = {name: n for name, n in result["ends"].items() if not name.endswith(" OK")}
    left, lag = result["leaving"], result["lag"]
    memory = (
        f"- Loads: {result['loads']}; evictions: {result['evictions']}; waits for memory: "
        f"{result['waited_for_memory']}; unloaded: {_listed(result['unloaded'])}."
    )
    faults = (
        f"- Struck: {_listed(result['kills'])}. "
        f"Failures that followed: {_listed(result['failures'])}."
    )
    ends = (
        f"- Requests made once more because their process had died: {result['retried']}. "
        f"Ended without an answer: {_listed(others)}."
    )
    times = (
        f"- A client that leaves is forgotten within {_ms(left['p95'])} (p95, at most "
        f"{_ms(left['max'])}); the event loop is late by {_ms(lag['p95'])} (p95, at most "
        f"{_ms(lag['max'])})."
    )
    return "\n".join((memory, faults, ends, times))


def _ms(seconds: float) -> str:
    return f"{1_000 * seconds:.0f} ms"


def machine() -> str:
    """Return what it ran on, in general terms."""
    memory = psutil.virtual_memory().total / 2**30
    return f"a machine with {os.cpu_count()} cores and {memory:.0f} GiB of memory"


def _check(ok: bool, seen: str) -> dict[str, Any]:
    return {"ok": ok, "seen": seen}


def _spread(values: Sequence[float]) -> dict[str, Any]:
    """Return count, median, 95th percentile and maximum, in the unit of the values."""
    if not values:
        return {"count": 0, "p50": 0.0, "p95": 0.0, "max": 0.0}
    ordered = sorted(values)
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 4),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 4),
        "max": round(ordered[-1], 4),
    }


def _listed(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {name}" for name, count in ordered) or "none"
