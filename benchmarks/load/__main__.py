"""Four models, memory for two, clients who come and go, and processes that are killed.

    python -m benchmarks.load --seconds 300 --write-docs

Half an hour is compressed into five minutes: pauses between requests, keep-alives, deadlines and
the pauses after failures are about a sixth of what they are in earnest. The worker processes are
real; their engine is the fake one, which holds real memory and works for a while, unless `--real`
takes installed models. The exit code is 1 if a promise was broken: a request that hung past its
deadline or ended without a result or a coded error, memory that did not come back, a parent that
has grown.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.load.report import (
    report,
    write_docs,
)
from benchmarks.load.scenarios import (
    MIB,
    TTS_TEXT,
    Scenario,
    fake_scenario,
    real_scenario,
)
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core import events
from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    ModelSpec,
    Priority,
    Task,
)
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.devices.host import HostProbe
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.speech.asr.pipeline import (
    AsrPipeline,
    AsrRequest,
)
from wyoming_servers.speech.tts.pipeline import (
    TtsPipeline,
    TtsRequest,
)
from wyoming_servers.worker.process import ProcessLauncher

LIMIT_S = 10.0
"""Deadline of a request; a minute in earnest."""

TOLERANCE_S = 2.0
"""A request may end this much later: the machine has other things to do."""

KEEP_ALIVE_S = 5.0
THINK_S = 1.5
"""Mean pause of a client between two requests."""
CANCELLED = 0.1
"""Share of requests whose client leaves before the answer."""
KILL_EVERY_S = 5.0
"""Mean time between two kills."""
WARM_UP = 0.15
"""Share of the time after which the parent's memory is taken as that of the start."""


def policy(budget: str) -> SchedulingPolicy:
    """Return the coordinator's numbers, compressed."""
    return SchedulingPolicy(
        budget=budget,
        reserve=0,
        request_timeout=LIMIT_S,
        load_timeout=LIMIT_S,
        queue_jump_window=1.5,
        prefetch_keep_alive=KEEP_ALIVE_S,
        prefetch_timeout=1.5,
        stop_grace=1.0,
        ping_interval=0.5,
        max_missed_pings=4,
        backoff=(0.15, 0.3, 0.6),
        circuit_timeout=10.0,
        circuit_timeout_max=60.0,
        failure_reset=10.0,
        oom_cooldown=50.0,
        probe_interval=1.0,
        memory_retry_interval=0.5,
    )


@dataclass
class Observations:
    """What was seen."""

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by kind and by how they ended: OK, left, a code, HUNG, or a bug's name."""
    totals: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of each request that was answered, by kind."""
    longest: float = 0.0
    """Seconds of the longest request, however it ended."""
    late: int = 0
    waits: dict[str, list[float]] = field(default_factory=dict)
    """Seconds until the model was there, by kind."""
    leaving: list[float] = field(default_factory=list)
    """Seconds from a client's leaving until nothing of its request was left."""
    told: Counter[str] = field(default_factory=Counter)
    """RequestFinished events, by client; each request has a client of its own."""
    asked: set[str] = field(default_factory=set)
    """Clients whose request went through a pipeline."""
    happened: Counter[str] = field(default_factory=Counter)
    evicted: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unloaded: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    lags: list[float] = field(default_factory=list)
    """How late the event loop was, in seconds, many times a second."""
    missed_events: int = 0


class LoadTest:
    """The clients, the killer and those who watch."""

    def __init__(
        self, stage: Scenario, budget: str, seconds: float, clients: int, seed: int
    ) -> None:
        self.tally = Observations()
        self.seconds = seconds
        self.memory: dict[str, int] = {}
        """Bytes of this process at the start and at the end."""
        self.left_over: list[str] = []
        """What was still there when everybody had gone."""
        self._stage = stage
        self._clients = clients
        self._random = random.Random(seed)  # noqa: S311  (no secrets)
        self._bus = EventBus()
        clock = SystemClock()
        self._probe = HostProbe()
        self._coordinator = Coordinator(
            stage.specs, ProcessLauncher(), self._probe, self._bus, clock, policy=policy(budget)
        )
        config = stage.config(LIMIT_S)
        self._asr = AsrPipeline(
            self._coordinator,
            stage.specs,
            ConfigHolder(config),
            self._bus,
            clock,
            make_vad=stage.activity,
        )
        self._tts = TtsPipeline(
            self._coordinator, stage.specs, ConfigHolder(config), self._bus, clock
        )
        self._numbers = 0

    async def run(self) -> None:
        """Let it rage, then see what is left."""
        me = psutil.Process()
        files = 0
        async with self._coordinator:
            watchers = [
                asyncio.create_task(work)
                for work in (self._watch(), self._kill(), self._feel_the_pulse())
            ]
            until = time.monotonic() + self.seconds
            clients = [asyncio.create_task(self._live(until)) for _ in range(self._clients)]
            await asyncio.sleep(self.seconds * WARM_UP)
            self.memory["start"], files = _footprint(me)
            await asyncio.gather(*clients)
            watchers[1].cancel()
            await self._become_quiet()
            self.memory["end"], files_now = _footprint(me)
            if files_now > files:
                self.left_over.append(f"{files_now - files} more open files")
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
        await self._probe.close()
        self.left_over += [f"process {child.pid}" for child in me.children(recursive=True)]

    # Clients

    async def _live(self, until: float) -> None:
        """One client: ask, think, ask again."""
        while time.monotonic() < until:
            await asyncio.sleep(self._random.expovariate(1 / THINK_S))
            spec = self._random.choice(self._stage.models)
            await self._ask_as_somebody(spec)

    async def _ask_as_somebody(self, spec: ModelSpec) -> None:
        self._numbers += 1
        name = f"client {self._numbers}"
        if spec.task is Task.TTS:
            await self._judge("tts", name, 2 * LIMIT_S, lambda: self._speak(spec, name))
        elif spec.task is Task.ASR and self._random.random() < 0.7:
            await self._judge("asr", name, LIMIT_S, lambda: self._hear(spec, name))
        else:
            await self._judge("other", name, 2 * LIMIT_S, lambda: self._work(spec, name))

    async def _hear(self, spec: ModelSpec, name: str) -> None:
        self.tally.asked.add(name)
        async with self._asr.open(AsrRequest(model=spec.id, client=name)) as utterance:
            await utterance.feed(self._stage.sound, SPEECH_FORMAT)
            if not (await utterance.finish()).text:
                raise AssertionError("nothing was heard")

    async def _speak(self, spec: ModelSpec, name: str) -> None:
        self.tally.asked.add(name)
        async with self._tts.open(TtsRequest(voice=spec.offers[0].name, client=name)) as speech:
            speech.feed(TTS_TEXT)
            speech.end()
            if sum([len(chunk) async for chunk in speech]) < 10_000:
                raise AssertionError("hardly anything was said")

    async def _work(self, spec: ModelSpec, name: str) -> None:
        """Do what nobody waits for, such as a piece of a long recording."""
        began = time.monotonic()
        request = self._stage.request(spec)
        async with self._coordinator.lease(
            spec.id, priority=Priority.BACKGROUND, client=name
        ) as lease:
            self.tally.waits.setdefault("other", []).append(time.monotonic() - began)
            async with lease.open(request, payload=self._stage.sound) as run:
                await run.result()

    async def _judge(
        self, kind: str, name: str, limit: float, ask: Callable[[], Awaitable[None]]
    ) -> None:
        """Make a request, perhaps leave before its end, and note how it ended."""
        leaves = self._random.random() < CANCELLED
        patience = self._random.uniform(0, 1.5) if leaves else 3 * limit
        began = time.monotonic()
        task = asyncio.ensure_future(ask())
        done, _ = await asyncio.wait([task], timeout=patience)
        seconds = time.monotonic() - began
        if not done:
            task.cancel()
            await asyncio.wait([task])
            self.tally.leaving.append(time.monotonic() - began - seconds)
        end = _end(task, left=leaves and not done)
        if end == "OK":
            self.tally.totals.setdefault(kind, []).append(seconds)
        self.tally.longest = max(self.tally.longest, seconds)
        self.tally.late += seconds > limit + TOLERANCE_S
        self.tally.ends[kind, end] += 1

    # What happens to it

    async def _kill(self) -> None:
        """End or stop a worker process now and then, whatever it does."""
        signals = [signal.SIGKILL] * 3 + [signal.SIGTERM, signal.SIGSTOP]
        while True:
            await asyncio.sleep(self._random.expovariate(1 / KILL_EVERY_S))
            alive = [i for i in self._coordinator.snapshot().instances if i.pid is not None]
            if not alive:
                continue
            victim, number = self._random.choice(alive), self._random.choice(signals)
            with suppress(ProcessLookupError):
                os.kill(victim.pid or 0, number)
                self.tally.kills[f"{number.name} while {victim.state}"] += 1

    async def _watch(self) -> None:
        """Count what the coordinator and the pipelines tell."""
        tally = self.tally
        with self._bus.subscribe() as subscription:
            async for item in subscription:
                tally.missed_events = subscription.dropped
                tally.happened[item.event.type] += 1
                match item.event:
                    case events.RequestFinished() as end:
                        tally.told[end.client] += 1
                        if (queue := end.stages.get("queue")) is not None:
                            tally.waits.setdefault(end.kind, []).append(queue)
                    case events.ModelEvicted() as evicted:
                        tally.evicted[evicted.model] += 1
                    case events.ModelFailed() as failed:
                        tally.failed[failed.code] += 1
                    case events.ModelUnloaded() as unloaded:
                        tally.unloaded[unloaded.reason] += 1

    async def _feel_the_pulse(self) -> None:
        while True:
            due = time.monotonic() + 0.05
            await asyncio.sleep(0.05)
            self.tally.lags.append(time.monotonic() - due)

    async def _become_quiet(self) -> None:
        """Wait until the last model has been idle for too long, and note what has not gone."""
        patience = time.monotonic() + 3 * KEEP_ALIVE_S + TOLERANCE_S
        while True:
            await asyncio.sleep(0.1)
            snapshot = self._coordinator.snapshot()
            held = sum(d.reserved + d.committed + d.returning for d in snapshot.devices)
            alive = sum(instance.pid is not None for instance in snapshot.instances)
            if not held and not alive and not snapshot.queue_depth:
                return
            if time.monotonic() > patience:
                break
        self.left_over.append(f"{held} bytes in the books, {alive} processes")


def _end(task: "asyncio.Future[None]", *, left: bool) -> str:
    """Return how a request ended, in a word."""
    if task.cancelled():
        return "left" if left else "HUNG"
    error = task.exception()
    if error is None:
        return "OK"
    return error.code if isinstance(error, ConductorError) else f"BUG: {error!r}"


def _footprint(process: psutil.Process) -> tuple[int, int]:
    """Return bytes and open files of a process, with the garbage collected."""
    gc.collect()
    return process.memory_info().rss, process.num_fds()


def main() -> int:
    """Run the load test; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", default="", help="memory for models, such as 260MiB")
    parser.add_argument("--real", action="store_true", help="installed models, real engines")
    parser.add_argument("--data-dir", type=Path, help="where installed models are (--real)")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--write-docs", action="store_true", help="into docs/performance.md")
    options = parser.parse_args()

    stage = (
        real_scenario(options.data_dir, KEEP_ALIVE_S)
        if options.real
        else fake_scenario(KEEP_ALIVE_S)
    )
    budget = options.budget or f"{stage.budget // MIB}MiB"
    busy = os.getloadavg()[0]
    # A killed process is no news here; a fault of our own is.
    logging.getLogger("wyoming_servers").setLevel(logging.ERROR)
    storm = LoadTest(stage, budget, options.seconds, options.clients, options.seed)
    asyncio.run(storm.run())
    result: dict[str, Any] = report(storm.tally, storm.memory, storm.left_over)
    result["setting"] = {
        "seconds": options.seconds,
        "clients": options.clients,
        "seed": options.seed,
        "budget": budget,
        "models": [spec.id for spec in stage.models],
        "engines": "real" if options.real else "fake",
        "load_before": busy,
    }
    text = json.dumps(result, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    if options.write_docs:
        write_docs(result)
    return 0 if all(check["ok"] for check in result["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
