"""Load test: four models, memory for two, many clients, and workers that are killed.

    python -m benchmarks.load --seconds 300 --write-docs

Half an hour is compressed into five minutes: pauses between requests, keep-alives, deadlines and
retry delays are about a sixth of their normal values. The worker processes are real; their engine
is the fake one, which allocates real memory and takes time, unless `--real` selects installed
models. The exit code is 1 if a check fails: a request exceeded its deadline or ended without a
result or an error code, memory was not released, or the parent process has grown.
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
from wyoming_servers.devices.machine import HostProbe
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
"""Deadline of a request; normally a minute."""

TOLERANCE_S = 2.0
"""A request may exceed its deadline by this much on a busy machine."""

KEEP_ALIVE_S = 5.0
PAUSE_S = 1.5
"""Mean pause of a client between two requests."""
CANCELLED = 0.1
"""Share of requests that the client cancels."""
KILL_EVERY_S = 5.0
"""Mean time between two kills."""
WARM_UP = 0.15
"""Share of the duration after which the initial memory of the parent is measured."""


def policy(budget: str) -> SchedulingPolicy:
    """Return the compressed policy of the coordinator."""
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
    """Everything that is counted during the test."""

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by kind and result: OK, left (cancelled), an error code, HUNG, or BUG."""
    totals: dict[str, list[float]] = field(default_factory=dict)
    """Duration of each successful request by kind, in seconds."""
    longest: float = 0.0
    """Duration of the longest request, whatever its result."""
    late: int = 0
    waits: dict[str, list[float]] = field(default_factory=dict)
    """Time until the model was available by kind, in seconds."""
    cancellations: list[float] = field(default_factory=list)
    """Seconds from the cancellation of a request to its end."""
    finished: Counter[str] = field(default_factory=Counter)
    """RequestFinished events by client; each request has its own client name."""
    requested: set[str] = field(default_factory=set)
    """Client names of all pipeline requests."""
    event_types: Counter[str] = field(default_factory=Counter)
    evicted: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unloaded: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    lags: list[float] = field(default_factory=list)
    """Delays of the event loop in seconds, sampled 20 times a second."""
    missed_events: int = 0


class LoadTest:
    """Runs the clients, kills workers and records events."""

    def __init__(
        self, scenario: Scenario, budget: str, seconds: float, clients: int, seed: int
    ) -> None:
        self.observations = Observations()
        self.seconds = seconds
        self.memory: dict[str, int] = {}
        """Memory of this process at the start and at the end, in bytes."""
        self.left_over: list[str] = []
        """Resources that were not released at the end."""
        self._scenario = scenario
        self._clients = clients
        self._random = random.Random(seed)  # noqa: S311  (no secrets)
        self._bus = EventBus()
        clock = SystemClock()
        self._probe = HostProbe()
        self._coordinator = Coordinator(
            scenario.specs, ProcessLauncher(), self._probe, self._bus, clock, policy=policy(budget)
        )
        config = scenario.config(LIMIT_S)
        self._asr = AsrPipeline(
            self._coordinator,
            scenario.specs,
            ConfigHolder(config),
            self._bus,
            clock,
            make_vad=scenario.activity,
        )
        self._tts = TtsPipeline(
            self._coordinator, scenario.specs, ConfigHolder(config), self._bus, clock
        )
        self._numbers = 0

    async def run(self) -> None:
        """Run the test, then check that all resources are released."""
        process = psutil.Process()
        files = 0
        async with self._coordinator:
            watchers = [
                asyncio.create_task(work)
                for work in (
                    self._record_events(),
                    self._kill_workers(),
                    self._measure_event_loop_delay(),
                )
            ]
            until = time.monotonic() + self.seconds
            clients = [asyncio.create_task(self._run_client(until)) for _ in range(self._clients)]
            await asyncio.sleep(self.seconds * WARM_UP)
            self.memory["start"], files = _footprint(process)
            await asyncio.gather(*clients)
            watchers[1].cancel()
            await self._wait_until_idle()
            self.memory["end"], files_now = _footprint(process)
            if files_now > files:
                self.left_over.append(f"{files_now - files} more open files")
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
        await self._probe.close()
        self.left_over += [f"process {child.pid}" for child in process.children(recursive=True)]

    # Clients

    async def _run_client(self, until: float) -> None:
        """Send requests with pauses."""
        while time.monotonic() < until:
            await asyncio.sleep(self._random.expovariate(1 / PAUSE_S))
            spec = self._random.choice(self._scenario.models)
            await self._send_random_request(spec)

    async def _send_random_request(self, spec: ModelSpec) -> None:
        self._numbers += 1
        name = f"client {self._numbers}"
        if spec.task is Task.TTS:
            await self._record_request(
                "tts", name, 2 * LIMIT_S, lambda: self._synthesize(spec, name)
            )
        elif spec.task is Task.ASR and self._random.random() < 0.7:
            await self._record_request("asr", name, LIMIT_S, lambda: self._transcribe(spec, name))
        else:
            await self._record_request(
                "other", name, 2 * LIMIT_S, lambda: self._run_in_background(spec, name)
            )

    async def _transcribe(self, spec: ModelSpec, name: str) -> None:
        self.observations.requested.add(name)
        async with self._asr.open(AsrRequest(model=spec.id, client=name)) as utterance:
            await utterance.feed(self._scenario.sound, SPEECH_FORMAT)
            if not (await utterance.finish()).text:
                raise AssertionError("the transcript is empty")

    async def _synthesize(self, spec: ModelSpec, name: str) -> None:
        self.observations.requested.add(name)
        async with self._tts.open(TtsRequest(voice=spec.voices[0].name, client=name)) as speech:
            speech.feed(TTS_TEXT)
            speech.end()
            if sum([len(chunk) async for chunk in speech]) < 10_000:
                raise AssertionError("the audio is too short")

    async def _run_in_background(self, spec: ModelSpec, name: str) -> None:
        """Send a background request, such as a part of a long recording."""
        start = time.monotonic()
        request = self._scenario.request(spec)
        async with self._coordinator.lease(
            spec.id, priority=Priority.BACKGROUND, client=name
        ) as lease:
            self.observations.waits.setdefault("other", []).append(time.monotonic() - start)
            async with lease.open(request, payload=self._scenario.sound) as run:
                await run.result()

    async def _record_request(
        self, kind: str, name: str, limit: float, send: Callable[[], Awaitable[None]]
    ) -> None:
        """Send a request, cancel some of them, and record the result."""
        is_cancelled = self._random.random() < CANCELLED
        timeout = self._random.uniform(0, 1.5) if is_cancelled else 3 * limit
        start = time.monotonic()
        task = asyncio.ensure_future(send())
        done, _ = await asyncio.wait([task], timeout=timeout)
        seconds = time.monotonic() - start
        if not done:
            task.cancel()
            await asyncio.wait([task])
            self.observations.cancellations.append(time.monotonic() - start - seconds)
        end = _end(task, left=is_cancelled and not done)
        if end == "OK":
            self.observations.totals.setdefault(kind, []).append(seconds)
        self.observations.longest = max(self.observations.longest, seconds)
        self.observations.late += seconds > limit + TOLERANCE_S
        self.observations.ends[kind, end] += 1

    # Workers and events

    async def _kill_workers(self) -> None:
        """Kill or stop worker processes at random times."""
        signals = [signal.SIGKILL] * 3 + [signal.SIGTERM, signal.SIGSTOP]
        while True:
            await asyncio.sleep(self._random.expovariate(1 / KILL_EVERY_S))
            alive = [i for i in self._coordinator.snapshot().instances if i.pid is not None]
            if not alive:
                continue
            instance, number = self._random.choice(alive), self._random.choice(signals)
            with suppress(ProcessLookupError):
                os.kill(instance.pid or 0, number)
                self.observations.kills[f"{number.name} while {instance.state}"] += 1

    async def _record_events(self) -> None:
        """Count the events of the coordinator and the pipelines."""
        observations = self.observations
        with self._bus.subscribe() as subscription:
            async for item in subscription:
                observations.missed_events = subscription.dropped
                observations.event_types[item.event.type] += 1
                match item.event:
                    case events.RequestFinished() as end:
                        observations.finished[end.client] += 1
                        if (queue := end.stages.get("queue")) is not None:
                            observations.waits.setdefault(end.kind, []).append(queue)
                    case events.ModelEvicted() as evicted:
                        observations.evicted[evicted.model] += 1
                    case events.ModelFailed() as failed:
                        observations.failed[failed.code] += 1
                    case events.ModelUnloaded() as unloaded:
                        observations.unloaded[unloaded.reason] += 1

    async def _measure_event_loop_delay(self) -> None:
        while True:
            due = time.monotonic() + 0.05
            await asyncio.sleep(0.05)
            self.observations.lags.append(time.monotonic() - due)

    async def _wait_until_idle(self) -> None:
        """Wait until all models are unloaded, and record resources that are not released."""
        deadline = time.monotonic() + 3 * KEEP_ALIVE_S + TOLERANCE_S
        while True:
            await asyncio.sleep(0.1)
            snapshot = self._coordinator.snapshot()
            held = sum(d.reserved + d.committed + d.returning for d in snapshot.devices)
            alive = sum(instance.pid is not None for instance in snapshot.instances)
            if not held and not alive and not snapshot.queue_depth:
                return
            if time.monotonic() > deadline:
                break
        self.left_over.append(f"{held} bytes in the ledger, {alive} processes")


def _end(task: "asyncio.Future[None]", *, left: bool) -> str:
    """Return the result of a request as one word."""
    if task.cancelled():
        return "left" if left else "HUNG"
    error = task.exception()
    if error is None:
        return "OK"
    return error.code if isinstance(error, ConductorError) else f"BUG: {error!r}"


def _footprint(process: psutil.Process) -> tuple[int, int]:
    """Return the memory in bytes and the open files of a process, after a garbage collection."""
    gc.collect()
    return process.memory_info().rss, process.num_fds()


def main() -> int:
    """Parse the arguments, run the load test, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", default="", help="memory for models, such as 260MiB")
    parser.add_argument("--real", action="store_true", help="installed models, real engines")
    parser.add_argument("--data-dir", type=Path, help="data folder with installed models (--real)")
    parser.add_argument("--json", type=Path, help="write all results to this file")
    parser.add_argument("--write-docs", action="store_true", help="update docs/performance.md")
    options = parser.parse_args()

    scenario = (
        real_scenario(options.data_dir, KEEP_ALIVE_S)
        if options.real
        else fake_scenario(KEEP_ALIVE_S)
    )
    budget = options.budget or f"{scenario.budget // MIB}MiB"
    busy = os.getloadavg()[0]
    # Killed processes are expected; only errors matter.
    logging.getLogger("wyoming_servers").setLevel(logging.ERROR)
    load_test = LoadTest(scenario, budget, options.seconds, options.clients, options.seed)
    asyncio.run(load_test.run())
    result: dict[str, Any] = report(load_test.observations, load_test.memory, load_test.left_over)
    result["setting"] = {
        "seconds": options.seconds,
        "clients": options.clients,
        "seed": options.seed,
        "budget": budget,
        "models": [spec.id for spec in scenario.models],
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
