"""`wyoming-conductor read`: synthesizes a book or subtitles into one file."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.options import (
    ServerOption,
    TokenFileOption,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    CancelledError,
    InferenceFailedError,
)
from wyoming_servers.core.files import atomic_path

if TYPE_CHECKING:
    from wyoming_servers.cli.api_client import SpeechJobClient

_STDIN: Final = "-"


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
    server: ServerOption = None,
    token_file: TokenFileOption = None,
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
    from wyoming_servers.cli.api_client import SpeechJobClient, find_api_address, read_token
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
    loaded = options.load_configuration(config, data_dir).config
    client = SpeechJobClient(find_api_address(loaded, server), read_token(loaded, token_file))
    with atomic_path(output) as temporary:
        job = asyncio.run(_run_job(client, Path(file).name, text, fields, temporary))
    print_note(f"{output}: {job['duration_secs']:.1f} s of speech")
    for cue in job["speech"]["longer"]:
        print_note(
            f"cue {cue['cue']} at {cue['start']:.1f} s: {cue['got_secs']:.1f} s of speech in "
            f"{cue['wanted_secs']:.1f} s, starts {cue['late_secs']:.1f} s late: {cue['text']}"
        )


async def _run_job(
    client: "SpeechJobClient", name: str, text: bytes, fields: dict[str, str], target: Path
) -> dict[str, Any]:
    """Return the job once its file is in `target`; an interruption cancels the job."""
    from wyoming_servers.cli.output import spinner

    async with client:
        job_id = await client.create_job(name, text, fields)
        try:
            with spinner("synthesizing") as on_status:
                async for event in client.job_events(job_id):
                    if event["type"] == "progress":
                        on_status(f"synthesizing: {event['percent']} %")
        except BaseException:
            await client.cancel_job(job_id)
            raise
        job = await client.get(f"/jobs/{job_id}")
        if job["status"] == "cancelled":
            raise CancelledError("The job was cancelled.")
        if job["status"] != "done":
            raise InferenceFailedError(
                str(job.get("error") or "The server could not synthesize the text.")
            )
        await client.download(f"/jobs/{job_id}.{fields['format']}", target)
        return job
