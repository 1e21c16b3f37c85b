"""A clock that is set, and a machine that is suspended: clients are served, and nothing is lost."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SHIM = """
import time
real = time.time
def shifted():
    try:
        with open({path!r}) as file:
            return real() + float(file.read() or 0)
    except OSError:
        return real()
time.time = shifted
"""
"""`sitecustomize` of the server and its workers; a test cannot set the clock of the machine."""

TEXT = "The quick brown fox jumps over the lazy dog, and then it does so once more. " * 3
SUSPENDED_SECONDS = 12.0
LIMIT_SECONDS = 10.0
"""Shorter, so that the suspension alone uses up every deadline."""


class World:
    """The server, its clock, and what clients do with it."""

    def __init__(self, server: Any, attack: Any, offset: Path) -> None:
        self.server = server
        self.attack = attack
        self.offset = offset
        self.api = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{server.ports['api']}",
            headers={"Authorization": f"Bearer {server.token}"},
            timeout=30,
            trust_env=False,
        )

    def set_clock(self, seconds: float) -> None:
        """Set the clock to `seconds` after the right time."""
        temporary = self.offset.with_suffix(".new")
        temporary.write_text(str(seconds))
        temporary.replace(self.offset)

    async def wait_ready(self) -> None:
        async with asyncio.timeout(90):
            while (await self.api.get("/health/ready")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def submit(self) -> str:
        answer = await self.api.post("/jobs/speech", json={"text": TEXT, "output": "wav"})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    async def finish(self, job: str) -> None:
        async with asyncio.timeout(90):
            while (found := (await self.api.get(f"/jobs/{job}")).json())["status"] != "done":
                assert found["status"] in ("queued", "running"), str(found)
                await asyncio.sleep(0.1)

    async def check_served(self, jobs: list[str]) -> None:
        """A client is served at once, and every job is still there."""
        await self.attack.describe_seconds(self.server.ports["asr"])
        peer = await self.attack.connect(self.server.ports["tts"])
        await peer.send("synthesize", text="Hello.")
        kind, data = await peer.read_until("audio-stop", "error")
        assert kind == "audio-stop", data
        assert (await self.api.get("/health/ready")).status_code == 200
        kept = {job["id"] for job in (await self.api.get("/jobs")).json()["jobs"]}
        assert kept == set(jobs)

    def workers(self) -> set[int]:
        return {
            child.pid
            for child in psutil.Process(self.server.process.pid).children()
            if "worker" in " ".join(child.cmdline())
        }

    def suspend(self, seconds: float) -> None:
        """Stop the server and all its children, as `docker pause` does."""
        process = psutil.Process(self.server.process.pid)
        family = [process.pid, *(child.pid for child in process.children(recursive=True))]
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        for pid in reversed(family):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
async def world(start_server, attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "sitecustomize.py").write_text(SHIM.format(path=str(tmp_path / "offset")))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = start_server(wake__enabled="false", preload="true")
    world = World(server, attack, tmp_path / "offset")
    yield world
    await world.api.aclose()


async def test_clock_steps_and_a_suspension_lose_nothing(world: World) -> None:
    await world.wait_ready()
    jobs: list[str] = []
    for offset in (3_600.0, -3_600.0, -time.time(), 0.0):
        if offset < 0:
            jobs.append(await world.submit())
        world.set_clock(offset)
        await world.check_served(jobs)
    for job in jobs:
        await world.finish(job)

    limits = {"idle_timeout": LIMIT_SECONDS, "request_timeout": LIMIT_SECONDS}
    assert (await world.api.patch("/config", json={"limits": limits})).status_code == 200
    workers = world.workers()
    assert workers
    idle = await world.attack.connect(world.server.ports["tts"])
    await idle.send("ping")
    await idle.read_until("pong")
    speaking = await world.attack.connect(world.server.ports["tts"])
    jobs.append(await world.submit())
    await speaking.send("synthesize", text=TEXT)
    await speaking.read_until("audio-chunk")
    await asyncio.to_thread(world.suspend, SUSPENDED_SECONDS)
    await world.check_served(jobs)
    kind, data = await speaking.read_until("audio-stop", "error")
    assert kind == "audio-stop", data
    await idle.send("ping")
    await idle.read_until("pong")
    await world.finish(jobs[-1])
    assert workers <= world.workers()
    log = world.server.log.read_text()

    assert "Traceback" not in log
