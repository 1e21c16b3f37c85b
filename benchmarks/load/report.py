"""Results of the load test: figures, checks, and a section of the documentation."""

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
"""Share by which the parent may grow…"""
GROWTH_BYTES = 10 * MIB
"""…but at least by this; an interpreter does not return all memory."""

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"

_EMPTY = "# Performance\n\nMeasurements with their conditions, and how to repeat them.\n"

_HEAD = """
## Under load on the CPU

Four models, memory for two of them, many clients that cancel some of their requests, and worker
processes that are killed and stopped at random.

<!-- load:begin (written by benchmarks.load) -->
<!-- load:end -->
"""


def report(
    observations: Any, memory: Mapping[str, int], left_over: Sequence[str]
) -> dict[str, Any]:
    """Return the figures and the result of every check."""
    ends = {f"{kind} {end}": count for (kind, end), count in sorted(observations.ends.items())}
    known = CODES | {"OK", "left"}
    bad = {name: n for name, n in ends.items() if name.partition(" ")[2] not in known}
    reported_twice = [client for client, count in observations.finished.items() if count != 1]
    not_reported = observations.requested - set(observations.finished)
    grown = memory["end"] - memory["start"]
    allowed = max(GROWTH_BYTES, GROWTH * memory["start"])
    checks = {
        "no request exceeded its deadline": _check(
            not observations.late,
            f"{observations.late} late; the longest took {observations.longest:.1f} s",
        ),
        "every request ended with a result or an error code": _check(
            not bad, f"{sum(observations.ends.values())} requests; {bad or 'no other results'}"
        ),
        "every request was reported exactly once": _check(
            not reported_twice and not not_reported and not observations.missed_events,
            f"{len(observations.requested)} sent, {len(not_reported)} not reported, "
            f"{len(reported_twice)} reported twice",
        ),
        "some requests succeeded": _check(
            all(count > 0 for count in map(len, observations.totals.values()))
            and bool(observations.totals),
            f"{sum(map(len, observations.totals.values()))} answers",
        ),
        "the parent did not grow": _check(
            grown <= allowed,
            f"{memory['start'] / MIB:.0f} MiB at the start, {memory['end'] / MIB:.0f} at the end",
        ),
        "all resources were released": _check(
            not left_over, "; ".join(left_over) or "no process, no reservation"
        ),
    }
    return {
        "when": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "checks": checks,
        "ends": ends,
        "answers": {kind: _spread(values) for kind, values in sorted(observations.totals.items())},
        "waits": {kind: _spread(values) for kind, values in sorted(observations.waits.items())},
        "leaving": _spread(observations.cancellations),
        "lag": _spread(observations.lags),
        "loads": observations.event_types["model_ready"],
        "evictions": sum(observations.evicted.values()),
        "evicted": dict(observations.evicted),
        "unloaded": dict(observations.unloaded),
        "waited_for_memory": observations.event_types["model_waiting_for_gpu"],
        "retried": observations.event_types["request_retried"],
        "failures": dict(observations.failed),
        "kills": dict(observations.kills),
    }


def write_docs(result: Mapping[str, Any]) -> None:
    """Replace the section of the documentation, which is created if necessary."""
    text = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else _EMPTY
    if "<!-- load:begin" not in text:
        text += _HEAD
    begin = text.index("-->", text.index("<!-- load:begin")) + len("-->")
    end = text.index("<!-- load:end -->")
    DOCUMENT.write_text(f"{text[:begin]}\n{as_markdown(result)}{text[end:]}", encoding="utf-8")


def as_markdown(result: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    parts = (_conditions(result), _checks(result), _times(result), _counts(result))
    return "\n\n".join(parts) + "\n"


def _conditions(result: Mapping[str, Any]) -> str:
    setting = result["setting"]
    return (
        f"{setting['seconds']:.0f} s with {setting['clients']} clients on {result['machine']}, "
        f"{result['when']}. Models may hold {setting['budget']}; the load of the machine was "
        f"{setting['load_before']:.1f} before it began."
    )


def _checks(result: Mapping[str, Any]) -> str:
    rows = ["| check | passed | result |", "| --- | --- | --- |"]
    for name, check in result["checks"].items():
        rows.append(f"| {name} | {'yes' if check['ok'] else '**no**'} | {check['seen']} |")
    return "\n".join(rows)


def _times(result: Mapping[str, Any]) -> str:
    rows = [
        "| requests | successful | median | p95 | longest | wait for the model, median | p95 |",
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
        f"- Killed and stopped workers: {_listed(result['kills'])}. "
        f"Resulting failures: {_listed(result['failures'])}."
    )
    ends = (
        f"- Requests retried after a crash: {result['retried']}. "
        f"Requests without a result: {_listed(others)}."
    )
    times = (
        f"- A cancelled request ends within {_ms(left['p95'])} (p95, at most {_ms(left['max'])}); "
        f"the event loop is delayed by {_ms(lag['p95'])} (p95, at most {_ms(lag['max'])})."
    )
    return "\n".join((memory, faults, ends, times))


def _ms(seconds: float) -> str:
    return f"{1_000 * seconds:.0f} ms"


def machine() -> str:
    """Return the number of cores and the memory of this machine."""
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
