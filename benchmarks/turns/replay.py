"""Real models whose inferences take their processor time on a simulated clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import ModelSpec, Placement, Task
from wyoming_servers.engines.base import Engine
from wyoming_servers.engines.turn.engine import SmartTurnEngine
from wyoming_servers.engines.whisper.engine import FasterWhisperEngine
from wyoming_servers.models.store import ModelStore
from wyoming_servers.speech.fake import FakeCoordinator, ScriptedRun
from wyoming_servers.worker.interface import OutputChunk

ASR_MODEL: Final = "whisper/base"
TURN_MODEL: Final = "smart-turn"
_OPTIONS: Final = {"cpu_threads": 1, "num_workers": 1}


class ReplayedModels:
    """Loaded models; equal audio of a turn is computed once, and takes the same time again."""

    def __init__(self, specs: Mapping[str, ModelSpec], engines: Mapping[Task, Engine]) -> None:
        self.seconds = 0.0
        """Of all inferences since it was set."""
        self._specs = specs
        self._engines = engines
        self._known: dict[tuple[Task, bytes], tuple[dict[str, Any], float]] = {}

    @classmethod
    async def load(cls, folder: Path) -> Self:
        """Install the models into a folder and load them."""
        store = await ModelStore.open(folder)
        specs: dict[str, ModelSpec] = {}
        engines: dict[Task, Engine] = {}
        makers: dict[str, Callable[[], Engine]] = {
            ASR_MODEL: FasterWhisperEngine,
            TURN_MODEL: SmartTurnEngine,
        }
        for model, make in makers.items():
            await store.ensure(model, lambda phase, percent: None)
            entry = store.entry(model)
            options = _OPTIONS if entry.kind is Task.ASR else {}
            spec = ModelSpec(
                model,
                entry.kind,
                entry.engine,
                files=store.files(model),
                languages=entry.languages,
                options=options,
            )
            engine = make()
            await asyncio.to_thread(engine.load, spec, Placement(), lambda phase, percent: None)
            await asyncio.to_thread(engine.warm_up)
            specs[model], engines[entry.kind] = spec, engine
        return cls(specs, engines)

    def coordinator(self, clock: FakeClock) -> FakeCoordinator:
        """Return a coordinator that grants leases at once, and whose runs are these models'."""
        coordinator = FakeCoordinator(self._specs)
        for task in self._engines:
            coordinator.inferences[task] = self._inference(task, clock)
        return coordinator

    def forget(self) -> None:
        """Forget what was computed, before another turn."""
        self._known.clear()

    def _inference(
        self, task: Task, clock: FakeClock
    ) -> Callable[[ScriptedRun], AsyncIterator[OutputChunk]]:
        async def infer(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
            if task is Task.ASR:
                async for _ in run.input():
                    pass
            key = (task, bytes(run.received))
            if key not in self._known:
                self._known[key] = self._compute(task, run.request, key[1])
            answer, seconds = self._known[key]
            self.seconds += seconds
            await clock.sleep(seconds)
            run.answer = answer
            yield OutputChunk({})

        return infer

    def _compute(
        self, task: Task, request: Mapping[str, Any], audio: bytes
    ) -> tuple[dict[str, Any], float]:
        began = time.process_time()
        session = self._engines[task].open(request)
        session.feed(audio, {})
        steps = session.finish()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return dict(end.value), time.process_time() - began
