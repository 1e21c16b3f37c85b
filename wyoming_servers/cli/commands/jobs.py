"""`wyoming-conductor jobs` and `read`: background jobs of a running server."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, get_args

import typer

from wyoming_servers.cli import options
from wyoming_servers.core.errors import BadRequestError, NotFoundError
from wyoming_servers.core.files import atomic_path

if TYPE_CHECKING:
    from wyoming_servers.cli.api_client import JobApiClient

app = typer.Typer(
    no_args_is_help=True,
    help="List, follow, cancel and download background jobs: recordings to transcribe, texts to "
    "speak.\n\nCreate one with `wyoming-conductor read` or `POST /jobs`. A job is named by its id, "
    "or by the first characters of it.",
)

_STDIN: Final = "-"
_MAX_LISTED: Final = 1_000
_TEXT_FORMATS: Final = ("txt", "srt", "vtt", "json")

Result = TypeVar("Result")

JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="Id of the job, or its first characters.")
]


@app.command("list")
def list_jobs(
    status: Annotated[
        str | None,
        typer.Option(help="Only jobs that are queued, running, done, failed or cancelled."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MAX_LISTED, help="Number of jobs.")] = 20,
    as_json: options.JsonOption = False,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """List jobs, newest first.

    \b
    Examples:
      wyoming-conductor jobs list
      wyoming-conductor jobs list --status failed --json
    """
    from wyoming_servers.cli.output import console, print_json

    target = options.ApiTarget(server, token_file, config, data_dir)
    query: dict[str, Any] = {"limit": limit} | ({"status": status} if status else {})
    jobs = target.request("GET", "/jobs", **query)["jobs"]
    if as_json:
        print_json(jobs)
        return
    from rich.table import Table

    table = Table("job", "task", "status", "progress", "file", "created", box=None, pad_edge=False)
    for job in jobs:
        table.add_row(
            job["id"],
            job["task"],
            job["status"],
            f"{job['progress']} %",
            job.get("filename", "-"),
            job["created_at"],
        )
    console().print(table)


@app.command()
def show(
    job: JobArgument,
    as_json: options.JsonOption = False,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Show one job: its state, its options, and the reason if it failed.

    \b
    Examples:
      wyoming-conductor jobs show 3f2a
      wyoming-conductor jobs show 3f2a --json | jq '.segments[].text'
    """
    from wyoming_servers.cli.output import print_json

    async def run(client: "JobApiClient") -> dict[str, Any]:
        return await client.get(f"/jobs/{await _find(client, job)}")

    found = _with_client(run, server, token_file, config, data_dir)
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if isinstance(value, list):
            typer.echo(f"{name}: {len(value)}")
        elif isinstance(value, dict):
            typer.echo(f"{name}: " + ", ".join(f"{key} {item}" for key, item in value.items()))
        else:
            typer.echo(f"{name}: {value}")


@app.command()
def cancel(
    job: JobArgument,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Cancel a job that waits or runs; what is finished of a transcript stays.

    \b
    Example:
      wyoming-conductor jobs cancel 3f2a
    """
    from wyoming_servers.cli.output import print_note

    async def run(client: "JobApiClient") -> str:
        job_id = await _find(client, job)
        await client.request("DELETE", f"/jobs/{job_id}")
        return job_id

    print_note(f"Job {_with_client(run, server, token_file, config, data_dir)} is cancelled.")


@app.command()
def wait(
    job: JobArgument,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Show the progress of a job until it ends; a job that fails ends this command with its error.

    Ctrl-C ends this command only, not the job.

    \b
    Example:
      wyoming-conductor jobs wait 3f2a && wyoming-conductor jobs download 3f2a -o talk.srt
    """
    from wyoming_servers.cli.output import print_note, spinner

    async def run(client: "JobApiClient") -> dict[str, Any]:
        job_id = await _find(client, job)
        with spinner("waiting") as on_status:
            return await client.run_job(job_id, lambda percent: on_status(f"{percent} %"))

    done = _with_client(run, server, token_file, config, data_dir)
    print_note(f"Job {done['id']} is done.")


@app.command()
def download(
    job: JobArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write; its suffix chooses the format: .txt, .srt, .vtt, .json, or that "
            "of the job's audio. Default: print the text.",
        ),
    ] = None,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Download the result of a job, or print its text.

    \b
    Examples:
      wyoming-conductor jobs download 3f2a
      wyoming-conductor jobs download 3f2a -o interview.srt
      wyoming-conductor jobs download 71c0 -o book.mp3
    """
    from wyoming_servers.cli.output import print_note

    async def get_text(client: "JobApiClient") -> str:
        return await client.result_text(f"/jobs/{await _find(client, job)}.txt")

    where = (server, token_file, config, data_dir)
    if output is None:
        typer.echo(_with_client(get_text, *where).rstrip("\n"))
        return
    kind = output.suffix.lower().removeprefix(".")
    if kind not in _formats():
        raise BadRequestError(f"The name of {output} must end in one of .{', .'.join(_formats())}.")
    with atomic_path(output) as temporary:

        async def save(client: "JobApiClient") -> None:
            await client.download(f"/jobs/{await _find(client, job)}.{kind}", temporary)

        _with_client(save, *where)
    print_note(f"{output} is written.")


def read(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Text, SRT, WebVTT or ASS file; `-` reads stdin.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The .wav, .flac or .mp3 file to write."
        ),
    ],
    voice: Annotated[
        str | None, typer.Option("--voice", "-v", help="Voice, such as `en_US-joe-medium`.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="Use any voice of this language.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.5, max=2.0, help="Speed; 1.0 is the normal speed of the voice."),
    ] = None,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Synthesize a text or subtitles into one file on a running server.

    Live requests have priority, so a book does not delay an answer. Subtitles are spoken at their
    times; cues with too long speech are listed at the end. Ctrl-C cancels the job.

    \b
    Examples:
      wyoming-conductor read book.txt -o book.mp3
      wyoming-conductor read film.srt -o film.flac --voice en_US-joe-medium
    """
    from wyoming_servers.cli.output import print_note
    from wyoming_servers.media.formats import AudioFileFormat

    kind = output.suffix.lower().lstrip(".")
    if kind not in get_args(AudioFileFormat):
        raise BadRequestError(f"The name of {output} must end in .wav, .flac or .mp3.")
    if not output.parent.is_dir():
        raise BadRequestError(f"There is no folder {output.parent}.")
    text = sys.stdin.buffer.read() if file == _STDIN else Path(file).read_bytes()
    values = {
        "voice": voice,
        "language": language,
        "speed": None if speed is None else f"{speed:g}",
        "format": kind,
    }
    fields = {name: value for name, value in values.items() if value is not None}
    with atomic_path(output) as temporary:
        job = _with_client(
            lambda client: _synthesize(client, Path(file).name, text, fields, temporary),
            *(server, token_file, config, data_dir),
        )
    print_note(f"{output}: {job['duration_secs']:.1f} s of speech")
    for cue in job["speech"]["longer"]:
        print_note(
            f"cue {cue['cue']} at {cue['start']:.1f} s: {cue['got_secs']:.1f} s of speech in "
            f"{cue['wanted_secs']:.1f} s, starts {cue['late_secs']:.1f} s late: {cue['text']}"
        )


async def _synthesize(
    client: "JobApiClient", name: str, text: bytes, fields: dict[str, str], target: Path
) -> dict[str, Any]:
    """Return the job once its file is in `target`; an interruption cancels the job."""
    from wyoming_servers.cli.output import spinner

    job_id = await client.create_speech_job(name, text, fields)
    try:
        with spinner("synthesizing") as on_status:
            job = await client.run_job(
                job_id, lambda percent: on_status(f"synthesizing: {percent} %")
            )
    except BaseException:
        await client.cancel_job(job_id)
        raise
    await client.download(f"/jobs/{job_id}.{fields['format']}", target)
    return job


def _formats() -> tuple[str, ...]:
    from wyoming_servers.media.formats import AudioFileFormat

    return (*_TEXT_FORMATS, *get_args(AudioFileFormat))


def _with_client(
    run: "Callable[[JobApiClient], Awaitable[Result]]",
    server: str | None,
    token_file: Path | None,
    config: Path | None,
    data_dir: Path | None,
) -> Result:
    """Return the result of `run` with a client of the selected server."""
    from wyoming_servers.cli.api_client import JobApiClient, find_api_address, read_token

    loaded = options.load_configuration(config, data_dir).config
    address, token = find_api_address(loaded, server), read_token(loaded, token_file)

    async def main() -> Result:
        async with JobApiClient(address, token) as client:
            return await run(client)

    return asyncio.run(main())


async def _find(client: "JobApiClient", start: str) -> str:
    """Return the id that begins with `start`. Raises NotFoundError unless there is exactly one."""
    jobs = (await client.get("/jobs", limit=_MAX_LISTED))["jobs"]
    found = [job["id"] for job in jobs if job["id"].startswith(start)]
    if start in found:
        return start
    if len(found) == 1:
        return str(found[0])
    text = f"{len(found)} jobs begin" if found else "No job begins"
    raise NotFoundError(
        f"{text} with {start!r}.", hint="`wyoming-conductor jobs list` shows all of them."
    )
