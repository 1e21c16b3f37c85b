"""What `benchmarks.jobs` has found, as Markdown."""

import time
from pathlib import Path
from typing import Any

from benchmarks.common.report import (
    machine,
    write_section,
)

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


def write_docs(found: dict[str, Any]) -> None:
    """Renew the section of the document."""
    write_section(DOCUMENT, "jobs", report(found))


def report(found: dict[str, Any]) -> str:
    """Return everything."""
    done, memory = found["transcribed"], found["memory"]
    hours = done["audio_seconds"] / 3_600
    rows = [
        "| meanwhile | transcript: p50, max | first audio: p50, max | ratios | said, wrong |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(
            _row(name, found[key], found["without"])
            for name, key in (
                ("nothing", "without"),
                (f"{hours:.2g} hours are transcribed", "recording"),
                ("a book is spoken", "book"),
            )
        ),
    ]
    server, decoder = (
        ", ".join(f"{value:.0f}" for value in memory[name]) for name in ("server", "decoder")
    )
    return (
        f"Measured {time.strftime('%Y-%m-%d')} on {machine()}; its load average when it began was "
        f"{found['load']:.1f}.\n\n"
        + "\n".join(rows)
        + f"\n\n{done['audio_seconds'] / 3_600:.2f} hours ({done['upload_mb']:.0f} MB of WAV) with "
        f"{found['asr']}: {done['status']} after {done['seconds'] / 60:.1f} min, while somebody "
        f"spoke all the time; {done['segments']} segments. Memory at most in the first, second and "
        f"last third: server {server} MiB, decoder {decoder} MiB. Of the book "
        f"{found['spoken_lines']} lines were spoken meanwhile.\n"
    )


def _row(name: str, live: dict[str, float], without: dict[str, float]) -> str:
    def both(key: str) -> str:
        return f"{1_000 * live[key]:.0f}, {1_000 * live[f'{key}_worst']:.0f} ms"

    ratios = ", ".join(f"{live[key] / without[key]:.2f}×" for key in ("heard", "spoken"))
    return (
        f"| {name} | {both('heard')} | {both('spoken')} | {ratios} "
        f"| {live['commands']}, {live['wrong']} |"
    )
