"""`wyoming-conductor say`: synthesizes a text."""

import asyncio
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wyoming_servers.cli import options
from wyoming_servers.core.errors import (
    BadRequestError,
    InferenceFailedError,
)
from wyoming_servers.core.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from wyoming.info import Info

    from wyoming_servers.audio.wav import Wav
    from wyoming_servers.cli.server_target import ServerTarget
    from wyoming_servers.cli.wyoming_client import ReceivedAudio

_STDIO: Final = "-"


def say(
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="Text to speak; `-` reads stdin.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="WAV file to write; `-` is stdout."),
    ] = None,
    voice: Annotated[
        str | None, typer.Option("--voice", "-v", help="Voice, such as `en_US-joe-medium`.")
    ] = None,
    speaker: Annotated[
        str | None, typer.Option(help="Speaker, for a voice with several speakers.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="Use any voice of this language.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.5, max=2.0, help="Speed; 1.0 is the normal speed of the voice."),
    ] = None,
    list_voices: Annotated[
        bool, typer.Option("--list", help="List the voices of the server and exit.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (with --list).")] = False,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Text-to-speech server to use. Default: the one on this machine.",
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Timeout in seconds.")] = 300.0,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Synthesize a text into a WAV file.

    Uses the running server, or a temporary one if none is running.

    \b
    Examples:
      wyoming-conductor say "Turn on the kitchen light." -o light.wav
      wyoming-conductor say "Slowly, please." -o slow.wav --voice en_US-joe-medium --speed 0.8
      fortune | wyoming-conductor say - -o - | aplay
      wyoming-conductor say --list
    """
    from wyoming_servers.cli.server_target import ServerTarget

    loaded = options.load_configuration(config, data_dir, sets)
    chosen = options.assignments(data_dir, sets)
    if speed is not None:
        chosen.append(f"tts.speed={speed:g}")
    target = ServerTarget("tts", server, loaded.config, loaded.file, chosen)
    if list_voices:
        asyncio.run(_print_voices(target, as_json=as_json))
        return
    if text == _STDIO:
        text = sys.stdin.read()
    if not text or not text.strip():
        raise BadRequestError("There is no text to speak.")
    if output is None:
        raise BadRequestError("There is no output file.", hint="Choose one with -o FILE.")
    voice_options = {"voice": voice, "speaker": speaker, "language": language}
    asyncio.run(_synthesize(target, text, voice_options, speed, timeout, output))


async def _print_voices(target: "ServerTarget", *, as_json: bool) -> None:
    from wyoming_servers.cli.output import spinner
    from wyoming_servers.cli.server_target import open_server
    from wyoming_servers.cli.wyoming_client import describe

    with spinner("connecting") as on_status:
        async with open_server(target, on_status) as address:
            info = await describe(address)
    _print_server_voices(info, as_json=as_json)


async def _synthesize(
    target: "ServerTarget",
    text: str,
    voice_options: dict[str, str | None],
    speed: float | None,
    timeout: float,
    output: str,
) -> None:
    from wyoming_servers.cli import wyoming_client
    from wyoming_servers.cli.output import spinner
    from wyoming_servers.cli.server_target import open_server

    with spinner("synthesizing") as on_status:
        async with open_server(target, on_status) as address:
            on_status("synthesizing")
            speech = wyoming_client.synthesize(
                address, text, **voice_options, speed=speed, timeout=timeout
            )
            async with aclosing(speech):
                if output == _STDIO:
                    await _stream(speech)
                else:
                    await _save(speech, Path(output))


async def _stream(speech: "AsyncGenerator[ReceivedAudio, None]") -> None:
    """Write each chunk to stdout when it arrives, so that a player starts early."""
    from wyoming_servers.audio import wav

    out = sys.stdout.buffer
    started = False
    async for chunk in speech:
        if not started:
            out.write(wav.header(chunk.format))
            started = True
        out.write(chunk.pcm)
        out.flush()
    if not started:
        raise _no_audio_error()


async def _save(speech: "AsyncGenerator[ReceivedAudio, None]", path: Path) -> None:
    """Write the complete speech: half a sentence in a file looks like a finished one."""
    from wyoming_servers.audio.wav import Wav
    from wyoming_servers.cli.output import print_note

    started = time.monotonic()
    chunks = [chunk async for chunk in speech]
    if not chunks:
        raise _no_audio_error()
    recording = Wav(chunks[0].format, b"".join(chunk.pcm for chunk in chunks))
    await asyncio.to_thread(_write_wav, path, recording)
    print_note(f"{path}: {recording.seconds:.1f} s of speech in {time.monotonic() - started:.1f} s")


def _write_wav(path: Path, recording: "Wav") -> None:
    if not path.parent.is_dir():
        raise BadRequestError(f"There is no folder {path.parent}.")
    if path.exists() and not path.is_file():
        path.write_bytes(recording.render())  # a device or a pipe cannot be replaced
        return
    atomic_write(path, recording.render())


def _no_audio_error() -> InferenceFailedError:
    return InferenceFailedError(
        "The server sent no audio.", hint="The log of the server has the reason."
    )


def _print_server_voices(info: "Info", *, as_json: bool) -> None:
    """Print the voices of a server in its order."""
    from wyoming_servers.cli.output import console, print_json

    found = [voice for program in info.tts for voice in program.voices if voice.installed]
    if as_json:
        print_json([voice.to_dict() for voice in found])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("voice", "languages", "description", "speakers"):
        table.add_column(title, no_wrap=title == "voice")
    for voice in found:
        speakers = [speaker.name for speaker in voice.speakers or ()]
        table.add_row(
            voice.name,
            ", ".join(voice.languages),
            voice.description or "",
            ", ".join(speakers) or "-",
        )
    console().print(table)
