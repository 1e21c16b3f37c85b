"""Measure turn taking: how often a speaker is cut off, and how long an answer waits.

    python -m benchmarks.turns --voices FOLDER [--speech FOLDER] [--every 1]
        [--json FILE] [--docs docs/performance.md]

FOLDER of `--voices` is made by `script/setup kokoro` (`.tools/kokoro`); that of `--speech` contains
recordings with reference texts (`.txt`). More than 200 turns are transcribed by the server's own
pipeline, voice activity detection and models, with three policies for the end of a turn: the sound
and the words, the words alone, and 0.7 s of silence.

The time is simulated: 30 ms of audio arrive every 30 ms, and an inference takes the processor time
that it was measured to take, as on an idle machine. So the figures do not depend on what else the
machine does; the time of sockets and processes, some milliseconds, is missing. A turn is cut off if
it ends before its last word. The delay is the time from the end of the last word to the transcript.
`--every N` takes each Nth turn only.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.asr.corpus import silence
from benchmarks.asr.voices import Speaker
from benchmarks.common.report import machine, write_section
from benchmarks.turns.corpus import Turn, make_turns
from benchmarks.turns.replay import ASR_MODEL, TURN_MODEL, ReplayedModels
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.speech.asr.pipeline import AsrPipeline, AsrRequest

BOTH: Final = "sound and words"
POLICIES: Final[Mapping[str, Mapping[str, Any]]] = {
    BOTH: {"turn_model": TURN_MODEL},
    "words": {"turn_model": "none"},
    "0.7 s of silence": {
        "turn_model": "none",
        "end_silence_complete": 0.7,
        "end_silence_incomplete": 0.7,
    },
}
"""What ends a turn, and the settings for it."""

TRAILING_SECONDS: Final = 3.0
"""Silence after a turn, before the client ends it."""
STEP_SECONDS: Final = 0.03
GOALS: Final = {"cut": 0.02, "p50": 0.35, "p95": 0.6}


@dataclass(frozen=True, slots=True)
class Answer:
    """How the server answered one turn."""

    kind: str
    reference: str
    text: str
    cut_off: bool
    """Whether the server ended the turn before the speaker did."""
    delay: float
    """Seconds from the end of the last word to the transcript."""
    cpu: float
    """Seconds of all inferences."""


async def take_turn(models: ReplayedModels, turn: Turn, settings: Mapping[str, Any]) -> Answer:
    """Speak one turn to the pipeline with these settings."""
    clock, item = FakeClock(), turn.utterance
    coordinator = models.coordinator(clock)
    config = Config.model_validate({"asr": {"model": ASR_MODEL, **settings}})
    bus = EventBus(clock)
    pipeline = AsrPipeline(coordinator, coordinator.specs, ConfigHolder(config), bus, clock)
    pcm = item.pcm + silence(TRAILING_SECONDS)
    step, begin = SPEECH_FORMAT.bytes_for(STEP_SECONDS), clock.now()
    models.seconds = 0.0
    async with pipeline.open(AsrRequest(language=item.language)) as utterance:
        for start in range(0, len(pcm), step):
            await clock.advance(STEP_SECONDS)
            if utterance.ended.is_set():
                break
            await utterance.feed(pcm[start : start + step], SPEECH_FORMAT)
        await clock.run_ready_tasks()
        ended = clock.now() - begin
        transcript = asyncio.create_task(utterance.finish())
        await clock.run_ready_tasks()
        while not transcript.done():
            await clock.advance(STEP_SECONDS / 3)
    delay = clock.now() - begin - item.speech_end
    return Answer(
        item.kind,
        item.text,
        transcript.result().text,
        ended < item.speech_end,
        delay,
        models.seconds,
    )


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Take all turns with each policy."""
    turns = make_turns(Speaker(args.voices), args.speech, args.every)
    answers: dict[str, list[Answer]] = {policy: [] for policy in POLICIES}
    with tempfile.TemporaryDirectory() as folder:
        models = await ReplayedModels.load(Path(folder))
        for number, turn in enumerate(turns):
            for policy, settings in POLICIES.items():
                answers[policy].append(await take_turn(models, turn, settings))
            models.forget()
            if number % 20 == 0:
                print(f"{number} of {len(turns)} turns", flush=True)
    return {
        "machine": machine(),
        "began": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "turns": len(turns),
        "policies": {policy: summarize(some) for policy, some in answers.items()},
        "answers": {policy: [asdict(one) for one in some] for policy, some in answers.items()},
    }


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
            "cpu": statistics.mean(answer.cpu for answer in some),
        }
    return summary


def tables(result: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    head = (
        f"Measured {result['began']} on {result['machine']}, {ASR_MODEL} int8, "
        f"{result['turns']} turns; inferences take their processor time."
    )
    rows = [
        "| the turn ends by | cut off | last word → transcript p50, p95 | CPU a turn |",
        "| --- | ---: | ---: | ---: |",
    ]
    for policy, by in result["policies"].items():
        one = by["all"]
        rows.append(f"| {policy} | {_cut(one)} | {_delay(one)} | {one['cpu']:.2f} s |")
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
