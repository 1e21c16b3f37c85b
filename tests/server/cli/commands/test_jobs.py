"""`jobs`, `read` and subtitles, with the real HTTP API and its jobs in a thread."""

import asyncio
import json
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from wyoming_servers.cli.errors import ExitCode
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.errors import InferenceFailedError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.http.app import create_app
from wyoming_servers.http.auth.tokens import TOKEN_FILE
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.server import ApiServer
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.speech.fake import (
    SPECS,
    FakeCoordinator,
)
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.telemetry.metrics import Metrics

DATA = Path(__file__).parents[3] / "data"
SRT = "00:00:00.500 --> 00:00:01.000\nThis does not fit into its time at all.\n"


class Serving:
    """The HTTP API and its jobs in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.coordinator = FakeCoordinator(SPECS)
        self.port = 0

    def start(self) -> None:
        self._thread.start()
        assert self._open.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        config = Config.model_validate({"data_dir": self._folder, "tts": {"voice": "en_US-joe"}})
        bus, clock, coordinator = EventBus(), SystemClock(), self.coordinator
        holder, tasks = ConfigHolder(config), TaskSupervisor(clock)
        async with JobManager(
            self._folder / "jobs", coordinator, holder, bus, clock, tasks
        ) as jobs:
            context = ApiContext(
                config_holder=holder,
                coordinator=coordinator,
                bus=bus,
                version="1.2.3",
                uuid="the-uuid",
                token="s3cret",
                ports={},
                ready=lambda: (True, []),
                metrics=Metrics(coordinator.snapshot, "1.2.3").registry,
                specs=SPECS,
                jobs=jobs,
                tts=TtsPipeline(coordinator, SPECS, ConfigHolder(config), bus, clock),
            )
            server = ApiServer(create_app(context), "127.0.0.1", 0)
            self.port = await server.start()
            self._open.set()
            await self._stop.wait()
            await server.stop(1)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    (tmp_path / TOKEN_FILE).write_text("s3cret")
    serving = Serving(tmp_path)
    serving.start()
    yield serving
    serving.stop()


@pytest.fixture
def read(run: Any, serving: Serving, tmp_path: Path) -> Any:
    def read_command(*arguments: str, **options: Any) -> Any:
        where = ["--server", f"127.0.0.1:{serving.port}", "--data-dir", str(tmp_path)]
        return run("read", *arguments, *where, **options)

    return read_command


def test_read_writes_a_book_to_a_file(read: Any, tmp_path: Path) -> None:
    book, spoken = tmp_path / "book.txt", tmp_path / "book.wav"
    book.write_text("Once upon a time. The end.")
    result = read(str(book), "-o", str(spoken), "--voice", "en_US-joe")
    assert result.exit_code == 0, result.output
    with wave.open(str(spoken)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(0.98, abs=0.05)
    assert "1.0 s of speech" in result.stderr
    assert [path.name for path in tmp_path.glob(".book*")] == []


def test_read_lists_cues_with_too_long_speech(read: Any, tmp_path: Path) -> None:
    result = read("-", "-o", str(tmp_path / "film.flac"), stdin=SRT)
    assert result.exit_code == 0, result.output
    assert "cue 1 at 0.5 s: 1.2 s of speech in 0.5 s, starts 0.0 s late" in result.stderr
    assert (tmp_path / "film.flac").read_bytes().startswith(b"fLaC")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.aiff"], "must end in .wav, .flac or .mp3"),
        (["-o", "/nowhere/x.wav"], "There is no folder"),
        (["-o", "x.wav", "--voice", "nobody"], "nobody"),
    ],
)
def test_read_refuses_impossible_requests_at_once(
    arguments: list[str], message: str, read: Any
) -> None:
    result = read("-", *arguments, stdin="Hello.")
    assert result.exit_code == ExitCode.USAGE
    assert message in result.stderr


def test_read_reports_why_a_job_failed(read: Any, serving: Serving, tmp_path: Path) -> None:
    serving.coordinator.lease_errors = [InferenceFailedError("It is gone.") for _ in range(3)]
    result = read("-", "-o", str(tmp_path / "x.wav"), stdin="Hello.")
    assert result.exit_code == ExitCode.FAILED
    assert "It is gone." in result.stderr
    assert not (tmp_path / "x.wav").exists()


def test_read_reports_a_wrong_token(run: Any, serving: Serving, tmp_path: Path) -> None:
    (tmp_path / TOKEN_FILE).write_text("other")
    where = ["--server", f"127.0.0.1:{serving.port}", "--data-dir", str(tmp_path)]
    result = run("read", "-", "-o", str(tmp_path / "x.wav"), *where, stdin="Hello.")
    assert "rejected the token" in result.stderr


@pytest.fixture
def jobs(run: Any, serving: Serving, tmp_path: Path) -> Any:
    def jobs_command(*arguments: str, **options: Any) -> Any:
        where = ["--server", f"127.0.0.1:{serving.port}", "--data-dir", str(tmp_path)]
        return run(*arguments, *where, **options)

    return jobs_command


def test_jobs_are_listed_shown_waited_for_and_downloaded(
    read: Any, jobs: Any, tmp_path: Path
) -> None:
    assert read("-", "-o", str(tmp_path / "x.wav"), stdin="Hello. Bye.").exit_code == 0
    (listed,) = json.loads(jobs("jobs", "list", "--json").stdout)
    job = listed["id"]
    assert job in jobs("jobs", "list", "--status", "done").stdout
    assert job not in jobs("jobs", "list", "--status", "failed").stdout
    assert jobs("jobs", "list", "--status", "odd").exit_code == ExitCode.USAGE
    assert "status: done" in jobs("jobs", "show", job[:6]).stdout
    assert json.loads(jobs("jobs", "show", job, "--json").stdout)["task"] == "speak"
    assert jobs("jobs", "wait", job[:6]).stderr == f"Job {job} is done.\n"
    assert jobs("jobs", "download", job).stdout.split() == ["Hello.", "Bye."]
    for name in ("again.wav", "cues.srt"):
        assert jobs("jobs", "download", job[:6], "-o", str(tmp_path / name)).exit_code == 0
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "x.wav").read_bytes()
    assert "-->" in (tmp_path / "cues.srt").read_text()
    assert jobs("jobs", "download", job, "-o", "x.doc").exit_code == ExitCode.USAGE
    assert "no mp3 file" in jobs("jobs", "download", job, "-o", str(tmp_path / "x.mp3")).stderr
    assert not (tmp_path / "x.mp3").exists()


def test_jobs_that_wait_can_be_cancelled(jobs: Any, serving: Serving, tmp_path: Path) -> None:
    serving.coordinator.gate.clear()
    created = httpx.post(
        f"http://127.0.0.1:{serving.port}/jobs/speech",
        json={"text": "Hello.", "format": "wav"},
        headers={"Authorization": "Bearer s3cret"},
    )
    job = created.json()["job_id"]
    assert jobs("jobs", "cancel", job).stderr == f"Job {job} is cancelled.\n"
    assert "CANCELLED" in jobs("jobs", "wait", job).stderr
    again = jobs("jobs", "cancel", job)
    assert (again.exit_code, "CONFLICT" in again.stderr) == (ExitCode.USAGE, True)
    assert "No job begins with 'zz'" in jobs("jobs", "show", "zz").stderr


def test_transcribe_makes_subtitles_with_a_job(jobs: Any, tmp_path: Path) -> None:
    target = tmp_path / "talk.srt"
    command = ["transcribe", str(DATA / "librivox_0870.wav"), "--model", "asr/english"]
    result = jobs(*command, "-o", str(target))
    assert result.exit_code == 0, result.stderr
    assert target.read_text().startswith("1\n00:00:0")
    assert jobs(*command, "--format", "vtt").stdout.startswith("WEBVTT")
