"""`wyoming-conductor transcribe`: transcribes a recording."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wyoming_servers.cli import options
from wyoming_servers.core.errors import BadRequestError

if TYPE_CHECKING:
    from wyoming_servers.cli.server_target import ServerTarget
    from wyoming_servers.media.recording_chunker import RecordingChunk


class TranscriptFormat(StrEnum):
    """Formats of a transcript."""

    TEXT = "text"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"


_SUFFIXES: Final = {
    ".txt": TranscriptFormat.TEXT,
    ".json": TranscriptFormat.JSON,
    ".srt": TranscriptFormat.SRT,
    ".vtt": TranscriptFormat.VTT,
}


@dataclass(frozen=True, slots=True)
class TranscribedPart:
    """A part of the recording between two pauses."""

    start: float
    """Seconds from the start of the recording."""
    end: float
    text: str


@dataclass(slots=True)
class _Transcript:
    parts: list[TranscribedPart]
    language: str | None = None
    seconds: float = 0.0
    """Length of the recording."""


def transcribe(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="An audio or video file of any format.",
            exists=True,
            dir_okay=False,
        ),
    ],
    server: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Speech-to-text server to use; for subtitles, its HTTP API. Default: the one on "
            "this machine.",
        ),
    ] = None,
    token_file: options.TokenFileOption = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="Spoken language, such as `en` or `de`.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model, such as `whisper/small`.")
    ] = None,
    style: Annotated[
        TranscriptFormat | None,
        typer.Option(
            "--format", "-f", help="Default: that of the suffix of --output, otherwise text."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="File to write. Default: print."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The same as --format json: text, times, language.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds to wait for each part of up to 30 s of audio.")
    ] = 300.0,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Print the transcript of a recording or of a video's sound.

    Uses the running server, or a temporary one if none is running. Text is printed while the
    recording is transcribed, one line for each part between two pauses. Subtitles are made by a
    background job, which yields to live requests; Ctrl-C cancels it.

    \b
    Examples:
      wyoming-conductor transcribe command.wav
      wyoming-conductor transcribe talk.mp4 -o talk.srt --language en
      wyoming-conductor transcribe interview.mp3 --format json --model whisper/small
      wyoming-conductor transcribe command.wav --server speech.local:10300
      wyoming-conductor transcribe command.wav --set asr.model=whisper/tiny.en
    """
    from wyoming_servers.cli.server_target import ServerTarget
    from wyoming_servers.core.files import atomic_write

    chosen = _choose_format(style, output, as_json=as_json)
    file = file.absolute()  # the decoder runs in another folder
    loaded = options.load_configuration(config, data_dir, sets)
    # The whole recording is transcribed: a pause does not end it.
    settings = [*options.assignments(data_dir, sets), "asr.turn_detection=false"]
    target = ServerTarget("asr", server, loaded.config, loaded.file, settings)
    if chosen in (TranscriptFormat.SRT, TranscriptFormat.VTT):
        fields = {
            name: value for name, value in (("language", language), ("model", model)) if value
        }
        text = asyncio.run(_make_subtitles(target, token_file, file, fields, chosen))
    else:
        is_shown = chosen is TranscriptFormat.TEXT and output is None
        show: Callable[[str], object] = typer.echo if is_shown else lambda _: None
        text = asyncio.run(_transcribe_file(target, file, model, language, timeout, chosen, show))
        if is_shown:
            return
    if output is None:
        typer.echo(text)
    else:
        atomic_write(output, f"{text}\n")


def _choose_format(
    style: TranscriptFormat | None, output: Path | None, *, as_json: bool
) -> TranscriptFormat:
    if style is None and as_json:
        return TranscriptFormat.JSON
    if style is not None or output is None:
        return style or TranscriptFormat.TEXT
    if output.suffix.lower() not in _SUFFIXES:
        raise BadRequestError(
            f"The name of {output} must end in one of {', '.join(_SUFFIXES)}.",
            hint="Or give the format with --format.",
        )
    return _SUFFIXES[output.suffix.lower()]


async def _transcribe_file(
    target: "ServerTarget",
    file: Path,
    model: str | None,
    language: str | None,
    timeout: float,
    style: TranscriptFormat,
    show: Callable[[str], object],
) -> str:
    """Return the text, or JSON; `show` gets the text of each part as soon as it is known."""
    import json

    from wyoming_servers.cli import wyoming_client
    from wyoming_servers.cli.output import spinner
    from wyoming_servers.cli.server_target import open_server
    from wyoming_servers.core.domain import SPEECH_FORMAT

    started = time.monotonic()
    found = _Transcript([], language)
    with spinner("transcribing") as on_status:
        async with open_server(target, on_status) as address:
            on_status("transcribing")
            async for chunk, share in _decode(file, found):
                clips = wyoming_client.split_at_pauses(chunk.pcm, target.config.asr.max_utterance)
                text, detected = await wyoming_client.transcribe(
                    *(address, clips, SPEECH_FORMAT),
                    model=model,
                    language=language,
                    timeout=timeout,
                )
                found.language = found.language or detected
                if text:
                    found.parts.append(TranscribedPart(chunk.start, chunk.end, text))
                    show(text)
                on_status("transcribing" if share is None else f"transcribing: {share:.0%}")
    if not found.parts:
        show("")
    if style is TranscriptFormat.TEXT:
        return "\n".join(part.text for part in found.parts)
    return json.dumps(
        {
            "text": " ".join(part.text for part in found.parts),
            "language": found.language,
            "segments": [asdict(part) for part in found.parts],
            "audio_seconds": round(found.seconds, 3),
            "seconds": round(time.monotonic() - started, 3),
        },
        indent=2,
        ensure_ascii=False,
    )


async def _decode(
    file: Path, found: _Transcript
) -> AsyncIterator[tuple["RecordingChunk", float | None]]:
    """Yield the parts of a recording, each with the share of the recording up to its end.

    A recording that fits into one request is one part. A longer one is cut at its pauses, and what
    has no speech is left out.
    """
    from wyoming_servers.media.decoder import RecordingEnded, RecordingOpened, decode_recording
    from wyoming_servers.media.recording_chunker import RecordingChunk

    whole: list[RecordingChunk] = []
    async with decode_recording(file, vad=False) as events:
        async for event in events:
            if isinstance(event, RecordingChunk):
                whole.append(event)
            if isinstance(event, RecordingEnded):
                found.seconds = event.duration
            if len(whole) > 1:
                break
    if len(whole) < 2:
        for chunk in whole:
            yield chunk, 1.0
        return
    duration: float | None = None
    async with decode_recording(file) as events:
        async for event in events:
            if isinstance(event, RecordingOpened):
                duration = event.duration
            elif isinstance(event, RecordingEnded):
                found.seconds = event.duration
            elif isinstance(event, RecordingChunk):
                yield event, min(1.0, event.end / duration) if duration else None


async def _make_subtitles(
    target: "ServerTarget",
    token_file: Path | None,
    file: Path,
    fields: dict[str, str],
    style: TranscriptFormat,
) -> str:
    """Return the subtitles that a background job makes; an interruption cancels the job."""
    from wyoming_servers.cli.api_client import JobApiClient, read_token
    from wyoming_servers.cli.output import spinner
    from wyoming_servers.cli.server_target import open_api

    with spinner("transcribing") as on_status:
        async with open_api(target, on_status) as address:
            token = await asyncio.to_thread(read_token, target.config, token_file)
            async with JobApiClient(address, token) as client:
                on_status("sending the recording")
                job_id = await client.create_transcription_job(file, fields)
                try:
                    await client.run_job(
                        job_id, lambda percent: on_status(f"transcribing: {percent} %")
                    )
                except BaseException:
                    await client.cancel_job(job_id)
                    raise
                return (await client.result_text(f"/jobs/{job_id}.{style}")).rstrip("\n")
