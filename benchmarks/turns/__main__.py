"""Measure turn taking: how often the server cuts a speaker off, and how long an answer waits.

    python -m benchmarks.turns --voices FOLDER [--speech FOLDER] [--streams 2] [--every 1]
        [--json FILE] [--docs docs/performance.md]

FOLDER of `--voices` is made by `script/setup kokoro` (`.tools/kokoro`); that of `--speech` contains
recordings with reference texts (`.txt`). More than 200 turns are sent in real time, as a microphone
sends them, to servers that differ in what ends a turn: the sound and the words, the words, or 0.7 s
of silence. A turn is cut off if its transcript comes before its last word. The delay is the time
from the end of the last word to the transcript. `--streams` speakers talk at the same time;
`--every N` sends each Nth turn only.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event

from benchmarks.asr.corpus import RATE, silence
from benchmarks.asr.servers import CHUNK_MS, MODEL, run_conductor
from benchmarks.asr.voices import Speaker
from benchmarks.common.report import machine, write_section
from benchmarks.common.server_process import Server
from benchmarks.turns.corpus import Turn, make_turns

BOTH: Final = "sound and words"
_SILENCES: Final = ("asr.end_silence_complete=0.7", "asr.end_silence_incomplete=0.7")
POLICIES: Final[Mapping[str, Sequence[str]]] = {
    BOTH: ("asr.turn_model=smart-turn", f"preload=[{MODEL}, smart-turn]"),
    "words": ("asr.turn_model=none",),
    "0.7 s of silence": ("asr.turn_model=none", *_SILENCES),
}
"""What ends a turn, and the settings for it."""

TRAILING_SECONDS: Final = 3.0
"""Silence after a turn, before the client gives up."""
GOALS: Final = {"cut": 0.02, "p50": 0.35, "p95": 0.6}


@dataclass(frozen=True, slots=True)
class Answer:
    """How the server answered one turn."""

    kind: str
    reference: str
    text: str
    delay: float
    """Seconds from the end of the last word to the transcript; negative if it came before."""

    @property
    def cut_off(self) -> bool:
        """Whether the server ended the turn before the speaker did."""
        return self.delay < 0


async def take_turn(server: Server, turn: Turn) -> Answer:
    """Speak one turn in real time. Raises RuntimeError if the server answers with an error."""
    item = turn.utterance
    pcm = item.pcm + silence(TRAILING_SECONDS)
    step = RATE * CHUNK_MS // 1_000 * 2
    async with AsyncTcpClient("127.0.0.1", server.port) as client, asyncio.timeout(120):
        data = {"language": item.language, "context": {"turn_detection": True}}
        await client.write_event(Event("transcribe", data))
        answer = asyncio.create_task(_read_transcript(client))
        await client.write_event(AudioStart(RATE, 2, 1).event())
        begin = time.perf_counter()
        try:
            for number, start in enumerate(range(0, len(pcm), step), 1):
                await asyncio.sleep(begin + number * CHUNK_MS / 1_000 - time.perf_counter())
                if answer.done():
                    break
                await client.write_event(AudioChunk(RATE, 2, 1, pcm[start : start + step]).event())
            if not answer.done():
                await client.write_event(AudioStop().event())
        except ConnectionError:
            pass  # The server answered and closed the connection.
        text, end = await answer
    return Answer(item.kind, item.text, text, end - begin - item.speech_end)


async def _read_transcript(client: AsyncTcpClient) -> tuple[str, float]:
    while (event := await client.read_event()) is not None:
        if Transcript.is_type(event.type):
            return Transcript.from_event(event).text, time.perf_counter()
        if Error.is_type(event.type):
            raise RuntimeError(Error.from_event(event).text)
    raise RuntimeError("The server closed the connection without an answer.")


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Start a server for each policy and take all turns."""
    turns = make_turns(Speaker(args.voices), args.speech)[:: args.every]
    answers: dict[str, list[Answer]] = {policy: [] for policy in POLICIES}
    result: dict[str, Any] = {
        "machine": machine(),
        "began": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "load": os.getloadavg()[0],
        "streams": args.streams,
        "turns": len(turns),
    }
    async with AsyncExitStack() as stack:
        servers = {
            policy: await stack.enter_async_context(
                run_conductor(*settings, parallelism=2, name=policy)
            )
            for policy, settings in POLICIES.items()
        }
        for server in servers.values():
            await take_turn(server, turns[0])  # everything is loaded now
        cpu = {policy: server.cpu_seconds() for policy, server in servers.items()}
        waiting = iter(turns)

        async def speak() -> None:
            for turn in waiting:
                for policy, server in servers.items():
                    answers[policy].append(await take_turn(server, turn))

        async with asyncio.TaskGroup() as group:
            for _ in range(args.streams):
                group.create_task(speak())
        result["cpu"] = {
            policy: (server.cpu_seconds() - cpu[policy]) / len(turns)
            for policy, server in servers.items()
        }
    result["policies"] = {policy: summarize(some) for policy, some in answers.items()}
    result["answers"] = {policy: [asdict(one) for one in some] for policy, some in answers.items()}
    return result


def summarize(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the figures of all turns, and those of each kind."""
    kinds = dict.fromkeys(answer.kind for answer in answers)
    groups = {"all": answers} | {
        kind: [answer for answer in answers if answer.kind == kind] for kind in kinds
    }
    summary = {}
    for name, some in groups.items():
        delays = sorted(answer.delay for answer in some if not answer.cut_off)
        summary[name] = {
            "turns": len(some),
            "cut": sum(answer.cut_off for answer in some),
            "p50": statistics.median(delays) if delays else None,
            "p95": delays[int(0.95 * len(delays))] if delays else None,
        }
    return summary


def tables(result: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    head = (
        f"Measured {result['began']} on {result['machine']}, {MODEL} int8, "
        f"{result['turns']} turns, {result['streams']} speakers at a time; the load average when "
        f"it began was {result['load']:.1f}."
    )
    rows = [
        "| the turn ends by | cut off | last word → transcript p50, p95 | CPU a turn |",
        "| --- | ---: | ---: | ---: |",
    ]
    for policy, by in result["policies"].items():
        rows.append(
            f"| {policy} | {_cut(by['all'])} | {_delay(by['all'])} "
            f"| {result['cpu'][policy]:.2f} s |"
        )
    policies = list(result["policies"])
    kinds = [
        f"| cut off; p50, p95 | turns | {' | '.join(policies)} |",
        f"| --- | ---: |{' ---: |' * len(policies)}",
    ]
    for kind, one in result["policies"][BOTH].items():
        if kind != "all":
            cells = [f"{by[kind]['cut']}; {_delay(by[kind])}" for by in result["policies"].values()]
            kinds.append(f"| {kind} | {one['turns']} | {' | '.join(cells)} |")
    best = result["policies"][BOTH]["all"]
    figures = {"cut": best["cut"] / best["turns"], "p50": best["p50"], "p95": best["p95"]}
    labels = {"cut": "share cut off", "p50": "delay p50 (s)", "p95": "delay p95 (s)"}
    goals = ["| goal | reached |  |", "| --- | ---: | --- |"]
    for key, most in GOALS.items():
        kept = "yes" if figures[key] <= most else "**no**"
        goals.append(f"| {labels[key]} ≤ {most:g} | {figures[key]:.3g} | {kept} |")
    return "\n\n".join([head, "\n".join(rows), "\n".join(kinds), "\n".join(goals)]) + "\n"


def _cut(one: Mapping[str, Any]) -> str:
    return f"{one['cut']} of {one['turns']} ({one['cut'] / one['turns']:.1%})"


def _delay(one: Mapping[str, Any]) -> str:
    if one["p50"] is None:
        return "–"
    return f"{one['p50'] * 1e3:.0f}, {one['p95'] * 1e3:.0f} ms"


def main() -> None:
    """Parse the arguments, measure, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", type=Path)
    args = parser.parse_args()
    result = asyncio.run(measure(args))
    print(tables(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if args.docs:
        write_section(args.docs, "turns", tables(result))


if __name__ == "__main__":
    main()
