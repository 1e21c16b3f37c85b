"""Results of the Home Assistant benchmark as Markdown."""

import statistics
from collections.abc import Sequence
from typing import Any

STAGES = {
    "transcript": "transcript",
    "light": "state change of the light",
    "audio": "the first audio of the answer",
}


def table(result: dict[str, Any]) -> str:
    """Return all results as Markdown."""
    names = list(dict.fromkeys(run["assistant"] for run in result["runs"]))
    lines = [
        _conditions(result),
        "",
        f"| from the end of speech to | {' | '.join(names)} |",
        f"| --- | {' | '.join('---:' for _ in names)} |",
    ]
    for key, stage in STAGES.items():
        cells = [_percentiles([run[key] for run in _runs_of(result, name)]) for name in names]
        lines.append(f"| {stage}, p50, p95 | {' | '.join(cells)} |")
    counts = [len(_runs_of(result, name)) for name in names]
    wrong = [sum(run["errors"] > 0 for run in _runs_of(result, name)) for name in names]
    without_effect = [sum(run["light"] is None for run in _runs_of(result, name)) for name in names]
    lines.append(f"| commands | {' | '.join(map(str, counts))} |")
    lines.append(f"| commands with word errors | {' | '.join(map(str, wrong))} |")
    lines.append(f"| commands without effect | {' | '.join(map(str, without_effect))} |")
    return "\n".join(lines) + "\n"


def _conditions(result: dict[str, Any]) -> str:
    return (
        f"Measured {result['began']} on {result['machine']} with {result['model']}; the load "
        f"average when it began was {result['others_running']:.1f}."
    )


def _runs_of(result: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [run for run in result["runs"] if run["assistant"] == name]


def _percentiles(values: Sequence[float | None]) -> str:
    known = sorted(value for value in values if value is not None)
    if len(known) < 2:
        return "-"
    cuts = statistics.quantiles(known, n=20, method="inclusive")
    return f"{cuts[9]:.2f} s, {cuts[18]:.2f} s"
