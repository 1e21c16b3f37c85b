"""Measure spoken commands in a real Home Assistant, from the end of speech.

    PYTHONPATH=tests/e2e .venv/bin/python -m benchmarks.homeassistant [--commands 40]
        [--model whisper/base] [--peer-stt PYTHON --peer-tts PYTHON --voices FOLDER]
        [--json FILE] [--write-docs]

Requires `script/setup server test homeassistant`. Home Assistant and the servers use the loopback
interface. With interpreters that have wyoming-faster-whisper and wyoming-piper, a second assistant
uses these, and each command is sent to both in turn. Audio is sent in real time, with the noise of
a microphone.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from harness.assist import TRAILING_SILENCE_SECONDS, PipelineRun, run_pipeline
from harness.audio import RATE
from harness.client import HassClient, Subscription, log_in
from harness.conductor import Address, Conductor, Servers
from harness.hass import find_ffmpeg, start_hass
from harness.process import free_port, running
from harness.setup import set_up_pipeline
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.tts import Synthesize, SynthesizeVoice

from benchmarks.common.report import (
    machine,
    write_section,
)
from benchmarks.common.word_errors import word_errors
from benchmarks.homeassistant.report import table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "performance.md"

OURS, PEERS = "wyoming-conductor", "wyoming-faster-whisper, wyoming-piper"

COMMANDS = (
    ("Turn on the kitchen light.", "light.kitchen_light", "on"),
    ("Switch on the bedroom light.", "light.bedroom_light", "on"),
    ("Turn off the kitchen light.", "light.kitchen_light", "off"),
    ("Switch off the bedroom light.", "light.bedroom_light", "off"),
    ("Please turn on the bedroom light.", "light.bedroom_light", "on"),
    ("Turn the kitchen light on.", "light.kitchen_light", "on"),
    ("Turn off the bedroom light, please.", "light.bedroom_light", "off"),
    ("Please switch the kitchen light off.", "light.kitchen_light", "off"),
)
"""Command, affected light and its new state."""

SPEEDS = (1.0, 0.85, 1.1, 0.95, 1.2)
"""Speeds of speech, to vary the commands."""

LEAD_SECONDS = 0.5
NOISE_RMS = 30.0
"""RMS of the microphone noise in a quiet room; full scale is 32768."""

SILENCE_RMS = 250.0
"""RMS below which a 10 ms frame counts as silence."""


def _with_noise(sound: "np.ndarray[Any, np.dtype[np.float32]]") -> bytes:
    noise = np.random.default_rng(len(sound)).normal(0.0, NOISE_RMS, len(sound))
    return bytes(np.clip(sound + noise, -32768, 32767).astype(np.int16).tobytes())


QUIET_ROOM = _with_noise(np.zeros(int(RATE * TRAILING_SILENCE_SECONDS), np.float32))
"""Audio after the command."""


@dataclass(frozen=True, slots=True)
class Run:
    """Result of one command; times in seconds from the end of speech."""

    assistant: str
    command: str
    transcript_text: str
    errors: int
    """Number of word errors."""

    transcript: float | None
    light: float | None
    audio: float | None


async def synthesize(address: Address, text: str, speed: float) -> bytes:
    """Synthesize a text; return it at 16 kHz, cut at the end of speech."""
    voice = SynthesizeVoice(name=f"en_US-joe-medium@{speed}")
    pcm, rate = b"", RATE
    async with asyncio.timeout(60), AsyncTcpClient(address.host, address.port) as client:
        await client.write_event(Synthesize(text, voice=voice).event())
        while (event := await client.read_event()) is not None:
            if AudioStart.is_type(event.type):
                rate = AudioStart.from_event(event).rate
            elif AudioChunk.is_type(event.type):
                pcm += AudioChunk.from_event(event).audio
            elif AudioStop.is_type(event.type):
                break
    samples = soxr.resample(np.frombuffer(pcm, np.int16).astype(np.float32), rate, RATE)
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > SILENCE_RMS)
    words = frames[: loud[-1] + 1].ravel()
    sound = np.concatenate([np.zeros(int(RATE * LEAD_SECONDS), np.float32), words])
    return _with_noise(sound)


class Lights:
    """Times of the state changes of the lights."""

    def __init__(self, changes: Subscription) -> None:
        self._changes = changes
        self._seen: dict[tuple[str, str], float] = {}

    async def watch(self) -> None:
        """Record all changes until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            change = (await self._changes.next())["data"]
            state = (change["new_state"] or {}).get("state")
            self._seen[(change["entity_id"], str(state))] = clock()

    def when(self, entity: str, state: str, since: float) -> float | None:
        """Return when a light reached a state after `since`; None if it did not."""
        seen = self._seen.get((entity, state))
        return seen if seen is not None and seen >= since else None


async def measure(
    client: HassClient, lights: Lights, assistant: str, pipeline: str, sound: bytes, number: int
) -> Run:
    """Send one command to one assistant."""
    text, entity, new_state = COMMANDS[number % len(COMMANDS)]
    opposite_action = "turn_off" if new_state == "on" else "turn_on"
    await client.post(f"/api/services/light/{opposite_action}", {"entity_id": entity})
    await client.post("/api/services/tts/clear_cache", {})  # synthesize each answer again
    await asyncio.sleep(1)  # let the work of the last command finish
    began = asyncio.get_running_loop().time()
    run = await run_pipeline(client, pipeline, sound, after=QUIET_ROOM)
    end = run.at["speech-end"]
    return Run(
        assistant=assistant,
        command=text,
        transcript_text=(run.transcript or "").strip(),
        errors=word_errors(text, run.transcript or "").edits,
        transcript=_seconds_since(end, run, "stt-end"),
        light=None if (at := lights.when(entity, new_state, began)) is None else at - end,
        audio=_seconds_since(end, run, "audio-begin"),
    )


def _seconds_since(end: float, run: PipelineRun, event: str) -> float | None:
    at = run.at.get(event)
    return None if at is None else at - end


@asynccontextmanager
async def run_peers(
    stt: Path, tts: Path, voices: Path, whisper: Path, folder: Path
) -> AsyncIterator[Servers]:
    """Run wyoming-faster-whisper and wyoming-piper with the same models on all cores."""
    stt_address, tts_address = Address("127.0.0.1", free_port()), Address("127.0.0.1", free_port())
    stt_command = [
        *(str(stt), "-m", "wyoming_faster_whisper", "--uri", f"tcp://127.0.0.1:{stt_address.port}"),
        *("--model", str(whisper), "--data-dir", str(folder), "--local-files-only"),
        *("--stt-library", "faster-whisper", "--language", "en", "--compute-type", "int8"),
        *("--beam-size", "1", "--cpu-threads", str(os.cpu_count())),
    ]
    tts_command = [
        *(str(tts), "-m", "wyoming_piper", "--uri", f"tcp://127.0.0.1:{tts_address.port}"),
        *("--voice", "en_US-joe-medium", "--data-dir", str(voices), "--local-files-only"),
    ]
    async with (
        running(stt_command, log=folder / "stt.log", cwd=folder),
        running(tts_command, log=folder / "tts.log", cwd=folder),
        asyncio.timeout(120) as startup_timeout,
    ):
        for address in (stt_address, tts_address):
            await _wait_for_port(address)
        startup_timeout.reschedule(None)
        yield Servers(stt=stt_address, tts=tts_address)


async def _wait_for_port(address: Address) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            writer.close()
            return


async def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Run all measurements and return the results."""
    python = ROOT / ".venv-ha" / "bin" / "python"
    settings = {
        "asr.model": options.model,
        "asr.language": "en",
        "tts.phrase_cache.enabled": "false",
        "keep_alive": "-1",
    }
    load, _, _ = os.getloadavg()
    began = time.strftime("%Y-%m-%d %H:%M")
    runs: list[Run] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("conductor", "hass", "peers"):
            (folder / name).mkdir()
        command = ROOT / ".venv" / "bin" / "wyoming-conductor"
        ours = await stack.enter_async_context(Conductor(command, folder / "conductor", settings))
        hass = await stack.enter_async_context(
            start_hass(python, find_ffmpeg(python), folder / "hass")
        )
        client = await stack.enter_async_context(log_in(hass.url))
        assistants = {OURS: ours.servers}
        if options.peer_stt is not None:
            whisper = _weights(folder / "conductor" / "data", options.model)
            assistants[PEERS] = await stack.enter_async_context(
                run_peers(
                    options.peer_stt,
                    options.peer_tts,
                    options.voices.resolve(),
                    whisper,
                    folder / "peers",
                )
            )
        pipelines = {
            name: await set_up_pipeline(client, servers, name)
            for name, servers in assistants.items()
        }
        changes = await client.subscribe("subscribe_events", event_type="state_changed")
        lights = Lights(changes)
        watching = asyncio.create_task(lights.watch(), name="lights")
        stack.callback(watching.cancel)
        for number in range(-len(SPEEDS), options.commands):  # the first commands are a warm-up
            text, _, _ = COMMANDS[number % len(COMMANDS)]
            sound = await synthesize(ours.servers.tts, text, SPEEDS[number % len(SPEEDS)])
            for name, pipeline in pipelines.items():
                run = await measure(client, lights, name, pipeline, sound, number)
                if number >= 0:
                    runs.append(run)
                    print(f"{number + 1:3} {name[:17]}: {_summary(run)}", flush=True)
    return {
        "began": began,
        "machine": machine(),
        "others_running": load,
        "model": options.model,
        "runs": [asdict(run) for run in runs],
    }


def _weights(data: Path, model: str) -> Path:
    """Return the folder of a Whisper model that our server has installed."""
    found = sorted(data.glob(f"models/{model}/**/model.bin"))
    if not found:
        raise SystemExit(f"{model} is not installed in {data}")
    return found[0].parent


def _summary(run: Run) -> str:
    times = (run.transcript, run.light, run.audio)
    parts = ", ".join("-" if value is None else f"{value:.2f} s" for value in times)
    return f"{parts}; {run.transcript_text}"


def main() -> None:
    """Parse the arguments, measure, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--commands", type=int, default=40)
    parser.add_argument("--model", default="whisper/base")
    parser.add_argument("--peer-stt", type=Path, help="Python with wyoming-faster-whisper")
    parser.add_argument("--peer-tts", type=Path, help="Python with wyoming-piper")
    parser.add_argument(
        "--voices", type=Path, help="folder with en_US-joe-medium.onnx and its json"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write-docs", action="store_true", help=f"update {DOCS.name}")
    options = parser.parse_args()
    if len({options.peer_stt is None, options.peer_tts is None, options.voices is None}) != 1:
        parser.error("give all of --peer-stt, --peer-tts and --voices, or none")
    result = asyncio.run(benchmark(options))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(table(result))
    if options.write_docs:
        write_section(DOCS, "homeassistant", table(result))


if __name__ == "__main__":
    main()
