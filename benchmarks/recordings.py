"""Send a folder of recordings to a running server and print transcripts and word errors.

    python -m benchmarks.recordings --asr 127.0.0.1:10300 --wake 127.0.0.1:10400 FOLDER

The folder contains 16-bit WAV files. A `.txt` of the same name is the reference for the word error
rate. The names of the wake words that fire are printed for each recording; those of
`wake_hey_jarvis.wav` should be `hey_jarvis` alone. The exit code does not depend on the results.
"""

import argparse
import asyncio
import json
import statistics
import time
import wave
from dataclasses import asdict, dataclass
from pathlib import Path

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.wake import Detect, Detection, NotDetected

from benchmarks.common.word_errors import (
    WordErrors,
    word_errors,
)

CHUNK_MS = 30
TRAILING_SILENCE_S = 0.8
REQUEST_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording with its reference text."""

    name: str
    language: str | None
    reference: str | None
    rate: int
    width: int
    channels: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Transcription:
    """Transcript of a clip with its errors."""

    name: str
    reference: str | None
    text: str
    seconds: float
    """From audio-stop to the transcript; negative if the transcript came first."""
    errors: WordErrors | None


def read_clips(folder: Path) -> list[Clip]:
    """Read all WAV files in `folder`; a name such as `x_fr_y.wav` contains the language."""
    clips = []
    for path in sorted(folder.rglob("*.wav")):
        with wave.open(str(path)) as file:
            pcm = file.readframes(file.getnframes())
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
        text = path.with_suffix(".txt")
        parts = path.stem.split("_")
        language = next((part for part in parts if part in ("de", "es", "fr", "it")), None)
        reference = text.read_text(encoding="utf-8").strip() if text.exists() else None
        name = str(path.relative_to(folder))
        clips.append(Clip(name, language, reference, rate, width, channels, pcm))
    return clips


async def send(client: AsyncTcpClient, clip: Clip, *, pace: float) -> float:
    """Send a clip followed by silence; `pace` 1.0 is real time, 0.0 as fast as possible.

    Returns the time of audio-stop.
    """
    step = clip.rate * CHUNK_MS // 1_000 * clip.width * clip.channels
    silence = bytes(int(clip.rate * TRAILING_SILENCE_S) * clip.width * clip.channels)
    pcm = clip.pcm + silence
    await client.write_event(AudioStart(clip.rate, clip.width, clip.channels).event())
    begin = time.monotonic()
    for number, offset in enumerate(range(0, len(pcm), step)):
        if pace:
            await asyncio.sleep(begin + number * CHUNK_MS / 1_000 * pace - time.monotonic())
        chunk = AudioChunk(clip.rate, clip.width, clip.channels, pcm[offset : offset + step])
        await client.write_event(chunk.event())
    await client.write_event(AudioStop().event())
    return time.monotonic()


async def transcribe(
    host: str, port: int, clip: Clip, *, pace: float, turn_detection: bool
) -> Transcription:
    """Transcribe a clip; with `turn_detection` the server ends the utterance at a pause."""
    client = AsyncTcpClient(host, port)
    async with client, asyncio.timeout(REQUEST_TIMEOUT_S):
        context = {} if turn_detection else {"turn_detection": False}
        await client.write_event(Transcribe(language=clip.language, context=context).event())
        answer = asyncio.ensure_future(_read_transcript(client))
        try:
            stopped = await send(client, clip, pace=pace)
        except ConnectionError:
            stopped = time.monotonic()  # the server answered early and closed the connection
        text, at = await answer
    errors = word_errors(clip.reference, text) if clip.reference is not None else None
    return Transcription(clip.name, clip.reference, text, at - stopped, errors)


async def _read_transcript(client: AsyncTcpClient) -> tuple[str, float]:
    while (event := await client.read_event()) is not None:
        if Transcript.is_type(event.type):
            return Transcript.from_event(event).text, time.monotonic()
        if Error.is_type(event.type):
            error = Error.from_event(event)
            return f"[{error.code}] {error.text}", time.monotonic()
    return "[closed without an answer]", time.monotonic()


async def detect(host: str, port: int, clip: Clip, word: str) -> bool:
    """Return whether a wake word fires in a clip."""
    client = AsyncTcpClient(host, port)
    async with client, asyncio.timeout(REQUEST_TIMEOUT_S):
        await client.write_event(Detect(names=[word]).event())
        await send(client, clip, pace=0.0)
        while (event := await client.read_event()) is not None:
            if Detection.is_type(event.type):
                return True
            if NotDetected.is_type(event.type):
                return False
            if Error.is_type(event.type):
                raise RuntimeError(Error.from_event(event).text)
    raise RuntimeError("The wake server closed without an answer")


async def wake_words(host: str, port: int) -> list[str]:
    """Return the wake words of the server."""
    client = AsyncTcpClient(host, port)
    async with client, asyncio.timeout(5):
        await client.write_event(Describe().event())
        while (event := await client.read_event()) is not None:
            if Info.is_type(event.type):
                info = Info.from_event(event)
                return [model.name for program in info.wake for model in program.models]
    return []


async def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Run the requested measurements and return the results."""
    clips = read_clips(arguments.folder)
    report: dict[str, object] = {"clips": len(clips)}
    if arguments.asr:
        host, port = arguments.asr.rsplit(":", 1)
        transcriptions = [
            await transcribe(
                host, int(port), clip, pace=arguments.pace, turn_detection=arguments.turns
            )
            for clip in clips
            if not clip.name.startswith("noise/")
        ]
        total = sum((item.errors for item in transcriptions if item.errors), WordErrors(0, 0))
        for item in transcriptions:
            rate = f"{item.errors.rate:6.1%}" if item.errors else "      "
            print(f"{rate}  {item.seconds * 1000:6.0f} ms  {item.name}: {item.text}")
        noise = [clip for clip in clips if clip.name.startswith("noise/")]
        for clip in noise:
            result = await transcribe(host, int(port), clip, pace=0.0, turn_detection=True)
            print(f"noise   {result.seconds * 1000:6.0f} ms  {clip.name}: {result.text!r}")
        latencies = [item.seconds * 1_000 for item in transcriptions]
        print(
            f"word error rate {total.rate:.1%} ({total.edits} of {total.words} words), "
            f"audio-stop to transcript p50 {statistics.median(latencies):.0f} ms"
        )
        report |= {
            "word_error_rate": total.rate,
            "transcriptions": [asdict(item) for item in transcriptions],
        }
    if arguments.wake:
        host, port = arguments.wake.rsplit(":", 1)
        fired: dict[str, list[str]] = {}
        for word in await wake_words(host, int(port)):
            fired[word] = [clip.name for clip in clips if await detect(host, int(port), clip, word)]
            print(f"{word}: {', '.join(fired[word]) or 'none'}")
        report["fired"] = fired
    return report


def main() -> None:
    """Parse the arguments, measure, and print the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder with WAV files")
    parser.add_argument("--asr", metavar="HOST:PORT", help="speech-to-text server")
    parser.add_argument("--wake", metavar="HOST:PORT", help="wake word server")
    parser.add_argument("--turns", action="store_true", help="let the server end an utterance")
    parser.add_argument("--pace", type=float, default=1.0, help="1.0: real time, 0.0: unlimited")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    report = asyncio.run(run(arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
