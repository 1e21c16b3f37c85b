"""`wyoming-conductor transcribe`: transcribes a recording."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wyoming_servers.cli import options

if TYPE_CHECKING:
    from wyoming_servers.audio.wav import Wav
    from wyoming_servers.cli.server_target import ServerTarget

_MAX_CLIP_SECONDS: Final = 25.0
"""Longest clip that is sent as one utterance; the window of Whisper is 30 s."""


def transcribe(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A WAV file.", exists=True, dir_okay=False)
    ],
    server: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Speech-to-text server to use. Default: the one on this machine.",
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="Spoken language, such as `en` or `de`.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print text, language and durations as JSON.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Timeout in seconds.")] = 300.0,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Print the transcript of a recording.

    Uses the running server, or a temporary one if none is running.

    \b
    Examples:
      wyoming-conductor transcribe command.wav
      wyoming-conductor transcribe interview.wav --language de --json
      wyoming-conductor transcribe command.wav --server speech.local:10300
      wyoming-conductor transcribe command.wav --set asr.model=whisper/tiny.en
    """
    from wyoming_servers.audio import wav
    from wyoming_servers.cli.output import print_json
    from wyoming_servers.cli.server_target import ServerTarget

    loaded = options.load_configuration(config, data_dir, sets)
    recording = wav.read(file)
    # The whole recording is transcribed: a pause does not end it.
    settings = [*options.assignments(data_dir, sets), "asr.turn_detection=false"]
    target = ServerTarget("asr", server, loaded.config, loaded.file, settings)
    started = time.monotonic()
    text, detected = asyncio.run(_request_transcript(target, recording, language, timeout))
    if not as_json:
        typer.echo(text)
        return
    print_json(
        {
            "text": text,
            "language": detected or language,
            "audio_seconds": round(recording.seconds, 3),
            "seconds": round(time.monotonic() - started, 3),
        }
    )


async def _request_transcript(
    target: "ServerTarget", recording: "Wav", language: str | None, timeout: float
) -> tuple[str, str | None]:
    from wyoming_servers.cli import wyoming_client
    from wyoming_servers.cli.output import spinner
    from wyoming_servers.cli.server_target import open_server
    from wyoming_servers.cli.wyoming_client import split_at_pauses
    from wyoming_servers.core.domain import SPEECH_FORMAT

    clips = split_at_pauses(
        recording.speech(), min(_MAX_CLIP_SECONDS, target.config.asr.max_utterance)
    )
    with spinner("transcribing") as on_status:
        async with open_server(target, on_status) as address:
            on_status("transcribing")
            return await wyoming_client.transcribe(
                address, clips, SPEECH_FORMAT, language=language, timeout=timeout
            )
