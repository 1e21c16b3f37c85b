"""`wyoming-conductor wake`: try wake words on recordings."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wyoming_servers.cli import options

if TYPE_CHECKING:
    from wyoming_servers.cli.wake_probe import (
        ProbeResult,
        WakeProbe,
    )

app = typer.Typer(no_args_is_help=True, help="Try wake words on recordings.")

_MIN_SHOWN_SCORE: Final = 0.1
"""Without a word named, those that never come near it are left out of the plots."""


@app.callback()
def _group() -> None:
    """Keep `test` a command of its own, though it is the only one."""


@app.command("test")
def try_words(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="WAV files, or folders.", exists=True)
    ],
    word: Annotated[
        list[str] | None,
        typer.Option("--word", "-w", help="Only this word; can be given several times."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.01, max=0.99, help="Instead of the configured thresholds."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every score.")] = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Show how sure the models are of each word, over time, and where they would detect it.

    For several files, or a folder, the detections per hour of audio are told as well: in
    recordings without the word, these are its false accepts. Needs no running server.

    \b
    Examples:
      wyoming-conductor wake test me_saying_it.wav --word hey_jarvis
      wyoming-conductor wake test evening_with_tv/ --word my_word --threshold 0.6
      wyoming-conductor wake test evening_with_tv/ --json
    """
    from wyoming_servers.audio import wav
    from wyoming_servers.cli.output import console, print_json, spinner
    from wyoming_servers.cli.wake_probe import (
        find_recordings,
        probe_recordings,
    )

    loaded = options.load_configuration(config, data_dir, sets).config
    clips = {path: wav.read(path) for path in find_recordings(files)}
    with spinner("loading") as tell:
        results, heard_by = asyncio.run(
            probe_recordings(loaded, clips, word or (), threshold, tell)
        )
    if as_json:
        print_json(_as_json(results, heard_by))
        return
    out = console()
    for path, heard in results.items():
        _print_recording(path, heard, heard_by, named=bool(word), width=min(100, out.width - 12))
    if len(results) > 1:
        _print_summary(results, heard_by)


def _print_recording(
    path: Path, heard: "ProbeResult", listeners: "WakeProbe", *, named: bool, width: int
) -> None:
    """Print what was heard in one recording."""
    from wyoming_servers.cli.score_plot import plot

    typer.echo(f"{path} ({heard.seconds:.1f} s)")
    for word in listeners.words:
        if not named and heard.peak(word) < _MIN_SHOWN_SCORE:
            continue
        threshold = listeners.threshold(word)
        typer.echo(f"\n  {word}: best score {heard.peak(word):.3f}, threshold {threshold:g}")
        for line in plot(
            heard.scores[word], heard.last_score_time, threshold, width=min(100, width)
        ):
            typer.echo(f"  {line}")
    for at, word, score in heard.detections:
        typer.echo(f"  detected {word} at {at:.2f} s (score {score:.3f})")
    if not heard.detections:
        typer.echo("  nothing detected")
    typer.echo("")


def _print_summary(results: "dict[Path, ProbeResult]", listeners: "WakeProbe") -> None:
    from rich.table import Table

    from wyoming_servers.cli.output import console

    hours = sum(heard.seconds for heard in results.values()) / 3_600
    table = Table(box=None, pad_edge=False)
    for title in ("word", "threshold", "best score", "in", "detections", "per hour"):
        table.add_column(title)
    for word in listeners.words:
        best = max(results, key=lambda path: results[path].peak(word))
        count = _count_detections(results, word)
        table.add_row(
            word,
            f"{listeners.threshold(word):g}",
            f"{results[best].peak(word):.3f}",
            best.name,
            str(count),
            f"{count / hours:.2f}",
        )
    console().print(table)
    typer.echo(f"{len(results)} files, {hours:.2f} hours")


def _count_detections(results: "dict[Path, ProbeResult]", word: str) -> int:
    return sum(name == word for heard in results.values() for _, name, _ in heard.detections)


def _as_json(results: "dict[Path, ProbeResult]", listeners: "WakeProbe") -> dict[str, Any]:
    seconds = sum(heard.seconds for heard in results.values())
    return {
        "files": [
            {
                "file": str(path),
                "seconds": round(heard.seconds, 3),
                "peaks": {word: heard.peak(word) for word in listeners.words},
                "detections": [
                    {"at": round(at, 3), "word": word, "score": score}
                    for at, word, score in heard.detections
                ],
                "scores": {
                    word: [[round(at, 3), score] for at, score in scores]
                    for word, scores in heard.scores.items()
                },
            }
            for path, heard in results.items()
        ],
        "thresholds": {word: listeners.threshold(word) for word in listeners.words},
        "hours": seconds / 3_600,
        "per_hour": {
            word: _count_detections(results, word) / (seconds / 3_600) if seconds else 0.0
            for word in listeners.words
        },
    }
