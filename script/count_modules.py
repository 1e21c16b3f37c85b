"""Count the modules of `wyoming_servers` that control enters on four common paths.

A real server with real engines runs with a profiler in the parent and in every worker. Between two
signals each process notes the files of all functions that it calls. Modules that are only imported
do not count, nor do the server's background tasks (folder watchers, event subscribers). The paths:
a warm voice command, a warm synthesis, a load that evicts another model, and a change of a setting
over HTTP.

Ports and data folder are temporary; nothing of a running server is touched. Prints a table and ends
with 1 if a path is longer than its goal.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.tts import Synthesize

ROOT: Final = Path(__file__).resolve().parents[1]

GOALS: Final = {
    "voice command": 40,
    "synthesis": 40,
    "load with eviction": 30,
    "settings change": 30,
}
"""Modules at most on each path."""

START_SECONDS: Final = 180.0
IDLE_SECONDS: Final = 12.0
"""Longer than the slowest watcher's interval."""

# Installed as `sitecustomize`, so that it is in place before the first line of the server runs.
PROFILER: Final = """
import asyncio, json, os, signal, sys, threading
_folder = "@FOLDER@"
if _folder:
    _seen = set()
    _by_thread = set()
    _active = False
    _warm = False
    # Periodic work of the scheduler: part of a load, but not of a request on a ready model.
    _TIMERS = ("coordinator timer", "memory probe")
    _mark = os.sep + "wyoming_servers" + os.sep

    _background = set()
    _parent = "worker.child" not in " ".join(sys.orig_argv)

    def _task():
        loop = asyncio._get_running_loop()
        return None if loop is None else asyncio.current_task(loop)

    def _note(frame, event, argument):
        if _active and event == "call":
            code = frame.f_code
            if _mark in code.co_filename and code.co_name != "<module>":
                task = _task()
                if id(task) in _background or (_warm and task and task.get_name() in _TIMERS):
                    return
                thread = threading.current_thread()
                by_thread = _parent and thread is not threading.main_thread()
                (_by_thread if by_thread else _seen).add(code.co_filename.rpartition(_mark)[2])

    def _begin(*_):
        global _active, _warm
        _warm = os.path.exists(os.path.join(_folder, "warm"))
        _seen.clear()
        _by_thread.clear()
        _background.clear()
        if _parent:
            loop = asyncio._get_running_loop()
            _background.update(id(task) for task in asyncio.all_tasks(loop))
        _active = True

    def _end(*_):
        global _active
        _active = False
        path = os.path.join(_folder, f"{os.getpid()}.json")
        with open(path + ".part", "w") as file:
            json.dump([sorted(_seen), sorted(_by_thread)], file)
        os.replace(path + ".part", path)

    signal.signal(signal.SIGUSR1, _begin)
    signal.signal(signal.SIGUSR2, _end)
    threading.setprofile(_note)
    sys.setprofile(_note)
"""


class Server:
    """A server process under the profiler."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.data_dir = folder / "data"
        self._notes = folder / "notes"
        self._idle: set[str] = set()
        hooks = folder / "hooks"
        for path in (self._notes, hooks):
            path.mkdir()
        (hooks / "sitecustomize.py").write_text(PROFILER.replace("@FOLDER@", str(self._notes)))
        self.ports = {name: free_port() for name in ("asr", "tts", "wake", "api")}
        own = [f"{name}.port={port}" for name, port in self.ports.items()]
        own += [
            "host=127.0.0.1",
            "discovery.zeroconf=false",
            "preload=[]",
            f"data_dir={self.data_dir}",
        ]
        command = [sys.executable, "-m", "wyoming_servers", "serve"]
        for setting in (*own, *settings):
            command += ["--set", setting]
        environment = os.environ | {
            "PYTHONPATH": f"{hooks}:{ROOT}",
        }
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    async def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise SystemExit(f"The server ended:\n{Path(self._log.name).read_text()[-4000:]}")
            if (await self.api("GET", "/health", check=False)) is not None:
                return
            await asyncio.sleep(0.2)
        raise SystemExit("The server did not start in time.")

    async def api(self, method: str, path: str, body: Any = None, *, check: bool = True) -> Any:
        token = self.data_dir / "api-token"
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"} if token.exists() else {}
        url = f"http://127.0.0.1:{self.ports['api']}{path}"
        try:
            async with httpx.AsyncClient(timeout=120) as client:
                answer = await client.request(method, url, json=body, headers=headers)
        except httpx.TransportError:
            if check:
                raise
            return None
        if check:
            answer.raise_for_status()
        return answer.json() if answer.content else {}

    async def entered(self, act: Callable[[], Any], *, warm: bool = True) -> set[str]:
        """Return the modules that all processes enter while `act` runs.

        `warm` leaves out the periodic work of the scheduler, which belongs to a load only.
        """
        mark = self._notes / "warm"
        mark.touch() if warm else mark.unlink(missing_ok=True)
        await asyncio.sleep(1.5)  # what earlier requests left behind has ended
        pids = self._pids()
        for pid in pids:
            os.kill(pid, signal.SIGUSR1)
        await asyncio.sleep(0.05)
        await act()
        pids = self._pids()
        for pid in pids:
            os.kill(pid, signal.SIGUSR2)
        files = [self._notes / f"{pid}.json" for pid in pids]
        deadline = time.monotonic() + 30
        while missing := [path.stem for path in files if not path.exists()]:
            if time.monotonic() > deadline:
                raise SystemExit(f"These processes sent no notes: {', '.join(missing)}.")
            await asyncio.sleep(0.02)
        found, by_thread = set(), set()
        for path in files:
            in_tasks, in_threads = json.loads(path.read_text())
            found.update(in_tasks)
            by_thread.update(in_threads)
            path.unlink()
        # Blocking calls of background tasks run in threads that carry no task.
        found |= by_thread - self._idle
        return {name for name in found if not name.endswith("__init__.py")}

    async def watch_idle(self) -> None:
        """Record what background tasks do in threads of an idle server."""
        self._idle = set()
        self._idle = await self.entered(lambda: asyncio.sleep(IDLE_SECONDS))

    def _pids(self) -> list[int]:
        """The server and its workers; decoders and other helpers have no profiler to answer."""
        own = psutil.Process(self._process.pid)
        workers = [
            child.pid
            for child in own.children(recursive=True)
            if any(part.endswith("worker.child") for part in child.cmdline())
        ]
        return [own.pid, *workers]

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def transcribe(port: int, clip: Path) -> str:
    """Speak a clip in real time, as a satellite does, with a second of silence behind it."""
    with wave.open(str(clip)) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    pcm += bytes(2 * rate)
    step = rate // 10 * 2
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(rate, 2, 1).event())
        for at in range(0, len(pcm), step):
            await client.write_event(AudioChunk(rate, 2, 1, pcm[at : at + step]).event())
            await asyncio.sleep(0.1)
        await client.write_event(AudioStop().event())
        return str(await _answer(client, Transcript.is_type, "text"))


async def synthesize(port: int, text: str) -> None:
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Synthesize(text).event())
        await _answer(client, AudioStop.is_type, "")


async def _answer(client: AsyncTcpClient, is_end: Callable[[str], bool], field: str) -> Any:
    while (event := await client.read_event()) is not None:
        if Error.is_type(event.type):
            raise SystemExit(f"The server answered with an error: {event.data}")
        if is_end(event.type):
            return event.data.get(field)
    raise SystemExit("The server closed the connection.")


async def measure(folder: Path) -> dict[str, set[str]]:
    clip = ROOT / "tests" / "data" / "goforward.wav"
    # A confined worker could not write its notes. There is memory for one Whisper model beside the
    # voice, so that the second evicts the first. Phrases are written to disk in the background.
    server = Server(
        folder,
        "asr.model=whisper/tiny.en",
        "memory.budget=700MiB",
        "security.sandbox=off",
        "tts.phrase_cache.disk=0",
    )
    found: dict[str, set[str]] = {}
    try:
        await server.wait_until_ready()
        await transcribe(server.ports["asr"], clip)
        await server.watch_idle()
        found["voice command"] = await server.entered(lambda: transcribe(server.ports["asr"], clip))
        await synthesize(server.ports["tts"], "The light is on.")
        found["synthesis"] = await server.entered(
            lambda: synthesize(server.ports["tts"], "The kitchen window is still open.")
        )

        async def load() -> None:
            await server.api("POST", "/models/whisper/base/load?wait=true")
            while True:
                status = await server.api("GET", "/models/whisper/base")
                if status["state"] == "ready":
                    return
                await asyncio.sleep(0.1)

        entered = await server.entered(load, warm=False)
        # The way through HTTP is that of the settings change; this path begins at the scheduler.
        found["load with eviction"] = {
            name for name in entered if not name.startswith(("http/", "net/", "telemetry/"))
        }
        found["settings change"] = await server.entered(
            lambda: server.api("PATCH", "/config", {"wake": {"threshold": 0.6}})
        )
    finally:
        server.stop()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="name the modules of each path")
    parser.add_argument("--json", action="store_true", help="print the names as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder)))
    if options.json:
        print(json.dumps({path: sorted(names) for path, names in found.items()}, indent=1))
        return 0
    print(f"{'path':20} modules  goal")
    for path, goal in GOALS.items():
        modules = len(found[path])
        print(f"{path:20} {modules:7} {goal:5}{'' if modules <= goal else '  missed'}")
        if options.list:
            for name in sorted(found[path]):
                print(f"    {name}")
    return int(any(len(found[path]) > goal for path, goal in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
