"""Client of the Wyoming protocol."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeVoice

from wyoming_servers.cli.errors import UnreachableError
from wyoming_servers.core.domain import SPEECH_FORMAT, AudioFormat
from wyoming_servers.core.errors import (
    CODES,
    BadRequestError,
    ConductorError,
    DeadlineError,
    InferenceFailedError,
    from_code,
)

_CONNECT_SECONDS: Final = 5.0
_CHUNK_SECONDS: Final = 0.1
"""Audio per event: short enough to be cancelled quickly, long enough for little overhead."""


@dataclass(frozen=True, slots=True)
class Address:
    """Host and port of a server."""

    host: str
    port: int
    tls: bool = False
    """Of the HTTP API; Wyoming has no TLS."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ReceivedAudio:
    """A chunk of synthesized speech."""

    format: AudioFormat
    pcm: bytes


def parse_address(text: str, default_port: int) -> Address:
    """Read `host`, `host:port`, `[::1]:port` or `tcp://host:port`. Raises BadRequestError."""
    rest = text.strip().removeprefix("tcp://")
    host, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]") or (host.count(":") and not host.endswith("]")):
        host, port = rest, str(default_port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise BadRequestError(
            f"{text!r} is not the address of a server.", hint="Write `host` or `host:port`."
        )
    return Address(host, int(port))


async def describe(address: Address, timeout: float = _CONNECT_SECONDS) -> Info:
    """Return the `info` of a server. Raises UnreachableError if it is not a Wyoming server."""
    try:
        async with asyncio.timeout(timeout), _connected(address) as client:
            await client.write_event(Describe().event())
            while True:
                event = await _next_event(client, address)
                if Info.is_type(event.type):
                    return Info.from_event(event)
    except (TimeoutError, InferenceFailedError, OSError, ValueError, KeyError) as err:
        raise UnreachableError(
            f"The program at {address} does not answer as a Wyoming server."
        ) from err


async def transcribe(
    address: Address,
    clips: Sequence[bytes],
    audio: AudioFormat,
    *,
    model: str | None = None,
    language: str | None = None,
    timeout: float,
) -> tuple[str, str | None]:
    """Return the text and the language of consecutive clips, with one request for each clip.

    Raises UnreachableError, DeadlineError after `timeout` seconds, or the error of the server.
    """
    texts: list[str] = []
    detected: str | None = None
    async with _deadline(timeout):
        for clip in clips:
            async with _connected(address) as client:
                # The whole recording is transcribed: a pause does not end it.
                request = Transcribe(
                    name=model, language=language, context={"turn_detection": False}
                )
                transcript = await _transcribe_one(client, address, clip, audio, request)
            texts.append(transcript.text.strip())
            detected = detected or transcript.language
    return " ".join(text for text in texts if text), detected


async def synthesize(
    address: Address,
    text: str,
    *,
    voice: str | None = None,
    speaker: str | None = None,
    language: str | None = None,
    speed: float | None = None,
    timeout: float,
) -> AsyncGenerator[ReceivedAudio, None]:
    """Yield speech while it is synthesized. Raises the errors of `transcribe`."""
    selection = SynthesizeVoice(voice, language, speaker) if voice or language else None
    # Wyoming has no field for the speed: our server reads it from the context, others ignore it.
    context: dict[str, Any] | None = None if speed is None else {"speed": speed}
    async with _deadline(timeout), _connected(address) as client:
        await client.write_event(Synthesize(text, selection, context=context).event())
        while True:
            event = await _next_event(client, address)
            if AudioChunk.is_type(event.type):
                chunk = AudioChunk.from_event(event)
                yield ReceivedAudio(
                    AudioFormat(chunk.rate, chunk.width, chunk.channels), chunk.audio
                )
            elif AudioStop.is_type(event.type):
                return


async def _transcribe_one(
    client: AsyncTcpClient, address: Address, clip: bytes, audio: AudioFormat, request: Transcribe
) -> Transcript:
    sending = asyncio.create_task(_send_clip(client, clip, audio, request))
    try:
        # Read while sending: an error can arrive before most of the audio is sent.
        while True:
            event = await _next_event(client, address)
            if Transcript.is_type(event.type):
                return Transcript.from_event(event)
    finally:
        sending.cancel()
        # After a response the result of sending does not matter.
        await asyncio.gather(sending, return_exceptions=True)


async def _send_clip(
    client: AsyncTcpClient, clip: bytes, audio: AudioFormat, request: Transcribe
) -> None:
    shape = {"rate": audio.rate, "width": audio.width, "channels": audio.channels}
    await client.write_event(request.event())
    await client.write_event(AudioStart(**shape).event())
    size = audio.bytes_for(_CHUNK_SECONDS)
    for start in range(0, len(clip), size):
        await client.write_event(AudioChunk(audio=clip[start : start + size], **shape).event())
    await client.write_event(AudioStop().event())


async def _next_event(client: AsyncTcpClient, address: Address) -> Event:
    """Return the next event of the server; raise its error, or one for a closed connection."""
    try:
        event = await client.read_event()
    except (asyncio.IncompleteReadError, ConnectionError):
        event = None
    if event is None:
        raise InferenceFailedError(
            f"The server at {address} closed the connection without a response.",
            hint="The log of the server has the reason.",
        )
    if Error.is_type(event.type):
        raise _to_error(Error.from_event(event))
    return event


def _to_error(error: Error) -> ConductorError:
    """Convert an error of a server; a code that is not ours becomes part of the message."""
    if error.code in CODES:
        result = from_code(error.code, error.text)
    else:
        result = InferenceFailedError(f"{error.text} ({error.code})" if error.code else error.text)
    result.hint = ""  # part of the message
    return result


@asynccontextmanager
async def _connected(address: Address) -> AsyncIterator[AsyncTcpClient]:
    client = AsyncTcpClient(address.host, address.port)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await client.connect()
    except (OSError, TimeoutError) as err:
        raise UnreachableError(f"No server answers at {address}.") from err
    try:
        yield client
    finally:
        with suppress(OSError):  # the connection is broken already
            await client.disconnect()


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as err:
        raise DeadlineError(
            f"The server did not finish within {seconds:g} s.",
            hint="Raise --timeout, or use a smaller model.",
        ) from err


_FRAME_SECONDS: Final = 0.03
_SEARCH_SHARE: Final = 0.4
"""Share of a clip, at its end, in which the quietest place is searched."""


def split_at_pauses(pcm: bytes, seconds: float) -> list[bytes]:
    """Split 16 kHz mono speech into clips of at most `seconds`, each cut at a quiet place."""
    longest = SPEECH_FORMAT.bytes_for(seconds)
    clips = []
    while len(pcm) > longest:
        at = _quietest_offset(pcm[:longest])
        clips.append(pcm[:at])
        pcm = pcm[at:]
    return [*clips, pcm]


def _quietest_offset(pcm: bytes) -> int:
    """Return the offset in bytes of the middle of the quietest frame at the end of a clip."""
    frame = SPEECH_FORMAT.bytes_for(_FRAME_SECONDS)
    first = int(len(pcm) * (1 - _SEARCH_SHARE)) // frame * frame
    count = (len(pcm) - first) // frame
    samples = np.frombuffer(pcm[first : first + count * frame], "<i2").astype(np.float32)
    energy = np.square(samples).reshape(count, -1).mean(axis=1)
    # Quiet for a third of a second is a pause; a single quiet frame can be part of a word.
    width = min(count, 11)
    smooth = np.convolve(energy, np.ones(width) / width, mode="same")
    return first + int(smooth.argmin()) * frame + frame // 2 // 2 * 2
