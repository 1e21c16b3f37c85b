"""Speak commands to a real Home Assistant and take the time from the end of the words.

    PYTHONPATH=tests/e2e .venv/bin/python -m benchmarks.homeassistant [--commands 40]
        [--model whisper/base] [--peer-stt PYTHON --peer-tts PYTHON --voices FOLDER]
        [--json FILE] [--write-docs]

Needs `script/setup server test homeassistant`. Home Assistant and the servers run on loopback.
With interpreters that have wyoming-faster-whisper and wyoming-piper, a second assistant is made of
these, and each command is said to both in turn. The microphone is in real time and has a little
noise, as real ones have.
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
from harness.assist import TAIL_SECONDS, Outcome, run_pipeline
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

ROOT = Path(__file__).parents[1]
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
"""What is said, and what it leads to."""

PACES = (1.0, 0.85, 1.1, 0.95, 1.2)
"""Nobody says everything at one pace."""

LEAD_SECONDS = 0.5
NOISE = 30.0
"""Root mean square of the microphone's own noise, of 32768: a quiet room."""

QUIET = 250.0
"""Below this, 10 ms of speech count as its end."""


def _with_noise(sound: "np.ndarray[Any, np.dtype[np.float32]]") -> bytes:
    noise = np.random.default_rng(len(sound)).normal(0.0, NOISE, len(sound))
    return bytes(np.clip(sound + noise, -32768, 32767).astype(np.int16).tobytes())


QUIET_ROOM = _with_noise(np.zeros(int(RATE * TAIL_SECONDS), np.float32))
"""What the microphone hears after the words."""


@dataclass(frozen=True, slots=True)
class Run:
    """One command; seconds from the end of the words."""

    assistant: str
    said: str
    heard: str
    errors: int
    """Words that were not heard right."""

    transcript: float | None
    light: float | None
    audio: float | None


async def synthesize(address: Address, text: str, pace: float) -> bytes:
    """Have a text spoken; return it at 16 kHz, cut where the last word ends."""
    voice = SynthesizeVoice(name=f"en_US-joe-medium@{pace}")
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
    loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > QUIET)
    words = frames[: loud[-1] + 1].ravel()
    sound = np.concatenate([np.zeros(int(RATE * LEAD_SECONDS), np.float32), words])
    return _with_noise(sound)


class Lights:
    """When each light became on or off."""

    def __init__(self, changes: Subscription) -> None:
        self._changes = changes
        self._seen: dict[tuple[str, str], float] = {}

    async def watch(self) -> None:
        """Follow the changes for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            change = (await self._changes.next())["data"]
            state = (change["new_state"] or {}).get("state")
            self._seen[(change["entity_id"], str(state))] = clock()

    def when(self, entity: str, state: str, since: float) -> float | None:
        """Return when it became so after a moment, or None."""
        seen = self._seen.get((entity, state))
        return seen if seen is not None and seen >= since else None


async def measure(
    client: HassClient, lights: Lights, assistant: str, pipeline: str, sound: bytes, number: int
) -> Run:
    """Say one command to one assistant."""
    text, entity, wanted = COMMANDS[number % len(COMMANDS)]
    other = "turn_off" if wanted == "on" else "turn_on"
    await client.post(f"/api/services/light/{other}", {"entity_id": entity})
    await client.post("/api/services/tts/clear_cache", {})  # the answers are few, and always new
    await asyncio.sleep(1)  # what the last command left to do is not this one's
    began = asyncio.get_running_loop().time()
    outcome = await run_pipeline(client, pipeline, sound, after=QUIET_ROOM)
    end = outcome.at["speech-end"]
    return Run(
        assistant=assistant,
        said=text,
        heard=(outcome.transcript or "").strip(),
        errors=word_errors(text, outcome.transcript or "").edits,
        transcript=_since(end, outcome, "stt-end"),
        light=None if (at := lights.when(entity, wanted, began)) is None else at - end,
        audio=_since(end, outcome, "audio-begin"),
    )


def _since(end: float, outcome: Outcome, what: str) -> float | None:
    at = outcome.at.get(what)
    return None if at is None else at - end


@asynccontextmanager
async def run_peers(
    stt: Path, tts: Path, voices: Path, whisper: Path, folder: Path
) -> AsyncIterator[Servers]:
    """Run the public servers with the same models, on all cores."""
    ears, mouth = Address("127.0.0.1", free_port()), Address("127.0.0.1", free_port())
    listening = [
        *(str(stt), "-m", "wyoming_faster_whisper", "--uri", f"tcp://127.0.0.1:{ears.port}"),
        *("--model", str(whisper), "--data-dir", str(folder), "--local-files-only"),
        *("--stt-library", "faster-whisper", "--language", "en", "--compute-type", "int8"),
        *("--beam-size", "1", "--cpu-threads", str(os.cpu_count())),
    ]
    speaking = [
        *(str(tts), "-m", "wyoming_piper", "--uri", f"tcp://127.0.0.1:{mouth.port}"),
        *("--voice", "en_US-joe-medium", "--data-dir", str(voices), "--local-files-only"),
    ]
    async with (
        running(listening, log=folder / "stt.log", cwd=folder),
        running(speaking, log=folder / "tts.log", cwd=folder),
        asyncio.timeout(120) as patience,
    ):
        for address in (ears, mouth):
            await _listens(address)
        patience.reschedule(None)
        yield Servers(stt=ears, tts=mouth)


async def _listens(address: Address) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            writer.close()
            return


async def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Run everything; return what was found."""
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
        for number in range(-len(PACES), options.commands):  # the first ones warm both up
            text, _, _ = COMMANDS[number % len(COMMANDS)]
            sound = await synthesize(ours.servers.tts, text, PACES[number % len(PACES)])
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
    """Return the folder of a Whisper model, as our server has installed it."""
    found = sorted(data.glob(f"models/{model}/**/model.bin"))
    if not found:
        raise SystemExit(f"{model} is not installed below {data}")
    return found[0].parent


def _summary(run: Run) -> str:
    times = (run.transcript, run.light, run.audio)
    told = ", ".join("-" if value is None else f"{value:.2f} s" for value in times)
    return f"{told}; {run.heard}"


def main() -> None:
    """Read the options, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--commands", type=int, default=40)
    parser.add_argument("--model", default="whisper/base")
    parser.add_argument("--peer-stt", type=Path, help="a Python that has wyoming-faster-whisper")
    parser.add_argument("--peer-tts", type=Path, help="a Python that has wyoming-piper")
    parser.add_argument(
        "--voices", type=Path, help="folder with en_US-joe-medium.onnx and its json"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write-docs", action="store_true", help=f"renew {DOCS.name}")
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
