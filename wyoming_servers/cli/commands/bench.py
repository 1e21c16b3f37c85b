"""`wyoming-conductor bench`: measures the models on this machine and recommends settings."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wyoming_servers.cli import options
from wyoming_servers.core.errors import BadRequestError, ConductorError, ModelMissingError

if TYPE_CHECKING:
    from wyoming_servers.config.schema import Config
    from wyoming_servers.core.domain import ModelSpec
    from wyoming_servers.models.recommendation import Machine, Measurement
    from wyoming_servers.models.store import ModelStore
    from wyoming_servers.scheduling.coordinator import Coordinator

_COMMAND: Final = "Turn on the light in the kitchen, and set the heating to twenty degrees."
_LOAD_SECONDS: Final = 600.0
"""Limit for loading one model; a large one may come from a slow disk."""


def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Ids of models. Default: all installed ones, except wake words.",
        ),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device", metavar="DEVICE", help="`cpu`, `cuda:0`. Default: all. Repeatable."
        ),
    ] = None,
    recording: Annotated[
        Path | None,
        typer.Option(
            metavar="WAV",
            help="Recording of a short command to transcribe. Default: one that a voice speaks.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    repetitions: Annotated[
        int, typer.Option("--repetitions", "-n", min=1, max=100, help="Measurements of each model.")
    ] = 5,
    as_json: options.JsonOption = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Measure speech-to-text and text-to-speech models on the devices of this machine.

    Shows for each model and device the time to load it, its latency (of a short command; of the
    first sound), the real-time factor (seconds of work for a second of audio) and its memory, and
    recommends settings. The result is stored in the data directory: `asr.model: auto` and `doctor`
    use it. Stop a running server first, or its work is measured as well.

    \b
    Examples:
      wyoming-conductor bench
      wyoming-conductor bench whisper/base whisper/small --device cpu
      wyoming-conductor bench && wyoming-conductor config set asr.model=auto
    """
    from wyoming_servers.audio import wav
    from wyoming_servers.cli.output import console, print_json, print_note
    from wyoming_servers.core.clock import SystemClock, iso_timestamp
    from wyoming_servers.data_dir.locks import find_running_server
    from wyoming_servers.models.recommendation import recommendations, write_measurements
    from wyoming_servers.models.store import ModelStore

    loaded = options.load_configuration(config, data_dir, sets).config
    if find_running_server(loaded.data_dir) is not None:
        print_note("A server is running; what it does meanwhile makes the figures worse.")
    speech = wav.read(recording).speech() if recording else b""
    store = asyncio.run(ModelStore.open(loaded.data_dir))
    found, machine = asyncio.run(
        _measure_all(loaded, store, models or [], device or [], speech, repetitions)
    )
    if found:
        now = iso_timestamp(SystemClock().wall())
        print_note(f"Stored in {write_measurements(loaded.data_dir, found, now)}.")
    advice = recommendations(loaded, store, machine)
    if as_json:
        print_json(
            {
                "measurements": [asdict(item) for item in found],
                "recommendations": [asdict(item) for item in advice],
            }
        )
        return
    from rich.table import Table

    table = Table(
        *("model", "device", "type", "load", "latency", "real-time factor", "memory"),
        box=None,
        pad_edge=False,
    )
    for row in sorted(found, key=lambda row: (row.task, row.latency_seconds)):
        table.add_row(
            *(row.model, row.device, row.compute_type, f"{row.load_seconds:.1f} s"),
            *(f"{row.latency_seconds * 1000:.0f} ms", f"{row.real_time_factor:.2f}"),
            f"{row.memory_bytes / 1e6:.0f} MB",
        )
    console().print(table)
    for item in advice:
        typer.echo(f"{item.text}\n  -> {item.command}")


async def _measure_all(
    config: "Config",
    store: "ModelStore",
    models: list[str],
    devices: list[str],
    speech: bytes,
    repetitions: int,
) -> "tuple[list[Measurement], Machine]":
    """Measure each model on each device that its engine supports; failures are printed."""
    from wyoming_servers.cli.output import print_note, spinner
    from wyoming_servers.core.domain import Task
    from wyoming_servers.core.engine_info import find_engine
    from wyoming_servers.devices.machine import MachineProbe
    from wyoming_servers.models.recommendation import AutoModel, Machine
    from wyoming_servers.models.specs import served_models

    # Models of Python packages need no download; `serve` would install them as well.
    served = served_models(AutoModel(store, Machine.of(())).resolve(config), store.catalog)
    for model in await store.embedded_models():
        if model in (models or served.values()) and not store.installed(model):
            await store.ensure(model)
    for model in models:
        if not store.installed(store.entry(model).id):
            raise ModelMissingError(
                f"{model} is not installed.", hint=f"wyoming-conductor models pull {model}"
            )
    entries = [
        entry
        for task in (Task.TTS, Task.ASR)  # a voice first: it speaks what is transcribed
        for entry in store.catalog.of_task(task)
        if store.installed(entry.id)
        and (not models or entry.id in models or (task is Task.TTS and not speech))
    ]
    probe = MachineProbe.detect()
    found: list[Measurement] = []
    try:
        machine = Machine.of(await probe.devices())
        known = ["cpu", *(gpu.id for gpu in machine.gpus)]
        if unknown := [name for name in devices if name not in known]:
            raise BadRequestError(
                f"This machine has no device {unknown[0]}.", hint=f"It has {', '.join(known)}."
            )
        with spinner("measuring") as on_status:
            for entry in entries:
                engine = find_engine(entry.engine)
                for name in devices or known:
                    if name != "cpu" and not (engine and engine.gpu_compute_types):
                        continue
                    on_status(f"measuring {entry.id} on {name}")
                    try:
                        async with _loaded(config, store, entry.id, name) as (coordinator, spec):
                            if entry.kind is Task.TTS:
                                item, spoken = await _measure_voice(
                                    config, coordinator, spec, repetitions
                                )
                                speech = speech or spoken
                            else:
                                if not speech:
                                    raise BadRequestError(
                                        "No voice is installed that could speak a command.",
                                        hint="Give a recording of one with --recording.",
                                    )
                                item = await _measure_transcription(
                                    config, coordinator, spec, speech, repetitions
                                )
                    except ConductorError as err:
                        print_note(f"{entry.id} on {name}: {err}")
                        continue
                    if not models or entry.id in models:
                        found.append(item)
    finally:
        await probe.close()
    return found, machine


@asynccontextmanager
async def _loaded(
    config: "Config", store: "ModelStore", model: str, device: str
) -> "AsyncIterator[tuple[Coordinator, ModelSpec]]":
    """Yield a coordinator that has loaded one model on one device, in a process of its own."""
    from wyoming_servers.config.schema import ModelSection
    from wyoming_servers.core.clock import SystemClock
    from wyoming_servers.core.event_bus import EventBus
    from wyoming_servers.devices.machine import MachineProbe
    from wyoming_servers.models.specs import model_spec
    from wyoming_servers.scheduling.coordinator import Coordinator
    from wyoming_servers.worker.process import ProcessLauncher

    section = config.models.get(model, ModelSection())
    fixed = section.model_copy(update={"device": device, "cpu_fallback": False})
    changed = config.model_copy(update={"models": {**config.models, model: fixed}})
    spec = await asyncio.to_thread(
        model_spec, store.entry(model), changed, store, [device] if device != "cpu" else []
    )
    probe = MachineProbe.detect()
    try:
        coordinator = Coordinator(
            {model: spec},
            ProcessLauncher(),
            probe,
            EventBus(),
            SystemClock(),
            limits=config.limits,
            memory=config.memory,
        )
        async with coordinator:
            await coordinator.wait_ready(model, _LOAD_SECONDS)
            yield coordinator, spec
    finally:
        await probe.close()


async def _measure_voice(
    config: "Config", coordinator: "Coordinator", spec: "ModelSpec", repetitions: int
) -> "tuple[Measurement, bytes]":
    """Return the measurement, and what was spoken as 16 kHz audio."""
    from wyoming_servers.audio.pcm import convert
    from wyoming_servers.config.holder import ConfigHolder
    from wyoming_servers.core.clock import SystemClock
    from wyoming_servers.core.domain import SPEECH_FORMAT
    from wyoming_servers.core.event_bus import EventBus
    from wyoming_servers.speech.tts.pipeline import TtsPipeline
    from wyoming_servers.speech.tts.synthesis import TtsRequest

    pipeline = TtsPipeline(
        coordinator, {spec.id: spec}, ConfigHolder(config), EventBus(), SystemClock()
    )
    voice = spec.voices[0].name
    first: list[float] = []
    factors: list[float] = []
    speech = b""
    for _ in range(repetitions + 1):
        started = time.monotonic()
        async with pipeline.open(TtsRequest(voice=voice)) as stream:
            stream.end(_COMMAND)
            audio = await stream.format()
            pcm = b""
            async for chunk in stream:
                if not pcm:
                    first.append(time.monotonic() - started)
                pcm += chunk
        factors.append((time.monotonic() - started) / max(audio.seconds(len(pcm)), 0.1))
        speech = convert(pcm, audio, SPEECH_FORMAT)
    return _measurement(coordinator, spec, first[1:], factors[1:]), speech


async def _measure_transcription(
    config: "Config",
    coordinator: "Coordinator",
    spec: "ModelSpec",
    speech: bytes,
    repetitions: int,
) -> "Measurement":
    from wyoming_servers.core.domain import SPEECH_FORMAT
    from wyoming_servers.speech.asr.transcriber import AsrModelChoice, AsrRequest, Transcriber

    language = spec.languages[0] if len(spec.languages) == 1 else None
    transcriber = Transcriber(AsrRequest(), AsrModelChoice(spec, language), config.asr)
    times: list[float] = []
    async with coordinator.lease(spec.id) as lease:
        for _ in range(repetitions + 1):
            started = time.monotonic()
            await transcriber.run(lease, speech)
            times.append(time.monotonic() - started)
    seconds = SPEECH_FORMAT.seconds(len(speech))
    return _measurement(coordinator, spec, times[1:], [taken / seconds for taken in times[1:]])


def _measurement(
    coordinator: "Coordinator", spec: "ModelSpec", latencies: list[float], factors: list[float]
) -> "Measurement":
    """Summarize the runs after the first one, which may still warm something up."""
    from wyoming_servers.models.recommendation import Measurement

    status = next(item for item in coordinator.snapshot().models if item.spec.id == spec.id)
    median: Callable[[list[float]], float] = statistics.median
    return Measurement(
        model=spec.id,
        task=spec.task,
        device=status.placement.device,
        compute_type=status.placement.compute_type,
        load_seconds=round(status.load_seconds or 0.0, 3),
        latency_seconds=round(median(latencies), 4),
        real_time_factor=round(median(factors), 4),
        memory_bytes=status.memory_bytes,
    )
