"""`wyoming-conductor wake`: tests wake words with recordings."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wyoming_servers.cli import options

if TYPE_CHECKING:
    from wyoming_servers.cli.wake_probe import ProbeResult, WakeProbe

app = typer.Typer(no_args_is_help=True, help="Test wake words with recordings.")

_MIN_SHOWN_SCORE: Final = 0.1
"""Without --word, words with a lower best score are not printed."""


@app.callback()
def _group() -> None:
    """Keep `test` a subcommand although it is the only one."""


@app.command("test")
def try_words(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="WAV files or folders.", exists=True)
    ],
    word: Annotated[
        list[str] | None,
        typer.Option("--word", "-w", help="Test this word only. Repeatable."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.01, max=0.99, help="Replaces the configured thresholds."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with every score.")] = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Print the best score of each word, and where it would be detected.

    With several files, or a folder, the detections per hour of audio are printed as well: in
    recordings without the word, these are false accepts. No server has to run.

    \b
    Examples:
      wyoming-conductor wake test me_saying_it.wav --word hey_jarvis
      wyoming-conductor wake test evening_with_tv/ --word my_word --threshold 0.6
      wyoming-conductor wake test evening_with_tv/ --json
    """
    from wyoming_servers.audio import wav
    from wyoming_servers.cli.output import print_json, spinner
    from wyoming_servers.cli.wake_probe import find_recordings, probe_recordings

    loaded = options.load_configuration(config, data_dir, sets).config
    clips = {path: wav.read(path) for path in find_recordings(files)}
    with spinner("loading") as on_status:
        results, probe = asyncio.run(
            probe_recordings(loaded, clips, word or (), threshold, on_status)
        )
    if as_json:
        print_json(_as_json(results, probe))
        return
    for path, result in results.items():
        _print_recording(path, result, probe, print_all=bool(word))
    if len(results) > 1:
        _print_summary(results, probe)


def _print_recording(
    path: Path, result: "ProbeResult", probe: "WakeProbe", *, print_all: bool
) -> None:
    typer.echo(f"{path} ({result.seconds:.1f} s)")
    for word in probe.words:
        time, score = result.best(word)
        if not print_all and score < _MIN_SHOWN_SCORE:
            continue
        threshold = probe.threshold(word)
        steps = result.longest_run(word, threshold)
        typer.echo(
            f"  {word}: best score {score:.3f} at {time:.2f} s, "
            f"{steps} steps in a row from the threshold {threshold:g}"
        )
    for time, word, score in result.detections:
        typer.echo(f"  detected {word} at {time:.2f} s (score {score:.3f})")
    if not result.detections:
        typer.echo("  nothing detected")
    typer.echo("")


def _print_summary(results: "dict[Path, ProbeResult]", probe: "WakeProbe") -> None:
    from rich.table import Table

    from wyoming_servers.cli.output import console

    hours = sum(result.seconds for result in results.values()) / 3_600
    table = Table(box=None, pad_edge=False)
    for title in ("word", "threshold", "best score", "in", "detections", "per hour"):
        table.add_column(title)
    for word in probe.words:
        best = max(results, key=lambda path: results[path].best(word)[1])
        count = _count_detections(results, word)
        table.add_row(
            word,
            f"{probe.threshold(word):g}",
            f"{results[best].best(word)[1]:.3f}",
            best.name,
            str(count),
            f"{count / hours:.2f}",
        )
    console().print(table)
    typer.echo(f"{len(results)} files, {hours:.2f} hours")


def _count_detections(results: "dict[Path, ProbeResult]", word: str) -> int:
    return sum(name == word for result in results.values() for _, name, _ in result.detections)


def _as_json(results: "dict[Path, ProbeResult]", probe: "WakeProbe") -> dict[str, Any]:
    seconds = sum(result.seconds for result in results.values())
    return {
        "files": [
            {
                "file": str(path),
                "seconds": round(result.seconds, 3),
                "peaks": {word: result.best(word)[1] for word in probe.words},
                "detections": [
                    {"at": round(time, 3), "word": word, "score": score}
                    for time, word, score in result.detections
                ],
                "scores": {
                    word: [[round(time, 3), score] for time, score in scores]
                    for word, scores in result.scores.items()
                },
            }
            for path, result in results.items()
        ],
        "thresholds": {word: probe.threshold(word) for word in probe.words},
        "hours": seconds / 3_600,
        "per_hour": {
            word: _count_detections(results, word) / (seconds / 3_600) if seconds else 0.0
            for word in probe.words
        },
    }
