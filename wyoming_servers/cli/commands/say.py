"""`wyoming-conductor say`: a text as speech."""

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

    from wyoming_servers.audio.wav import Wav
    from wyoming_servers.cli.server_target import ServerTarget
    from wyoming_servers.cli.wyoming_client import ReceivedAudio

_STDIO: Final = "-"


def say(
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What to say; `-` reads stdin.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="WAV file; `-` is stdout.")
    ] = None,
    voice: Annotated[
        str | None, typer.Option("--voice", "-v", help="Such as `en_US-joe-medium`.")
    ] = None,
    speaker: Annotated[
        str | None, typer.Option(help="Speaker of a voice that has several.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="Choose any voice of this language.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.5, max=2.0, help="1.0 is the voice's own pace.")
    ] = None,
    list_voices: Annotated[
        bool, typer.Option("--list", help="List the server's voices instead of speaking.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --list: print JSON.")] = False,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]", help="Ask this text-to-speech server; default: the one here."
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Give up after this many seconds.")] = 300.0,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Speak a text into a WAV file.

    Asks the running server, or starts one for this command alone if none is running.

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
        raise BadRequestError("There is no text to say.")
    if output is None:
        raise BadRequestError("There is no file to speak into.", hint="Name one with -o FILE.")
    manner = {"voice": voice, "speaker": speaker, "language": language}
    asyncio.run(_synthesize(target, text, manner, speed, timeout, output))


async def _print_voices(target: "ServerTarget", *, as_json: bool) -> None:
    from wyoming_servers.cli.output import spinner
    from wyoming_servers.cli.server_target import open_server
    from wyoming_servers.cli.voice_tables import print_server_voices
    from wyoming_servers.cli.wyoming_client import describe

    with spinner("asking") as tell:
        async with open_server(target, tell) as address:
            info = await describe(address)
    print_server_voices(info, as_json=as_json)


async def _synthesize(
    target: "ServerTarget",
    text: str,
    manner: dict[str, str | None],
    speed: float | None,
    timeout: float,
    output: str,
) -> None:
    from wyoming_servers.cli import wyoming_client
    from wyoming_servers.cli.output import spinner
    from wyoming_servers.cli.server_target import open_server

    with spinner("speaking") as tell:
        async with open_server(target, tell) as address:
            tell("speaking")
            speech = wyoming_client.synthesize(
                address, text, **manner, speed=speed, timeout=timeout
            )
            async with aclosing(speech):
                if output == _STDIO:
                    await _stream(speech)
                else:
                    await _save(speech, Path(output))


async def _stream(speech: "AsyncGenerator[ReceivedAudio, None]") -> None:
    """Write speech to stdout as it comes, so that a player begins at once."""
    from wyoming_servers.audio import wav

    out = sys.stdout.buffer
    begun = False
    async for piece in speech:
        if not begun:
            out.write(wav.header(piece.format))
            begun = True
        out.write(piece.pcm)
        out.flush()
    if not begun:
        raise _no_audio_error()


async def _save(speech: "AsyncGenerator[ReceivedAudio, None]", path: Path) -> None:
    """Write the whole or nothing: half a sentence in a file looks like a finished one."""
    from wyoming_servers.audio.wav import Wav
    from wyoming_servers.cli.output import print_note

    begun = time.monotonic()
    pieces = [piece async for piece in speech]
    if not pieces:
        raise _no_audio_error()
    recording = Wav(pieces[0].format, b"".join(piece.pcm for piece in pieces))
    await asyncio.to_thread(_write_wav, path, recording)
    print_note(f"{path}: {recording.seconds:.1f} s of speech in {time.monotonic() - begun:.1f} s")


def _write_wav(path: Path, recording: "Wav") -> None:
    if not path.parent.is_dir():
        raise BadRequestError(f"There is no folder {path.parent}.")
    if path.exists() and not path.is_file():
        path.write_bytes(recording.render())  # a device or a pipe cannot be replaced
        return
    atomic_write(path, recording.render())


def _no_audio_error() -> InferenceFailedError:
    return InferenceFailedError("The server sent no audio.", hint="Its log says why.")
