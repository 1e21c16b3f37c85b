"""Measure `describe` and a short text while a running server synthesizes a long text.

    python -m benchmarks.load.responsiveness --asr HOST:PORT --tts HOST:PORT --wake HOST:PORT
        [--api HOST:PORT --token-file FILE --unload MODEL]

One client has a long text synthesized. Meanwhile others send `describe` to all ports, and another
one has "Yes." synthesized. With `--api` a model is unloaded and loaded at the same time.
"""

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path

import httpx
from wyoming.audio import AudioChunk, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize

LONG = (
    "Good morning. The living room is at twenty one degrees and the window is open. "
    "There are three timers, and the first one ends in five minutes. "
    "Tomorrow it will rain in the morning, and the sun will come out in the afternoon. "
    "The washing machine has finished, and the garage door has been open for an hour. "
) * 6


async def describe(address: str) -> float:
    """Return the seconds from connecting to the answer."""
    host, port = address.rsplit(":", 1)
    begin = time.perf_counter()
    async with AsyncTcpClient(host, int(port)) as client, asyncio.timeout(30):
        await client.write_event(Describe().event())
        while (event := await client.read_event()) is not None:
            if Info.is_type(event.type):
                return time.perf_counter() - begin
    raise RuntimeError(f"{address} closed without an answer")


async def synthesize(address: str, text: str) -> tuple[float, float]:
    """Return the seconds until the first audio and until the end."""
    host, port = address.rsplit(":", 1)
    begin = time.perf_counter()
    first = 0.0
    async with AsyncTcpClient(host, int(port)) as client, asyncio.timeout(120):
        await client.write_event(Synthesize(text=text).event())
        while (event := await client.read_event()) is not None:
            if AudioChunk.is_type(event.type):
                first = first or time.perf_counter() - begin
            elif AudioStop.is_type(event.type):
                return first, time.perf_counter() - begin
            elif Error.is_type(event.type):
                raise RuntimeError(Error.from_event(event).text)
    raise RuntimeError(f"{address} closed without an answer")


async def reload_model(arguments: argparse.Namespace) -> None:
    """Unload and load a model."""
    token = arguments.token_file.read_text(encoding="utf-8").strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://{arguments.api}", headers=headers) as client:
        for step in ("unload", "load"):
            answer = await client.post(f"/models/{arguments.unload}/{step}")
            answer.raise_for_status()
            await asyncio.sleep(0.5)


def percentile(values: list[float], share: float) -> float:
    """Return a percentile; `share` is 0 to 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Run all measurements and return the results in milliseconds."""
    alone = [(await synthesize(arguments.tts, "Yes."))[0] for _ in range(5)]
    addresses = [arguments.asr, arguments.tts, arguments.wake]
    answers: list[float] = []
    shorts: list[float] = []
    for _ in range(arguments.runs):
        long = asyncio.create_task(synthesize(arguments.tts, LONG))
        loading = asyncio.create_task(reload_model(arguments)) if arguments.api else None
        await asyncio.sleep(0.1)
        shorts.append((await synthesize(arguments.tts, "Yes."))[0])
        while not long.done():
            answers += await asyncio.gather(*(describe(address) for address in addresses))
            await asyncio.sleep(0.02)
        await long
        if loading is not None:
            await loading
    return {
        "describes": float(len(answers)),
        "describe p50 ms": statistics.median(answers) * 1_000,
        "describe p95 ms": percentile(answers, 0.95) * 1_000,
        "describe max ms": max(answers) * 1_000,
        "short text alone, first audio ms": statistics.median(alone) * 1_000,
        "short text behind a long one, first audio ms": statistics.median(shorts) * 1_000,
    }


def main() -> None:
    """Parse the arguments, measure, and print the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name in ("asr", "tts", "wake"):
        parser.add_argument(f"--{name}", metavar="HOST:PORT", required=True)
    parser.add_argument(
        "--api", metavar="HOST:PORT", help="unload and load a model at the same time"
    )
    parser.add_argument("--token-file", type=Path, help="<data_dir>/api-token")
    parser.add_argument("--unload", default="whisper/tiny.en", help="model to unload and load")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    report = asyncio.run(measure(arguments))
    for name, value in report.items():
        print(f"{name}: {value:.1f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
