"""A coordinator over real worker processes of the fake engine, one of which gets a fault.

Every test of the matrix has two models: `asr/target`, whose process gets the fault, and
`tts/other`, which a background client uses all the time and which must not be affected. A third
one, `asr/holder`, holds the memory for which the target waits in the tests of queued requests.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    ModelSpec,
    Placement,
    Task,
    VoiceInfo,
)
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import Event
from wyoming_servers.devices.machine import HostProbe, MachineProbe, resident
from wyoming_servers.devices.probe import Device, Reading, Sample
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.speech.asr.pipeline import (
    AsrPipeline,
    AsrRequest,
    Utterance,
)
from wyoming_servers.speech.fake import LoudnessVad
from wyoming_servers.speech.tts.pipeline import (
    TtsPipeline,
    TtsRequest,
)
from wyoming_servers.worker.interface import Worker
from wyoming_servers.worker.process import ProcessLauncher

MIB = 2**20

TARGET, MEMORY_HOLDER, OTHER = "asr/target", "asr/holder", "tts/other"

GPU = "cuda:0"

TEST_TIMEOUT = 30.0
"""Time limit of each test, for a busy machine."""

POLICY = SchedulingPolicy(
    budget="300MiB",  # enough for `OTHER` and one of the two others
    reserve=0,
    request_timeout=12.0,
    load_timeout=2.5,
    ping_interval=0.4,
    max_missed_pings=4,
    stop_grace=0.5,
    backoff=(0.2, 0.4, 0.8),
    circuit_timeout=60.0,
    memory_retry_interval=0.5,
    memory_return_timeout=2.0,
)
"""The shortest times for which a slow process on a busy machine does not look like a hang."""

LOUD = b"\x00\x40" * 8_000
"""Half a second that is speech to `LoudnessVad`."""


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Fail a test that blocks its event loop, in which the coordinator runs."""
    with blockbuster_ctx("wyoming_servers") as guard:
        yield guard


@dataclass
class Answer:
    """How a client's request ended."""

    text: str = ""
    code: str = ""
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        """`answer`, or the error's code."""
        return self.code or "answer"


@dataclass
class WorkerProcess:
    """One worker process, from its launch to its exit."""

    model: str
    placement: Placement
    worker: Worker
    ended: float | None = None


class Launcher:
    """Launches real processes and records them."""

    def __init__(self) -> None:
        self.processes: list[WorkerProcess] = []
        self._real = ProcessLauncher()

    async def launch(self, spec: ModelSpec, placement: Placement) -> Worker:
        worker = await self._real.launch(spec, placement)
        process = WorkerProcess(spec.id, placement, worker)
        self.processes.append(process)

        def end(_: object) -> None:
            process.ended = time.monotonic()

        worker.exited.add_done_callback(end)
        return worker


class FakeGpu:
    """A GPU that does not exist: the host memory of the processes placed on it."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    async def devices(self) -> tuple[Device, ...]:
        return (Device(GPU, "Fake GPU", 512 * MIB),)

    async def sample(self, pids: Collection[int]) -> Sample:
        alive = [process for process in self._launcher.processes if process.placement.device == GPU]
        mine = [process.worker.pid for process in alive if process.ended is None]
        held = await asyncio.to_thread(resident, mine)
        used = sum(held.values())
        return Sample({GPU: Reading(512 * MIB, 512 * MIB - used, used, held)})

    async def close(self) -> None:
        pass


@dataclass
class BackgroundClient:
    """Results of the client that uses `OTHER` all the time."""

    answers: int = 0
    failures: list[str] = field(default_factory=list)


class World:
    """A coordinator, its models and their clients."""

    def __init__(self, folder: Path) -> None:
        self.bus = EventBus()
        self.clock = SystemClock()
        self.launcher = Launcher()
        self.once_file = folder / "once"
        self.coordinator: Coordinator
        self.background = BackgroundClient()
        self.target: WorkerProcess | None = None
        """The process that got a signal, if any."""
        self.finished_at = 0.0
        """Time at which the client began to wait for its transcript."""
        self._asr: dict[str, AsrPipeline] = {}
        self._tts: TtsPipeline
        self._tasks: list[asyncio.Task[Any]] = []

    @asynccontextmanager
    async def running(
        self,
        target: dict[str, Any],
        holder: dict[str, Any],
        *,
        gpu: bool = False,
        budget: str = POLICY.budget,
    ) -> AsyncIterator[None]:
        """Serve the models, with options for two of them, and run the background client."""
        placements = (Placement(GPU), Placement("cpu")) if gpu else (Placement("cpu"),)
        specs = {
            spec.id: spec
            for spec in (
                self._asr_spec(TARGET, target, placements),
                self._asr_spec(MEMORY_HOLDER, {"memory_bytes": 100 * MIB, **holder}),
                ModelSpec(
                    OTHER,
                    Task.TTS,
                    "fake",
                    voices=(VoiceInfo("voice", languages=("en",)),),
                    memory_bytes=40 * MIB,
                    keep_alive=-1,
                    pinned=True,
                ),
            )
        }
        probes = (HostProbe(), FakeGpu(self.launcher)) if gpu else (HostProbe(),)
        probe = MachineProbe(*probes)
        policy = replace(POLICY, budget=budget)
        self.coordinator = Coordinator(
            specs, self.launcher, probe, self.bus, self.clock, policy=policy, jitter=lambda: 0.5
        )
        for name in (TARGET, MEMORY_HOLDER):
            config = Config.model_validate(
                {"asr": {"model": name}, "limits": {"request_timeout": POLICY.request_timeout}}
            )
            self._asr[name] = AsrPipeline(
                self.coordinator,
                specs,
                ConfigHolder(config),
                self.bus,
                self.clock,
                make_vad=LoudnessVad,
            )
        config = Config.model_validate({"tts": {"voice": "voice"}})
        self._tts = TtsPipeline(self.coordinator, specs, ConfigHolder(config), self.bus, self.clock)
        try:
            async with asyncio.timeout(TEST_TIMEOUT), self.coordinator:
                self.start(self._synthesize_repeatedly())
                await self.until(lambda: self.background.answers > 0)
                try:
                    yield
                finally:
                    for task in self._tasks:
                        task.cancel()
                    await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            await probe.close()

    def _asr_spec(
        self, name: str, options: dict[str, Any], placements: tuple[Placement, ...] = (Placement(),)
    ) -> ModelSpec:
        return ModelSpec(
            name,
            Task.ASR,
            "fake",
            languages=("en",),
            placements=placements,
            # The folder that a worker may write to: the fake engine deletes `once_file` there.
            files={"cache_dir": str(self.once_file.parent)},
            options={"text": "it was heard", **options},
            memory_bytes=180 * MIB,
        )

    # Clients

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a task beside the test."""
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    @asynccontextmanager
    async def utterance(self, model: str = TARGET) -> AsyncIterator[Utterance]:
        """Open an utterance and send speech; `finish` waits for the transcript."""
        async with self._asr[model].open(AsrRequest(client="test")) as utterance:
            await utterance.feed(LOUD, SPEECH_FORMAT)
            yield utterance

    async def finish(self, utterance: Utterance) -> Answer:
        """Wait for the transcript."""
        began = self.finished_at = time.monotonic()
        answer = Answer()
        try:
            answer.text = (await utterance.finish()).text
        except ConductorError as err:
            answer.code = err.code
        answer.seconds = time.monotonic() - began
        return answer

    async def transcribe(self, model: str = TARGET) -> Answer:
        """Send an utterance and wait for its transcript."""
        async with self.utterance(model) as utterance:
            return await self.finish(utterance)

    async def _synthesize_repeatedly(self) -> None:
        """Synthesize with `OTHER`, again and again."""
        while True:
            try:
                async with self._tts.open(TtsRequest(client="listener")) as speech:
                    speech.feed("Nobody has noticed.")
                    speech.end()
                    size = sum([len(chunk) async for chunk in speech])
                if size < 20_000:
                    self.background.failures.append(f"{size} bytes")
                self.background.answers += 1
            except ConductorError as err:
                self.background.failures.append(err.code)
            await asyncio.sleep(0.05)

    # State

    def state(self, model: str) -> str:
        """State of a model's instance."""
        for instance in self.coordinator.snapshot().instances:
            if instance.model == model:
                return instance.state
        return "cold"

    def leases(self, model: str) -> int:
        return sum(
            status.leases
            for status in self.coordinator.snapshot().models
            if status.spec.id == model
        )

    def process(self, model: str) -> WorkerProcess:
        """The newest process of a model."""
        return [process for process in self.launcher.processes if process.model == model][-1]

    def events(self, kind: type[Event]) -> list[Any]:
        return [item.event for item in self.bus.recent(512) if isinstance(item.event, kind)]

    async def until(self, condition: Callable[[], bool]) -> float:
        """Wait until a condition holds; return how long that took."""
        began = time.monotonic()
        while not condition():  # noqa: ASYNC110  (not every condition has a signal)
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def load(self, model: str = TARGET) -> WorkerProcess:
        """Load a model."""
        await self.coordinator.wait_ready(model)
        return self.process(model)

    async def unload_and_check_memory(self) -> None:
        """Unload the tested models and check that their processes and memory are gone."""
        for model in (TARGET, MEMORY_HOLDER):
            await self.coordinator.unload(model)
        processes = [process for process in self.launcher.processes if process.model != OTHER]
        await self.until(lambda: all(process.ended is not None for process in processes))
        assert not [
            process.worker.pid for process in processes if psutil.pid_exists(process.worker.pid)
        ]
        await self.until(lambda: self._memory() == (0, 0))

    def _memory(self) -> tuple[int, int]:
        """Bytes promised or returning, and bytes held by models except `OTHER`."""
        snapshot = self.coordinator.snapshot()
        held = sum(i.memory_bytes for i in snapshot.instances if i.model != OTHER)
        promised = sum(device.reserved + device.returning for device in snapshot.devices)
        return promised, held

    def first_process(self, model: str) -> WorkerProcess:
        """The oldest process of a model."""
        return next(process for process in self.launcher.processes if process.model == model)

    def progress(self, model: str) -> bool:
        """Whether a model has reported progress of its load."""
        models = {status.spec.id: status for status in self.coordinator.snapshot().models}
        return models[model].progress is not None

    # Faults

    def send_signal(self, process: WorkerProcess, number: int) -> None:
        """Send a signal to a worker process."""
        self.target = process
        os.kill(process.worker.pid, number)

    def arm_fault(self) -> str:
        """Arm the next failure, once; return the `once_file` for the engine's options."""
        self.once_file.touch()
        return str(self.once_file)

    async def rearm_fault(self) -> None:
        """Arm the failure again as soon as it has happened."""
        await self.until(lambda: not self.once_file.exists())
        self.once_file.touch()

    async def keep_fault_armed(self, process: WorkerProcess) -> None:
        """Keep the failure armed as long as this process exists."""
        while process.ended is None:
            self.once_file.touch()
            await asyncio.sleep(0.01)
        self.once_file.unlink(missing_ok=True)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world that must leave no process at the end."""
    before = set(psutil.Process().children(recursive=True))
    world = World(tmp_path)
    yield world
    left = set(psutil.Process().children(recursive=True)) - before
    assert not [child for child in left if child.is_running()]


class Table:
    """The observed behavior, for docs/reliability.md."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def add(
        self, case: Any, answer: Answer, *, retried: bool, gone: float, background: int
    ) -> None:
        """Add the row of a case."""
        got = f"`{answer.code}`" if answer.code else "its answer"
        again = ", at the second try" if retried else ""
        process = "it survives" if case.survives else f"{max(0.0, gone):.1f} s"
        self.rows.append(
            f"| {case.fault} | {case.moment} | {got}{again}{case.note} "
            f"| {answer.seconds:.1f} s | {process} | {background} answers |"
        )


_TABLE = Table()

DOCUMENT = Path(__file__).parents[4] / "docs" / "reliability.md"


@pytest.fixture
def table() -> Table:
    """The table to which each test adds its row."""
    return _TABLE


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table, if requested and complete."""
    if not session.config.getoption("--write-docs", default=False):
        return
    if session.testsfailed or not _TABLE.rows:
        return
    head = (
        "| fault | comes while | the client gets | after | the process is gone after "
        "| another model gives meanwhile |\n| --- | --- | --- | --- | --- | --- |"
    )
    text = DOCUMENT.read_text(encoding="utf-8")
    begin = text.index("-->", text.index("<!-- faults:begin")) + len("-->")
    end = text.index("<!-- faults:end -->")
    rows = "\n".join([head, *_TABLE.rows])
    DOCUMENT.write_text(f"{text[:begin]}\n{rows}\n{text[end:]}", encoding="utf-8")
