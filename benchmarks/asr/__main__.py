"""Compare speech-to-text with wyoming-faster-whisper: same model files, one interleaved run.

    python -m benchmarks.asr --peer-python PYTHON [--speech FOLDER] [--voices FOLDER]
        [--json FILE] [--docs docs/performance.md] [--plot docs/images/asr.png]
        [--only latency,flood,accuracy,ablation] [--threads 2] [--short]

PYTHON is an interpreter with wyoming-faster-whisper; FOLDER of `--speech` contains recordings with
reference texts (`.txt`), that of `--voices` is made by `script/setup kokoro` (`.tools/kokoro`).
All servers run on the loopback interface with the same number of threads (ours
transcribes that many utterances in parallel, with one thread each). Only one server has work at a
time. `--short` uses few utterances. Phases:

latency   audio in real time, 0.7 s of silence, audio-stop; from audio-stop to the transcript.
flood     utterances sent as fast as possible, one connection each, from 1, 2, 4 and 8 clients.
accuracy  word errors of commands and recordings, clean and with noise; of other voices, with
          babble, music and a fan, from across a room, over a telephone, in other languages; names
          with a vocabulary. Fails if we make more errors on a set than chance explains.
ablation  the server without each of its optimizations, compared with the complete server.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.asr import conditions, voices
from benchmarks.asr.corpus import (
    COMMANDS,
    NAME_COMMANDS,
    VOCABULARY,
    Utterance,
    add_noise,
    read_recordings,
    synthesize_utterances,
)
from benchmarks.asr.report import (
    OURS,
    PEER,
    goals,
    plot,
    sets_with_more_errors,
    tables,
)
from benchmarks.asr.servers import (
    Target,
    Transcription,
    model_folder,
    run_conductor,
    run_peer,
    transcribe,
)
from benchmarks.common.report import (
    machine,
    write_section,
)
from benchmarks.common.server_process import Server
from benchmarks.common.word_errors import (
    WordErrors,
    word_errors,
)

PEER_BEAM_1: Final = "wyoming-faster-whisper, beam 1"
TURN_DETECTION: Final = "wyoming-conductor, turn detection"
PHASES: Final = ("latency", "flood", "accuracy", "ablation")
CLIENTS: Final = (1, 2, 4, 8)
NOISE_DB: Final = (10.0, 5.0)
VOICE_NOISE_DB: Final = (10.0, 5.0, 0.0)

_OPTIONS: Final = "models.whisper/base.options"
_TWO_THREADS: Final = f"{_OPTIONS}.cpu_threads=2"

ABLATIONS: Final[dict[str, tuple[tuple[str, ...], dict[str, Any]]]] = {
    "speculation": (("asr.speculative_transcription=false",), {}),
    "short window": ((f"{_OPTIONS}.short_window=false",), {}),
    "one thread for each utterance (two in one step)": ((_TWO_THREADS,), {"parallelism": 1}),
    "the same, nor two in one step": ((_TWO_THREADS, f"{_OPTIONS}.batch=1"), {"parallelism": 1}),
    "malloc and BLAS settings": ((), {"worker_environment": False}),
}
"""How to disable each optimization: settings, and arguments of `run_conductor`."""


class PeakMemory:
    """Records the peak memory of each server with its child processes."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self.peak = {server.name: 0 for server in servers}

    async def watch(self) -> None:
        """Sample every second until cancelled; a sample takes tens of milliseconds per server."""
        while True:
            for server in self._servers:
                memory = await asyncio.to_thread(server.memory_bytes)
                self.peak[server.name] = max(self.peak[server.name], memory)
            await asyncio.sleep(1.0)


@asynccontextmanager
async def watch_memory(servers: Sequence[Server]) -> AsyncIterator[PeakMemory]:
    """Record the peak memory until the block ends."""
    memory = PeakMemory(servers)
    task = asyncio.create_task(memory.watch())
    try:
        yield memory
    finally:
        task.cancel()
        await asyncio.wait([task])


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile; `share` is 0 to 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def measure_latency(targets: Sequence[Target], items: Sequence[Utterance]) -> dict[str, Any]:
    """Send each utterance to each server in real time."""
    answers: dict[str, list[Transcription]] = {target.name: [] for target in targets}
    cpu = dict.fromkeys(answers, 0.0)
    for number, item in enumerate(items):
        for target in targets if number % 2 == 0 else targets[::-1]:
            before = target.server.cpu_seconds()
            answers[target.name].append(await transcribe(target, item, real_time=True))
            cpu[target.name] += target.server.cpu_seconds() - before
    return {
        name: {
            "after_stop_p50": statistics.median(answer.after_stop for answer in some),
            "after_stop_p95": percentile([answer.after_stop for answer in some], 0.95),
            "after_speech_p50": statistics.median(answer.after_speech for answer in some),
            "after_speech_p95": percentile([answer.after_speech for answer in some], 0.95),
            "cpu": cpu[name] / len(some),
            "errors": _word_error_rate(zip(items, some, strict=True)),
        }
        for name, some in answers.items()
    }


async def measure_flood(
    target: Target, items: Sequence[Utterance], clients: int, count: int
) -> dict[str, Any]:
    """Send `count` utterances from several clients, each as soon as it has its last transcript."""
    waiting = iter([items[number % len(items)] for number in range(count)])
    seconds: list[float] = []

    async def client() -> None:
        for item in waiting:
            answer = await transcribe(target, item, real_time=False)
            seconds.append(answer.after_stop)

    loop, cpu = asyncio.get_running_loop(), target.server.cpu_seconds()
    begin = loop.time()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    wall = loop.time() - begin
    return {"seconds": seconds, "wall": wall, "cpu": target.server.cpu_seconds() - cpu}


def merge_rounds(parts: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Combine rounds of `measure_flood`."""
    seconds = [value for part in parts for value in part["seconds"]]
    return {
        "p50": statistics.median(seconds),
        "p95": percentile(seconds, 0.95),
        "per_second": len(seconds) / sum(part["wall"] for part in parts),
        "cpu": sum(part["cpu"] for part in parts) / len(seconds),
    }


async def measure_floods(
    targets: Sequence[Target], items: Sequence[Utterance], share: float
) -> dict[str, Any]:
    """Measure each server with each number of clients, in two rounds of opposite order."""
    result: dict[str, Any] = {}
    for clients in CLIENTS:
        parts: dict[str, list[dict[str, Any]]] = {target.name: [] for target in targets}
        count = max(clients, round(max(8, 2 * clients) * share))
        for order in (targets, targets[::-1]):
            for target in order:
                parts[target.name].append(await measure_flood(target, items, clients, count))
        for name, some in parts.items():
            result.setdefault(name, {})[str(clients)] = merge_rounds(some)
    return result


async def measure_accuracy(
    targets: Sequence[Target], sets: Sequence[Sequence[Utterance]]
) -> dict[str, Any]:
    """Count word errors and runaway transcripts of each server for each set of utterances."""
    result: dict[str, Any] = {}
    for items in sets:
        for target in targets:
            answers = [await transcribe(target, item, real_time=False) for item in items]
            result.setdefault(items[0].kind, {})[target.name] = _score(items, answers)
    return result


async def measure_vocabulary(
    target: Target, named: Sequence[Utterance], plain: Sequence[Utterance]
) -> Any:
    """Count word errors without and with a vocabulary, for utterances with and without names."""
    result: dict[str, Any] = {}
    for items in (named, plain):
        for label, names in (("without", ()), ("with", VOCABULARY)):
            answers = [
                await transcribe(target, item, real_time=False, names=names) for item in items
            ]
            score = _score(items, answers)
            score["p50"] = statistics.median(answer.after_stop for answer in answers)
            result.setdefault(items[0].kind, {})[label] = score
    return result


async def measure_ablation(
    complete: Target, items: Sequence[Utterance], threads: int, *, short: bool
) -> dict[str, Any]:
    """Measure the server without each optimization, interleaved with the complete server."""
    result: dict[str, Any] = {}
    few = items[::5] if not short else items[:2]
    for optimization, (settings, changes) in ABLATIONS.items():
        arguments: dict[str, Any] = {"parallelism": threads, **changes}
        async with (
            run_conductor(*settings, name=optimization, **arguments) as server,
            watch_memory([server]) as memory,
        ):
            reduced = Target("reduced", server, turn_detection=False)
            await transcribe(reduced, items[0], real_time=False)
            row: dict[str, Any] = {}
            if optimization == "speculation":
                for name, figures in (await measure_latency([reduced, complete], few)).items():
                    row.setdefault("latency", {})[name] = figures
            for clients in (1, 4):
                parts: dict[str, list[dict[str, Any]]] = {"reduced": [], complete.name: []}
                for order in ([reduced, complete], [complete, reduced]):
                    for target in order:
                        count = 4 if short else 8
                        parts[target.name].append(
                            await measure_flood(target, items, clients, count)
                        )
                row[str(clients)] = {name: merge_rounds(some) for name, some in parts.items()}
        row["memory"] = memory.peak[optimization]
        result[optimization] = row
    return result


def _score(items: Sequence[Utterance], answers: Sequence[Transcription]) -> dict[str, Any]:
    errors = [
        word_errors(item.text, answer.text) for item, answer in zip(items, answers, strict=True)
    ]
    total = sum(errors, WordErrors(0, 0))
    runaways = [
        answer.text
        for item, answer in zip(items, answers, strict=True)
        if len(answer.text.split()) > 2 * len(item.text.split()) + 4
    ]
    wrong = [
        [item.text, answer.text]
        for item, answer, error in zip(items, answers, errors, strict=True)
        if error.edits
    ]
    return {
        "edits": total.edits,
        "edits_each": [error.edits for error in errors],
        "words": total.words,
        "utterances": len(items),
        "runaways": runaways,
        "wrong": wrong,
    }


def _word_error_rate(pairs: Any) -> float:
    return sum(
        (word_errors(item.text, answer.text) for item, answer in pairs), WordErrors(0, 0)
    ).rate


async def measure(args: argparse.Namespace, phases: Sequence[str]) -> dict[str, Any]:
    """Start the servers and run the phases."""
    short, threads = args.short, args.threads
    commands = synthesize_utterances("commands", COMMANDS[:4] if short else COMMANDS)
    recordings = read_recordings(args.speech)[: 2 if short else None] if args.speech else []
    result: dict[str, Any] = {
        "machine": machine(),
        "began": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "others_running": os.getloadavg()[0],
        "threads": threads,
        "utterances": len(commands),
    }
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(run_conductor(parallelism=threads))
        files = model_folder(own)
        servers = [own]
        for name, beam in ((PEER, 0), (PEER_BEAM_1, 1)):
            start = run_peer(args.peer_python, files, threads=threads, beam=beam, name=name)
            servers.append(await stack.enter_async_context(start))
        peers = [Target(server.name, server) for server in servers[1:]]
        complete = Target(OURS, own, turn_detection=False)
        targets = [*peers, complete]
        for target in targets:
            await transcribe(target, commands[0], real_time=False)
        async with watch_memory(servers) as memory:
            if "latency" in phases:
                utterances = commands[::2] + [item for item in recordings if item.seconds < 6.0][:4]
                latency_targets = [*targets, Target(TURN_DETECTION, own, turn_detection=True)]
                result["latency"] = await measure_latency(latency_targets, utterances)
                print(json.dumps(result["latency"], indent=1), flush=True)
            if "flood" in phases:
                result["flood"] = await measure_floods(targets, commands, 0.5 if short else 1.0)
                print(json.dumps(result["flood"], indent=1), flush=True)
            if "accuracy" in phases:
                clean = [items for items in (commands, recordings) if items]
                with_noise = [
                    add_noise(items, decibels) for items in clean for decibels in NOISE_DB
                ]
                others = other_sets(args.voices, clean, short=short) if args.voices else []
                result["accuracy"] = await measure_accuracy(
                    [peers[0], complete], [*clean, *with_noise, *others]
                )
                named = synthesize_utterances(
                    "names", NAME_COMMANDS[:4] if short else NAME_COMMANDS
                )
                result["vocabulary"] = await measure_vocabulary(complete, named, commands)
        if all(memory.peak.values()):
            result["memory"] = memory.peak
    if "ablation" in phases:
        async with run_conductor(parallelism=threads) as own:
            complete = Target(OURS, own, turn_detection=False)
            await transcribe(complete, commands[0], real_time=False)
            result["ablation"] = await measure_ablation(complete, commands, threads, short=short)
    return result


def other_sets(
    folder: Path, clean: Sequence[Sequence[Utterance]], *, short: bool
) -> list[list[Utterance]]:
    """Return commands by other voices: clean, in noise, from afar, and in other languages."""
    speaker = voices.Speaker(folder)
    spoken = voices.english(speaker, COMMANDS[:4] if short else COMMANDS)
    babble = conditions.babble_of([item for items in clean for item in items])
    noises = {"babble": babble, "music": conditions.music, "fan": conditions.fan}
    return [
        spoken,
        *(
            conditions.with_noise(spoken, name, make, decibels)
            for name, make in noises.items()
            for decibels in VOICE_NOISE_DB
        ),
        conditions.far_field(spoken),
        conditions.telephone(spoken),
        *(voices.foreign(speaker, language) for language in voices.TEXTS),
    ]


def main() -> None:
    """Parse the arguments, measure, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-python", type=Path, required=True)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--voices", type=Path)
    parser.add_argument("--only", default=",".join(PHASES))
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    phases = args.only.split(",")
    if unknown := set(phases) - set(PHASES):
        parser.error(f"unknown phases: {', '.join(sorted(unknown))}; known: {', '.join(PHASES)}")
    result = asyncio.run(measure(args, phases))
    print(tables(result))
    for line in goals(result):
        print(line)
    worse = sets_with_more_errors(result)
    for kind in worse:
        print(f"more word errors than {PEER} on {kind}, and not by chance")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if args.docs:
        write_section(args.docs, "asr", tables(result))
    if args.plot and "flood" in result:
        plot(result, args.plot)
    if worse:
        sys.exit(1)


if __name__ == "__main__":
    main()
