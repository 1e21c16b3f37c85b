"""Models are prepared in a process of their own; failures are logged and never raised."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.core import engine_info
from wyoming_servers.core.engine_info import EngineInfo
from wyoming_servers.models import install
from wyoming_servers.models.install import prepare_model

FUNCTIONS = """
import os, time
from pathlib import Path

def note(files):
    Path(files["cache_dir"], "note").write_text(f"{os.getpid()} {os.nice(0)}")

def fail(files):
    raise RuntimeError("This voice is odd.")

def hang(files):
    note(files)
    time.sleep(60)
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make an engine with one of FUNCTIONS; both processes know it by its name."""
    (tmp_path / "odd.py").write_text(FUNCTIONS)
    # The child finds its engines by entry points, as an installed package has them.
    folder = tmp_path / "odd_engine-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-engine\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[wyoming_conductor.engines]\nodd = odd_info:INFO\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(function: str) -> str:
        info = EngineInfo("odd", prepare=f"odd:{function}")
        (tmp_path / "odd_info.py").write_text(
            "from wyoming_servers.core.engine_info import EngineInfo\n"
            f"INFO = EngineInfo('odd', prepare='odd:{function}')\n"
        )
        monkeypatch.setattr(engine_info, "_installed_engines", lambda: {"odd": info})
        return "odd"

    return make


async def test_preparation_runs_in_another_process_at_low_priority(
    engine: Any, tmp_path: Path
) -> None:
    await prepare_model(engine("note"), {"cache_dir": str(tmp_path / "cache")})
    pid, niceness = (tmp_path / "cache" / "note").read_text().split()
    assert int(pid) != os.getpid()
    assert int(niceness) >= 10


async def test_failed_preparation_is_logged(
    engine: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await prepare_model(engine("fail"), {"cache_dir": str(tmp_path / "cache")})
    assert "This voice is odd." in caplog.text


async def test_preparation_that_hangs_is_killed(
    engine: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "_PREPARE_TIMEOUT", 3.0)
    await prepare_model(engine("hang"), {"cache_dir": str(tmp_path / "cache")})
    assert "took too long" in caplog.text
    pid = (tmp_path / "cache" / "note").read_text().split()[0]
    assert not _runs(pid)


async def test_cancelled_preparation_is_killed(engine: Any, tmp_path: Path) -> None:
    task = asyncio.create_task(
        prepare_model(engine("hang"), {"cache_dir": str(tmp_path / "cache")})
    )
    note = tmp_path / "cache" / "note"
    # A file that another process writes has no event to wait for.
    while not await asyncio.to_thread(note.is_file):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    pid = note.read_text().split()[0]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not _runs(pid)


async def test_engine_without_preparation_starts_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asyncio, "create_subprocess_exec", lambda *_, **__: pytest.fail("started"))
    await prepare_model("fake", {})
    await prepare_model("unknown", {})


def _runs(pid: str) -> bool:
    return Path("/proc", pid).exists()
