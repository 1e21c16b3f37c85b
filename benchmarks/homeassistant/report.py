"""The figures of `benchmarks.homeassistant` as Markdown."""

import statistics
from collections.abc import Sequence
from typing import Any

STAGES = {
    "transcript": "the transcript",
    "light": "the light",
    "audio": "the first sound of the answer",
}


def table(result: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    names = list(dict.fromkeys(run["assistant"] for run in result["runs"]))
    lines = [
        _where(result),
        "",
        f"| from the end of the words to | {' | '.join(names)} |",
        f"| --- | {' | '.join('---:' for _ in names)} |",
    ]
    for key, stage in STAGES.items():
        cells = [_percentiles([run[key] for run in _of(result, name)]) for name in names]
        lines.append(f"| {stage}, p50, p95 | {' | '.join(cells)} |")
    counts = [len(_of(result, name)) for name in names]
    wrong = [sum(run["errors"] > 0 for run in _of(result, name)) for name in names]
    dark = [sum(run["light"] is None for run in _of(result, name)) for name in names]
    lines.append(f"| commands | {' | '.join(map(str, counts))} |")
    lines.append(f"| of these with a word misheard | {' | '.join(map(str, wrong))} |")
    lines.append(f"| of these without effect | {' | '.join(map(str, dark))} |")
    return "\n".join(lines) + "\n"


def _where(result: dict[str, Any]) -> str:
    return (
        f"Measured {result['began']} on {result['machine']} with {result['model']}; the load "
        f"average when it began was {result['others_running']:.1f}."
    )


def _of(result: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [run for run in result["runs"] if run["assistant"] == name]


def _percentiles(values: Sequence[float | None]) -> str:
    known = sorted(value for value in values if value is not None)
    if len(known) < 2:
        return "-"
    cuts = statistics.quantiles(known, n=20, method="inclusive")
    return f"{cuts[9]:.2f} s, {cuts[18]:.2f} s"
