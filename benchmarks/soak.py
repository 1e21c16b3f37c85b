"""A day in the life of a home, compressed: does anything grow?

    python -m benchmarks.soak --minutes 30 --write-docs

Starts a server and does to it what a day brings: voice commands, satellites that listen, jobs,
changed settings and names, models loaded and unloaded, clients that vanish, workers that are
killed, and once a full disk (as root: the data directory is then a small file system in memory).
Samples memory, descriptors, threads, tasks, databases and log; the verdict is their slope (Theil
and Sen) after the first quarter. Exits with 1 if something grows, a command fails without a reason,
or the server does not answer at the end.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.tts import Synthesize
from wyoming.wake import Detect

from benchmarks.common.report import machine, write_section

ROOT: Final = Path(__file__).parents[1]
SPEECH: Final = ROOT / "tests" / "data" / "goforward.wav"
START_SECONDS: Final = 180.0
REQUEST_SECONDS: Final = 90.0
JOB_SECONDS: Final = 900.0
"""Jobs let live requests pass, and these never end here."""

SAMPLE_SECONDS: Final = 5.0
WARM_UP: Final = 0.25
"""Share of the run before the slopes: caches fill and models are loaded for the first time."""
DISK_MIB: Final = 900
FULL_SECONDS: Final = 20.0
KILL_SECONDS: Final = 60.0
CODED: Final = ("BUSY", "SHUTTING_DOWN", "TIMEOUT", "INFERENCE_FAILED", "LOAD_FAILED")
"""Codes with which a request may fail while its worker is killed again and again."""

Work = Callable[["Soak"], Awaitable[None]]


@dataclass
class Samples:
    """One measured quantity over time."""

    unit: str
    limit: float
    """The largest growth from the end of the warm-up to the end of the run that passes."""
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def growth(self, seconds: float) -> float:
        """Return what the slope adds up to in the measured part of a run of `seconds`."""
        points = [
            (at, value)
            for at, value in zip(self.times, self.values, strict=True)
            if at >= WARM_UP * seconds
        ]
        slopes = [
            (later - value) / (end - at)
            for (at, value), (end, later) in itertools.combinations(points, 2)
        ]
        return statistics.median(slopes) * (1 - WARM_UP) * seconds if slopes else 0.0


class Soak:
    """The server, the work that is done to it, and what was counted."""

    def __init__(self, process: psutil.Process, data: Path, log: Path, *, may_fill: bool) -> None:
        ports = json.loads((data / "server.json").read_text())["ports"]
        self.ports: dict[str, int] = ports
        self.process = process
        self.data = data
        self.log = log
        self.may_fill = may_fill
        self.random = random.Random(7)  # noqa: S311  (not a secret)
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.disk_is_full = False
        token = (data / "api-token").read_text().strip()
        self.api = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{ports['api']}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=REQUEST_SECONDS,
            trust_env=False,
        )
        with wave.open(str(SPEECH)) as file:
            self.speech = file.readframes(file.getnframes())
        self.series = {
            "memory of the server (RSS)": Samples("MiB", 16),
            "open descriptors": Samples("", 8),
            "threads": Samples("", 4),
            "tasks of the event loop": Samples("", 8),
            "databases": Samples("MiB", 2),
            "log": Samples("MiB", 2),
        }

    async def run(self, seconds: float) -> None:
        """Do everything at once until the time is over."""
        async with asyncio.timeout(seconds):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sample())
                for name, pause, work in WORK:
                    group.create_task(self._repeat(name, pause, work))
                for number in range(3):
                    group.create_task(self._listen(number))
                if self.may_fill:
                    group.create_task(self._fill_disk(seconds / 2))

    async def _repeat(self, name: str, pause: float, work: Work) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0.5, 1.5) * pause)
            await self.attempt(name, work)

    async def attempt(self, name: str, work: Work) -> None:
        """Do one thing, and count it or its failure."""
        try:
            async with asyncio.timeout(JOB_SECONDS if work is run_job else REQUEST_SECONDS):
                await work(self)
        except RequestError as err:
            self.failed[f"{name}: {err}"] += 1
        except (OSError, httpx.HTTPError, TimeoutError) as err:
            self.failed[f"{name}: {type(err).__name__} {err}"] += 1
        else:
            self.done[name] += 1

    async def _sample(self) -> None:
        started = time.monotonic()
        while True:
            metrics = (await self.api.get("/metrics")).text
            tasks = re.search(r"^wyoming_conductor_tasks (\S+)", metrics, re.MULTILINE)
            databases = sum(path.stat().st_size for path in self.data.rglob("*.sqlite*"))
            values = (
                self.process.memory_info().rss / 2**20,
                self.process.num_fds(),
                self.process.num_threads(),
                float(tasks[1]) if tasks else 0.0,
                databases / 2**20,
                self.log.stat().st_size / 2**20,
            )
            for samples, value in zip(self.series.values(), values, strict=True):
                samples.times.append(time.monotonic() - started)
                samples.values.append(value)
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _listen(self, number: int) -> None:
        """Stream like a satellite that waits for its wake word; connect anew from time to time."""
        while True:
            with suppress(OSError):
                async with open_client(self.ports["wake"]) as client:
                    await client.write_event(Detect().event())
                    for _ in range(200 + 50 * number):
                        noise = self.random.randbytes(2_560) if self.random.random() < 0.1 else b""
                        pcm = noise or bytes(2_560)
                        await client.write_event(AudioChunk(16_000, 2, 1, pcm).event())
                        await asyncio.sleep(0.08)
            self.done["satellite connected"] += 1

    async def _fill_disk(self, at: float) -> None:
        await asyncio.sleep(at)
        filler = self.data / "filler"
        self.disk_is_full = True
        with filler.open("wb") as file, suppress(OSError):
            while True:
                file.write(bytes(2**20))
                file.flush()
                await asyncio.sleep(0)
        await asyncio.sleep(FULL_SECONDS)
        filler.unlink()
        self.disk_is_full = False
        self.done["full disk"] += 1


class RequestError(Exception):
    """Raised with the code of an answer that is an error."""


@asynccontextmanager
async def open_client(port: int) -> AsyncIterator[AsyncTcpClient]:
    """Yield a connection that is closed whatever happens."""
    client = AsyncTcpClient("127.0.0.1", port)
    await client.connect()
    try:
        yield client
    finally:
        with suppress(OSError):
            await client.disconnect()


async def read_until(client: AsyncTcpClient, kind: str) -> Event:
    """Return the first event of this type. Raises RequestError for an error, OSError at the end."""
    while (event := await client.read_event()) is not None:
        if event.type == "error":
            raise RequestError(str(event.data.get("code")))
        if event.type == kind:
            return event
    raise ConnectionError("the server closed the connection")


async def say_command(soak: Soak) -> None:
    """A command is transcribed, and the answer spoken; every third answer is new."""
    async with open_client(soak.ports["asr"]) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(16_000, 2, 1).event())
        for start in range(0, len(soak.speech), 3_200):
            await client.write_event(
                AudioChunk(16_000, 2, 1, soak.speech[start : start + 3_200]).event()
            )
            await asyncio.sleep(0.02)
        await client.write_event(AudioStop().event())
        await read_until(client, "transcript")
    number = soak.random.randrange(3) or soak.random.randrange(10**6)
    async with open_client(soak.ports["tts"]) as client:
        await client.write_event(Synthesize(f"The light {number} is on.").event())
        await read_until(client, "audio-stop")


async def cut_connection(soak: Soak) -> None:
    """A client vanishes in the middle of its request."""
    service = soak.random.choice(["asr", "tts"])
    reader, writer = await asyncio.open_connection("127.0.0.1", soak.ports[service])
    if service == "tts":
        text = f"A long sentence, number {soak.random.random()}, that nobody will hear to its end."
        block = json.dumps({"text": text}).encode()
        writer.write(json.dumps({"type": "synthesize", "data_length": len(block)}).encode())
        writer.write(b"\n" + block)
        await reader.readline()
    else:
        writer.write(b'{"type": "transcribe"}\n{"type": "audio-start", "data": {"rate": 16000, ')
        writer.write(b'"width": 2, "channels": 1}}\n{"type": "audio-chunk", "payload_length": 3200')
    writer.transport.abort()


async def run_job(soak: Soak) -> None:
    """A recording or a text is processed in the background; the oldest jobs are deleted."""
    if soak.random.random() < 0.5:
        files = {"audio": ("speech.wav", SPEECH.read_bytes())}
        answer = await soak.api.post("/jobs", files=files, data={"language": "en"})
    else:
        body = {"text": f"Chapter {soak.random.random()}. " * 4, "output": "mp3"}
        answer = await soak.api.post("/jobs/speech", json=body)
    check(answer)
    job = answer.json()["job_id"]
    while (found := (await soak.api.get(f"/jobs/{job}")).json())["status"] != "done":
        if found["status"] == "failed":
            raise RequestError(f"{found['error_code']}: {found['error']}")
        await asyncio.sleep(0.5)
    jobs = (await soak.api.get("/jobs?limit=100")).json()["jobs"]
    for old in jobs[10:]:
        await soak.api.delete(f"/jobs/{old['id']}")


async def change_settings(soak: Soak) -> None:
    """A setting changes, and Home Assistant sends its names."""
    speed = soak.random.choice([1.0, 1.1, 1.2])
    check(await soak.api.patch("/config", json={"tts": {"speed": speed}}))
    names = [f"Lamp {soak.random.randrange(1_000)}" for _ in range(20)]
    check(await soak.api.put("/vocabulary", json={"names": names, "terms": []}))


async def reload_model(soak: Soak) -> None:
    """A model is unloaded and loaded again."""
    models = [item["id"] for item in (await soak.api.get("/models")).json()["models"]]
    model = soak.random.choice([item for item in models if not item.startswith("micro")])
    await soak.api.post(f"/models/{model}/unload")
    check(await soak.api.post(f"/models/{model}/load"))


async def kill_worker(soak: Soak) -> None:
    """A worker dies."""
    workers = [
        child
        for child in soak.process.children()
        if "wyoming_servers.worker" in " ".join(child.cmdline())
    ]
    if workers:
        with suppress(psutil.NoSuchProcess):
            soak.random.choice(workers).send_signal(signal.SIGKILL)


async def follow_events(soak: Soak) -> None:
    """A dashboard follows the events for a while."""
    async with soak.api.stream("GET", "/events") as response:
        with suppress(TimeoutError):
            async with asyncio.timeout(15):
                async for _ in response.aiter_bytes():
                    pass


def check(answer: httpx.Response) -> None:
    """Raise RequestError for an error."""
    if answer.status_code >= 400:
        problem = answer.json()
        code = str(problem.get("code", answer.status_code))
        raise RequestError(code if code in CODED else f"{code} {problem.get('error', '')}")


WORK: Final[list[tuple[str, float, Work]]] = [
    ("voice command", 2.0, say_command),
    ("voice command", 3.0, say_command),
    ("cut connection", 4.0, cut_connection),
    ("job", 10.0, run_job),
    ("settings and names", 15.0, change_settings),
    ("model reloaded", 30.0, reload_model),
    ("worker killed", KILL_SECONDS, kill_worker),
    ("events followed", 5.0, follow_events),
]
"""Name, mean pause in seconds, and function."""


@contextmanager
def data_directory() -> Iterator[tuple[Path, bool]]:
    """Yield an empty folder, and whether it is a small file system that may be filled."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        path = Path(folder) / "data"
        path.mkdir()
        size = f"size={DISK_MIB}m"
        command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(path)]
        mounted = (
            os.geteuid() == 0
            and subprocess.run(command, check=False, capture_output=True).returncode == 0
        )
        try:
            yield path, mounted
        finally:
            if mounted:
                subprocess.run(["umount", str(path)], check=False)


@asynccontextmanager
async def running_server(data: Path) -> AsyncIterator[tuple[psutil.Process, Path]]:
    """Run a server; yields it when all services are ready."""
    log = data.parent / "log"
    settings = {
        "host": "127.0.0.1",
        **{f"{name}.port": 0 for name in ("asr", "tts", "wake", "api")},
        "asr.model": "whisper/tiny.en",
        "discovery.zeroconf": "false",
        "preload": "true",
        # Filled within the warm-up, so that it does not look like a leak.
        "tts.phrase_cache.memory": "2MiB",
    }
    command = [sys.executable, "-m", "wyoming_servers", "serve", "--data-dir", str(data)]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220  (blocks once, before anything is measured)
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"NO_COLOR": "1"}
        )
    try:
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as client:
            state = data / "server.json"
            while True:
                await asyncio.sleep(0.5)
                if process.poll() is not None:
                    raise SystemExit(f"The server did not start:\n{log.read_text()}")
                if state.exists():
                    port = json.loads(state.read_text())["ports"]["api"]
                    url = f"http://127.0.0.1:{port}/health/ready"
                    with suppress(httpx.HTTPError):
                        if (await client.get(url)).status_code == 200:
                            break
        yield psutil.Process(process.pid), log
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def report(soak: Soak, seconds: float) -> tuple[str, bool]:
    """Return the section of the documentation, and whether the run passes."""
    lines = [
        f"{seconds / 60:.0f} minutes on {machine()}.",
        "",
        "| measured | after the warm-up | at the end | slope per hour | growth allowed | verdict |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    passes = True
    for name, samples in soak.series.items():
        growth = samples.growth(seconds)
        first = next(
            value
            for at, value in zip(samples.times, samples.values, strict=True)
            if at >= WARM_UP * seconds
        )
        per_hour = growth / ((1 - WARM_UP) * seconds) * 3_600
        fine = growth <= samples.limit
        passes &= fine
        verdict = "flat" if fine else "GROWS"
        unit = f" {samples.unit}".rstrip()
        lines.append(
            f"| {name} | {first:.1f}{unit} | {samples.values[-1]:.1f}{unit} "
            f"| {per_hour:+.1f}{unit} | {samples.limit:g}{unit} | {verdict} |"
        )
    done = ", ".join(f"{count} × {name}" for name, count in sorted(soak.done.items()))
    lines += ["", f"Done: {done}.", ""]
    failed = ", ".join(f"{count} × {name}" for name, count in sorted(soak.failed.items()))
    lines += [f"Failed: {failed or 'nothing'}."]
    return "\n".join(lines), passes and not unexpected(soak)


def unexpected(soak: Soak) -> list[str]:
    """Return the failures that nothing in this test explains."""
    return [name for name in soak.failed if not name.partition(": ")[2].startswith(CODED)]


async def measure(seconds: float) -> tuple[str, bool]:
    with data_directory() as (data, may_fill):
        async with running_server(data) as (process, log):
            soak = Soak(process, data, log, may_fill=may_fill)
            with suppress(TimeoutError):
                await soak.run(seconds)
            for work in (say_command, run_job, change_settings):
                await soak.attempt("at the end", work)
            await soak.api.aclose()
        text = log.read_text(errors="replace")
        section, passes = report(soak, seconds)
        bugs = [line for line in text.splitlines() if "bug" in line or "Traceback" in line]
        for line in bugs[:20]:
            print(line, file=sys.stderr)
        if not passes or bugs:
            kept = Path(tempfile.gettempdir()) / "soak.log"
            kept.write_text(text)
            print(f"The log of the server is {kept}.", file=sys.stderr)
        return section, passes and not bugs


def main() -> int:
    """Run the soak; return the exit code."""
    parser = argparse.ArgumentParser(description="Compress a day into half an hour.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--write-docs", action="store_true", help="renew docs/reliability.md")
    arguments = parser.parse_args()
    section, passes = asyncio.run(measure(60 * arguments.minutes))
    print(section)
    if arguments.write_docs:
        write_section(ROOT / "docs" / "reliability.md", "soak", section)
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
