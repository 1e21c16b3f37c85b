"""Results of the jobs benchmark as Markdown."""

import time
from pathlib import Path
from typing import Any

from benchmarks.common.report import (
    machine,
    write_section,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"


def write_docs(results: dict[str, Any]) -> None:
    """Replace the section of the documentation."""
    write_section(DOCUMENT, "jobs", report(results))


def report(results: dict[str, Any]) -> str:
    """Return all results as Markdown."""
    transcription, memory = results["transcribed"], results["memory"]
    hours = transcription["audio_seconds"] / 3_600
    rows = [
        "| job | transcript: p50, max | first audio: p50, max | ratios | commands, wrong |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(
            _row(name, results[key], results["without"])
            for name, key in (
                ("none", "without"),
                (f"transcription of {hours:.2g} hours", "recording"),
                ("synthesis of a book", "book"),
            )
        ),
    ]
    server, decoder = (
        ", ".join(f"{value:.0f}" for value in memory[name]) for name in ("server", "decoder")
    )
    conditions = (
        f"Measured {time.strftime('%Y-%m-%d')} on {machine()}; its load average when it began was "
        f"{results['load']:.1f}."
    )
    summary = (
        f"{hours:.2f} hours ({transcription['upload_mb']:.0f} MB of WAV) with {results['asr']}: "
        f"{transcription['status']} after {transcription['seconds'] / 60:.1f} min, with continuous "
        f"live requests; {transcription['segments']} segments. Peak memory in the first, second "
        f"and last third: server {server} MiB, decoder {decoder} MiB. {results['spoken_lines']} "
        f"lines of the book were synthesized during the measurement."
    )
    return "\n\n".join([conditions, "\n".join(rows), summary]) + "\n"


def _row(name: str, live: dict[str, float], without: dict[str, float]) -> str:
    def median_and_worst(key: str) -> str:
        return f"{1_000 * live[key]:.0f}, {1_000 * live[f'{key}_worst']:.0f} ms"

    ratios = ", ".join(f"{live[key] / without[key]:.2f}×" for key in ("transcript", "answer"))
    return (
        f"| {name} | {median_and_worst('transcript')} | {median_and_worst('answer')} | {ratios} "
        f"| {live['commands']}, {live['wrong']} |"
    )
