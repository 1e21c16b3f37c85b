"""A coordinator over real worker processes of the fake engine, one of which will be struck.

Every test of the matrix has two models: `asr/struck`, whose process meets the fault, and
`tts/other`, which somebody listens to all the time and must never notice. A third, `asr/holder`,
holds the memory that the struck one waits for, where the fault is to come to those who queue.
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
    Offer,
    Placement,
    Task,
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

STRUCK, HOLDER, OTHER = "asr/struck", "asr/holder", "tts/other"

CARD = "cuda:0"

PATIENCE_S = 30.0
"""Nothing in these tests takes longer, however busy the machine is; then the test has failed."""

POLICY = SchedulingPolicy(
    budget="300MiB",  # the other and one of the two that can hear
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
"""The shortest times at which a busy machine does not take a slow process for one that hangs."""

LOUD = b"\x00\x40" * 8_000
"""Half a second that `LoudnessVad` takes for speech."""


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """The coordinator runs in the test's own loop here: guard it."""
    with blockbuster_ctx("wyoming_servers") as guard:
        yield guard


@dataclass
class Answer:
    """How a client's request ended."""

    text: str = ""
    code: str = ""
    seconds: float = 0.0

    @property
    def got(self) -> str:
        """`answer`, or the error's code."""
        return self.code or "answer"


@dataclass
class Life:
    """One worker process, from its start to its end."""

    model: str
    placement: Placement
    worker: Worker
    ended: float | None = None


class Launcher:
    """Starts real processes and remembers them."""

    def __init__(self) -> None:
        self.lives: list[Life] = []
        self._real = ProcessLauncher()

    async def launch(self, spec: ModelSpec, placement: Placement) -> Worker:
        worker = await self._real.launch(spec, placement)
        life = Life(spec.id, placement, worker)
        self.lives.append(life)

        def end(_: object) -> None:
            life.ended = time.monotonic()

        worker.exited.add_done_callback(end)
        return worker


class Card:
    """A graphics card that never was: the memory of processes that are said to be on it."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    async def devices(self) -> tuple[Device, ...]:
        return (Device(CARD, "Card of the test", 512 * MIB),)

    async def sample(self, pids: Collection[int]) -> Sample:
        alive = [life for life in self._launcher.lives if life.placement.device == CARD]
        mine = [life.worker.pid for life in alive if life.ended is None]
        held = await asyncio.to_thread(resident, mine)
        used = sum(held.values())
        return Sample({CARD: Reading(512 * MIB, 512 * MIB - used, used, held)})

    async def close(self) -> None:
        pass


@dataclass
class Listening:
    """What somebody who listens to the other model all the time has got."""

    answers: int = 0
    failures: list[str] = field(default_factory=list)


class World:
    """One machine, its models, and the clients who use them."""

    def __init__(self, folder: Path) -> None:
        self.bus = EventBus()
        self.clock = SystemClock()
        self.launcher = Launcher()
        self.once_file = folder / "once"
        self.coordinator: Coordinator
        self.others = Listening()
        self.struck: Life | None = None
        """The process that was sent a signal, if one was."""
        self.asked_at = 0.0
        """When the client had spoken and began to wait."""
        self._asr: dict[str, AsrPipeline] = {}
        self._tts: TtsPipeline
        self._tasks: list[asyncio.Task[Any]] = []

    @asynccontextmanager
    async def running(
        self,
        struck: dict[str, Any],
        holder: dict[str, Any],
        *,
        card: bool = False,
        budget: str = POLICY.budget,
    ) -> AsyncIterator[None]:
        """Serve the models, of which two have these options, and someone who listens meanwhile."""
        placements = (Placement(CARD), Placement("cpu")) if card else (Placement("cpu"),)
        specs = {
            spec.id: spec
            for spec in (
                self._hearing(STRUCK, struck, placements),
                self._hearing(HOLDER, {"memory_bytes": 100 * MIB, **holder}),
                ModelSpec(
                    OTHER,
                    Task.TTS,
                    "fake",
                    offers=(Offer("voice", languages=("en",)),),
                    memory_bytes=40 * MIB,
                    keep_alive=-1,
                    pinned=True,
                ),
            )
        }
        probes = (HostProbe(), Card(self.launcher)) if card else (HostProbe(),)
        probe = MachineProbe(*probes)
        policy = replace(POLICY, budget=budget)
        self.coordinator = Coordinator(
            specs, self.launcher, probe, self.bus, self.clock, policy=policy, jitter=lambda: 0.5
        )
        for name in (STRUCK, HOLDER):
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
            async with asyncio.timeout(PATIENCE_S), self.coordinator:
                self.start(self._listen())
                await self.until(lambda: self.others.answers > 0)
                try:
                    yield
                finally:
                    for task in self._tasks:
                        task.cancel()
                    await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            await probe.close()

    def _hearing(
        self, name: str, options: dict[str, Any], places: tuple[Placement, ...] = (Placement(),)
    ) -> ModelSpec:
        return ModelSpec(
            name,
            Task.ASR,
            "fake",
            languages=("en",),
            placements=places,
            options={"text": "it was heard", **options},
            memory_bytes=180 * MIB,
        )

    # Clients

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something beside the test."""
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    @asynccontextmanager
    async def speaking(self, model: str = STRUCK) -> AsyncIterator[Utterance]:
        """Say something to a model; it is wanted from now on, the answer after `finish`."""
        async with self._asr[model].open(AsrRequest(client="test")) as utterance:
            await utterance.feed(LOUD, SPEECH_FORMAT)
            yield utterance

    async def hear(self, utterance: Utterance) -> Answer:
        """Wait for the answer to what was said."""
        began = self.asked_at = time.monotonic()
        answer = Answer()
        try:
            answer.text = (await utterance.finish()).text
        except ConductorError as err:
            answer.code = err.code
        answer.seconds = time.monotonic() - began
        return answer

    async def ask(self, model: str = STRUCK) -> Answer:
        """Say something to a model and wait for the answer."""
        async with self.speaking(model) as utterance:
            return await self.hear(utterance)

    async def _listen(self) -> None:
        """Have the other model speak, again and again."""
        while True:
            try:
                async with self._tts.open(TtsRequest(client="listener")) as speech:
                    speech.feed("Nobody has noticed.")
                    speech.end()
                    size = sum([len(chunk) async for chunk in speech])
                if size < 20_000:
                    self.others.failures.append(f"{size} bytes")
                self.others.answers += 1
            except ConductorError as err:
                self.others.failures.append(err.code)
            await asyncio.sleep(0.05)

    # What there is to see

    def state(self, model: str) -> str:
        """A word of `coordinator.states`; cold if there is nothing of it."""
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

    def life(self, model: str) -> Life:
        """The newest process of a model."""
        return [life for life in self.launcher.lives if life.model == model][-1]

    def events(self, kind: type[Event]) -> list[Any]:
        return [item.event for item in self.bus.recent(512) if isinstance(item.event, kind)]

    async def until(self, condition: Callable[[], bool]) -> float:
        """Wait until something is so; return how long that took."""
        began = time.monotonic()
        while not condition():  # noqa: ASYNC110  (what a client can see is not an event of ours)
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def load(self, model: str = STRUCK) -> Life:
        """Have a model ready and idle."""
        await self.coordinator.wait_ready(model)
        return self.life(model)

    async def settle(self) -> None:
        """Unload what was struck and see that its memory is nobody's."""
        for model in (STRUCK, HOLDER):
            await self.coordinator.unload(model)
        lives = [life for life in self.launcher.lives if life.model != OTHER]
        await self.until(lambda: all(life.ended is not None for life in lives))
        assert not [life.worker.pid for life in lives if psutil.pid_exists(life.worker.pid)]
        await self.until(lambda: self._books() == (0, 0))

    def _books(self) -> tuple[int, int]:
        """Bytes promised or returning, and bytes held by others than the one who is listened to."""
        snapshot = self.coordinator.snapshot()
        held = sum(i.memory_bytes for i in snapshot.instances if i.model != OTHER)
        promised = sum(device.reserved + device.returning for device in snapshot.devices)
        return promised, held

    def first_life(self, model: str) -> Life:
        """The oldest process of a model."""
        return next(life for life in self.launcher.lives if life.model == model)

    def progress(self, model: str) -> bool:
        """Whether a model has told that its load has begun."""
        models = {status.spec.id: status for status in self.coordinator.snapshot().models}
        return models[model].progress is not None

    # Doing harm

    def strike(self, life: Life, number: int) -> None:
        """Send a signal to a worker process."""
        self.struck = life
        os.kill(life.worker.pid, number)

    def light(self) -> str:
        """Arm the next failure, once; return the path of `once_file` for the engine's options."""
        self.once_file.touch()
        return str(self.once_file)

    async def relight(self) -> None:
        """Let it happen once more, as soon as it has happened."""
        await self.until(lambda: not self.once_file.exists())
        self.once_file.touch()

    async def keep_lit(self, life: Life) -> None:
        """Let it happen whenever its time has come, as long as this process exists."""
        while life.ended is None:
            self.once_file.touch()
            await asyncio.sleep(0.01)
        self.once_file.unlink(missing_ok=True)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A machine; at the end no process that it has started is left."""
    before = set(psutil.Process().children(recursive=True))
    world = World(tmp_path)
    yield world
    left = set(psutil.Process().children(recursive=True)) - before
    assert not [child for child in left if child.is_running()]


class Table:
    """What was seen, for docs/reliability.md."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def add(self, case: Any, answer: Answer, *, retried: bool, gone: float, others: int) -> None:
        """Note how one case went."""
        got = f"`{answer.code}`" if answer.code else "its answer"
        again = ", at the second try" if retried else ""
        process = "it lives on" if case.lives else f"{max(0.0, gone):.1f} s"
        self.rows.append(
            f"| {case.fault} | {case.moment} | {got}{again}{case.note} "
            f"| {answer.seconds:.1f} s | {process} | {others} answers |"
        )


_TABLE = Table()

DOCUMENT = Path(__file__).parents[4] / "docs" / "reliability.md"


@pytest.fixture
def table() -> Table:
    """Where a test notes what it saw."""
    return _TABLE


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table, if that was asked for and no row is missing."""
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
