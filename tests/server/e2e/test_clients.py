"""The published clients with a real server."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import playwright
import pytest
from aiohttp import ClientSession
from wyoming_conductor_client import ConductorAuthError, ConductorClient, ConductorRequestError
from wyoming_conductor_client.jobs import JobClient, JobProgress, JobStatus

pytestmark = [pytest.mark.e2e, pytest.mark.component]

DATA = Path(__file__).parents[2] / "data"
NODE = Path(playwright.__file__).parent / "driver" / "node"
"""Part of the tests' browser driver."""

VOICE = "en_US-joe-medium"
LONG_TEXT = " ".join(f"Fox number {number} jumps over the lazy dog." for number in range(1, 16))
"""All sentences differ: one that was spoken before comes from the phrase cache at once."""


@pytest.fixture
async def python_client(server) -> AsyncIterator[SimpleNamespace]:
    """The Python client, and its client for jobs."""
    token = (server.data_dir / "api-token").read_text().strip()
    async with ClientSession() as session:
        client = ConductorClient(session, "127.0.0.1", server.ports["api"], token=token)
        yield SimpleNamespace(client=client, jobs=JobClient(client), session=session)


async def test_python_client_transcribes_a_recording_as_a_job(python_client, server) -> None:
    jobs = python_client.jobs
    await python_client.client.unload_model("whisper/tiny.en")
    steps: list[JobProgress] = []
    with (DATA / "librivox_0870.wav").open("rb") as recording:
        job_id = await jobs.submit_recording(
            recording, filename="talk.wav", language="en", word_timestamps=True
        )
    job = await jobs.wait(job_id, steps.append)
    assert job.status is JobStatus.DONE
    assert job.text
    assert job.text.split()[0] == job.segments[0].words[0].text.strip()
    assert job.duration == pytest.approx(7.1, abs=0.1)
    assert steps[0].percent <= steps[-1].percent
    assert b"-->" in await jobs.result(job_id, "srt")
    assert [found.id for found in await jobs.list(JobStatus.DONE)] == [job_id]


async def test_python_client_raises_the_reason_of_a_failed_job(python_client) -> None:
    jobs = python_client.jobs
    job_id = await jobs.submit_recording(b"no audio at all" * 100, filename="talk.mp3")
    with pytest.raises(ConductorRequestError) as failure:
        await jobs.wait(job_id)
    assert failure.value.code == "BAD_REQUEST"
    with pytest.raises(ConductorRequestError) as conflict:
        await jobs.cancel(job_id)
    assert conflict.value.code == "CONFLICT"


async def test_python_client_follows_a_job_over_broken_connections(python_client, server) -> None:
    job_id = await python_client.jobs.submit_text(LONG_TEXT, output="mp3", voice=VOICE)
    async with breakable_connection(server.ports["api"]) as (port, cut):
        token = (server.data_dir / "api-token").read_text().strip()
        client = ConductorClient(python_client.session, "127.0.0.1", port, token=token)
        cuts = 0
        async with aclosing(JobClient(client).follow(job_id)) as steps:
            async for step in steps:
                if cuts < 2 and step.percent < 90:
                    cuts += await cut()
    assert cuts == 2
    assert (await python_client.jobs.get(job_id)).status is JobStatus.DONE
    assert len(await python_client.jobs.result(job_id, "mp3")) > 10_000


@asynccontextmanager
async def breakable_connection(
    port: int,
) -> AsyncIterator[tuple[int, Callable[[], Awaitable[int]]]]:
    """Yield a port that leads to `port`, and a function that cuts all its connections."""
    writers: set[asyncio.StreamWriter] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        writers.update((writer, server_writer))
        await asyncio.gather(pass_on(reader, server_writer), pass_on(server_reader, writer))

    async def cut() -> int:
        for writer in writers:
            writer.transport.abort()
        writers.clear()
        return 1

    async with await asyncio.start_server(connect, "127.0.0.1") as proxy:
        yield proxy.sockets[0].getsockname()[1], cut


async def test_python_client_pairs(python_client, server) -> None:
    stranger = ConductorClient(python_client.session, "127.0.0.1", server.ports["api"])
    with pytest.raises(ConductorAuthError):
        await stranger.info()
    assert await stranger.request_pairing_code() > 60
    code = server.http("/pair/code")["code"]
    token = await stranger.pair(code, "Test")
    paired = ConductorClient(python_client.session, "127.0.0.1", server.ports["api"], token=token)
    assert (await paired.info()).uuid == (await python_client.client.info()).uuid


@pytest.mark.timeout(240)
def test_javascript_client_passes_its_own_tests(server) -> None:
    environment = {
        **os.environ,
        "SERVER": f"http://127.0.0.1:{server.ports['api']}",
        "TOKEN": (server.data_dir / "api-token").read_text().strip(),
        "RECORDING": str(DATA / "librivox_0870.wav"),
    }
    tests = Path(__file__).parents[3] / "clients" / "js" / "test" / "client.test.js"
    result = subprocess.run(
        [NODE, "--test", "--no-warnings", tests],
        env=environment,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert result.returncode == 0, result.stdout + server.log.read_text()[-2000:]
    assert "pass 8" in result.stdout
