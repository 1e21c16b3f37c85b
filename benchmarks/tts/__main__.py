"""Compare text-to-speech with wyoming-piper: same voice, one interleaved run.

    python -m benchmarks.tts --peer PYTHON --voices FOLDER [--rounds 5] [--json FILE]
                             [--docs docs/performance.md] [--plot docs/images/tts.png]

PYTHON is an interpreter with wyoming-piper; FOLDER contains its voice (`en_US-joe-medium.onnx` and
`.onnx.json`). Only one of the servers has work at a time. Our speech cache is off except for its
own row.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wyoming.audio import AudioChunk, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
)

from benchmarks.common.report import (
    machine,
    write_section,
)
from benchmarks.common.server_process import (
    Server,
    free_port,
    run_server,
    wait_for_log,
)

VOICE = "en_US-joe-medium"
WORDS_PER_SECOND = 20.0
"""Output rate of a language model."""

TEXTS = {
    "5 words": "The kitchen lights are on.",
    "20 words": (
        "Today will be mostly cloudy with a high of eighteen degrees, and there is a small chance "
        "of rain tonight."
    ),
    "100 words": (
        "Good morning. Here is your briefing for today. The temperature outside is twelve degrees, "
        "and it will climb to nineteen by the early afternoon, with a light wind from the west. "
        "You have three appointments: a call with the school at nine, lunch with Martin at half "
        "past twelve, and the dentist at four. The dishwasher finished during the night and the "
        "washing machine is still waiting for you to empty it. The garage door was left open, so I "
        "closed it at eleven. Traffic on the way to the office is light, and the trip should take "
        "about twenty five minutes. Have a nice day."
    ),
}


@dataclass(frozen=True, slots=True)
class Synthesis:
    """Timing of one synthesized text in seconds."""

    first: float
    total: float
    audio: float
    underrun: float
    """Time that a player would have been silent between the first and the last audio."""


async def synthesize(port: int, text: str, *, streamed: bool = False) -> Synthesis:
    """Synthesize a text, sent as a whole or word by word as Home Assistant streams it."""
    client = AsyncTcpClient("127.0.0.1", port)
    await client.connect()
    began = time.perf_counter()

    async def send() -> None:
        if not streamed:
            await client.write_event(Synthesize(text).event())
            return
        await client.write_event(SynthesizeStart().event())
        for number, word in enumerate(text.split(" ")):
            await asyncio.sleep(max(0, began + number / WORDS_PER_SECOND - time.perf_counter()))
            await client.write_event(SynthesizeChunk(f" {word}" if number else word).event())
        await client.write_event(Synthesize(text).event())
        await client.write_event(SynthesizeStop().event())

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(120):
            return await _read_audio(client, began, streamed=streamed)
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        await client.disconnect()


async def _read_audio(client: AsyncTcpClient, began: float, *, streamed: bool) -> Synthesis:
    first, until, underrun, audio = None, 0.0, 0.0, 0.0
    while (event := await client.read_event()) is not None:
        if Error.is_type(event.type):
            raise RuntimeError(Error.from_event(event).text)
        if AudioChunk.is_type(event.type):
            now = time.perf_counter()
            first = first or now
            underrun += max(0.0, now - until) if until else 0.0
            seconds = AudioChunk.from_event(event).seconds
            until = max(now, until) + seconds
            audio += seconds
        if SynthesizeStopped.is_type(event.type) or (
            AudioStop.is_type(event.type) and not streamed
        ):
            now = time.perf_counter()
            return Synthesis((first or now) - began, now - began, audio, underrun)
    raise RuntimeError("The server closed the connection.")


async def describe(port: int) -> float:
    """Return the seconds until `describe` is answered."""
    client = AsyncTcpClient("127.0.0.1", port)
    await client.connect()
    began = time.perf_counter()
    await client.write_event(Describe().event())
    while (event := await client.read_event()) is not None and not Info.is_type(event.type):
        pass
    await client.disconnect()
    return time.perf_counter() - began


@asynccontextmanager
async def run_conductor(*settings: str) -> AsyncIterator[Server]:
    """Run text-to-speech of this checkout."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "wyoming_servers", "serve"]
        for setting in (
            *(f"data_dir={folder}", "host=127.0.0.1", f"tts.port={port}", f"tts.voice={VOICE}"),
            *("asr.enabled=false", "wake.enabled=false", "api.enabled=false"),
            *("discovery.zeroconf=false", "downloads.offline=true", "keep_alive=-1"),
            *settings,
        ):
            command += ["--set", setting]
        async with run_server("wyoming-conductor", command, port, Path(folder) / "log") as server:
            await wait_for_log(server, f"piper/{VOICE} is ready")
            yield server


@asynccontextmanager
async def run_peer(python: Path, voices: Path) -> AsyncIterator[Server]:
    """Run wyoming-piper with the voice."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), "-m", "wyoming_piper", "--uri", f"tcp://127.0.0.1:{port}"]
        command += ["--voice", VOICE, "--data-dir", str(voices), "--download-dir", folder]
        async with run_server("wyoming-piper", command, port, Path(folder) / "log") as server:
            yield server


async def measure_behind_long_text(port: int) -> dict[str, float]:
    """Measure `describe` and a short text while a long text is synthesized."""
    long = asyncio.create_task(synthesize(port, TEXTS["100 words"]))
    await asyncio.sleep(0.05)
    short = asyncio.create_task(synthesize(port, TEXTS["5 words"]))
    answers = []
    while not long.done():
        answers.append(await describe(port))
        await asyncio.sleep(0.05)
    await long
    return {"describe_max": max(answers), "short_behind_long": (await short).first}


async def measure_clients(server: Server, clients: int) -> dict[str, float]:
    """Measure several clients that each have the same 20 words synthesized three times."""
    done: list[Synthesis] = []

    async def one() -> None:
        for _ in range(3):
            done.append(await synthesize(server.port, TEXTS["20 words"]))  # noqa: PERF401

    began, work = time.perf_counter(), server.cpu_seconds()
    await asyncio.gather(*(one() for _ in range(clients)))
    wall, work = time.perf_counter() - began, server.cpu_seconds() - work
    firsts = sorted(synthesis.first for synthesis in done)
    audio = sum(synthesis.audio for synthesis in done)
    return {
        "first_p50": statistics.median(firsts),
        "first_p95": firsts[min(len(firsts) - 1, int(0.95 * len(firsts)))],
        "audio_per_second": audio / wall,
        "cpu": work / audio,
        "underrun": max(synthesis.underrun for synthesis in done),
    }


CLIENT_FIGURES = {
    "first_p95": ("first audio p95, {} clients (ms)", 1e3),
    "audio_per_second": ("audio seconds per second, {} clients", 1.0),
    "cpu": ("CPU per second of audio, {} clients (ms)", 1e3),
    "underrun": ("underrun, {} clients, longest (ms)", 1e3),
}
"""Rows of the measurement with several clients, and the factor from seconds to their unit."""

ALONE = [
    (length, way)
    for length in TEXTS
    for way in ("whole", "streamed", *(["whole"] * 2 if length != "100 words" else []))
]
"""Texts of a round in order; short ones are repeated."""

PAUSE_SECONDS = 0.3
"""Pause before each text."""

REST_SECONDS = 10.0
"""Pause before memory is measured."""


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure both servers alternately."""
    figures: dict[str, dict[str, list[float]]] = {}
    load = os.getloadavg()[0]

    def record(server: str, what: str, value: float) -> None:
        figures.setdefault(what, {}).setdefault(server, []).append(value)

    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(run_peer(args.peer, args.voices)),
            await stack.enter_async_context(run_conductor("tts.phrase_cache.enabled=false")),
        ]
        for server in servers:
            await synthesize(server.port, "Warm up.")
        for number in range(args.rounds):
            for server in servers if number % 2 == 0 else servers[::-1]:
                for length, way in ALONE:
                    text = TEXTS[length]
                    # Let the cleanup of the previous text finish.
                    await asyncio.sleep(PAUSE_SECONDS)
                    synthesis = await synthesize(server.port, text, streamed=way == "streamed")
                    what = f"{length}, {way}"
                    record(server.name, f"first audio, {what} (ms)", synthesis.first * 1e3)
                    record(server.name, f"total, {what} (ms)", synthesis.total * 1e3)
                    record(server.name, "underrun, alone, longest (ms)", synthesis.underrun * 1e3)
                for what, value in (await measure_behind_long_text(server.port)).items():
                    name = {
                        "describe_max": "describe behind 100 words, longest (ms)",
                        "short_behind_long": "first audio, 5 words behind 100 (ms)",
                    }[what]
                    record(server.name, name, value * 1e3)
        for number in range(args.rounds):
            for clients in (1, 2, 4, 8):
                for server in servers if number % 2 == 0 else servers[::-1]:
                    result = await measure_clients(server, clients)
                    for what, (name, factor) in CLIENT_FIGURES.items():
                        record(server.name, name.format(clients), result[what] * factor)
        await asyncio.sleep(REST_SECONDS)
        for server in servers:
            record(server.name, "memory (USS, MiB)", server.memory_bytes() / 2**20)
    async with run_conductor() as server:
        await synthesize(server.port, TEXTS["20 words"])
        for _ in range(10):
            record(
                server.name,
                "first audio, 20 words from the speech cache (ms)",
                (await synthesize(server.port, TEXTS["20 words"])).first * 1e3,
            )
    return {
        "machine": machine(),
        "load": [load, os.getloadavg()[0]],
        "rounds": args.rounds,
        "figures": {
            what: {name: _summarize(what, values) for name, values in by.items()}
            for what, by in figures.items()
        },
    }


def _summarize(what: str, values: list[float]) -> float:
    return max(values) if "longest" in what else statistics.median(values)


def table(result: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    rows = [
        f"Medians of {result['rounds']} rounds on {result['machine']}; the load average was"
        " {:.1f} before and {:.1f} after.".format(*result["load"]),
        "",
        "| | wyoming-piper | wyoming-conductor | ratio |",
        "| --- | --- | --- | --- |",
    ]
    for what, by in result["figures"].items():
        theirs, own = by.get("wyoming-piper"), by["wyoming-conductor"]
        ratio = f"{own / theirs:.2f}" if theirs else ""
        rows.append(
            f"| {what} | {'' if theirs is None else f'{theirs:.1f}'} | {own:.1f} | {ratio} |"
        )
    return "\n".join(rows) + "\n"


def plot(result: dict[str, Any], path: Path) -> None:
    """Plot the first audio of both servers."""
    import matplotlib as mpl  # noqa: PLC0415  (optional dependency)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (optional dependency)

    rows = {
        what: by
        for what, by in result["figures"].items()
        if what.startswith("first audio") and len(by) == 2
    }
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for offset, (name, color) in enumerate(
        (("wyoming-piper", "tab:gray"), ("wyoming-conductor", "tab:blue"))
    ):
        places = [place + 0.4 * offset for place in range(len(rows))]
        axes.barh(places, [by[name] for by in rows.values()], 0.38, color=color, label=name)
    axes.set_yticks([place + 0.2 for place in range(len(rows))], list(rows), fontsize="small")
    axes.set(xlabel="ms (less is better)", xscale="log", title="From the text to the first audio")
    axes.invert_yaxis()
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Parse the arguments, measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    result = asyncio.run(measure(args))
    print(table(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if args.docs:
        write_section(args.docs, "tts", table(result))
    if args.plot:
        plot(result, args.plot)


if __name__ == "__main__":
    main()
