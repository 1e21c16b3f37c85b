"""Other users of the machine read nothing of the server's, whatever the umask was before."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from wyoming_servers.app.main import secure_process
from wyoming_servers.config.schema import Config, SecuritySection
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.files import protect
from wyoming_servers.core.sandbox import policy
from wyoming_servers.data_dir.database import open_database
from wyoming_servers.data_dir.locks import InstanceLock
from wyoming_servers.data_dir.set_aside import DamagedFiles
from wyoming_servers.jobs.files import JobFiles


@pytest.fixture
def blockbuster() -> None:
    """The tests look at files."""


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)
    policy.configure(enabled=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_new_files_are_private(tmp_path: Path) -> None:
    secure_process(Config(data_dir=tmp_path / "data"))
    lock = InstanceLock(tmp_path / "data").acquire()
    connection = await open_database(tmp_path / "data" / "jobs" / "jobs.sqlite", ["SELECT 1"])
    await connection.close()
    lock.release()
    found = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert len(found) > 3
    assert [path for path in found if mode(path) & 0o077] == []


async def test_files_of_an_older_version_become_private(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    (data_dir / "jobs" / "uploads").mkdir(parents=True)
    database = data_dir / "jobs.sqlite"
    sqlite3.connect(database).close()
    database.touch()
    assert mode(data_dir) & 0o077
    assert mode(database) & 0o077
    InstanceLock(data_dir).acquire().release()
    await (await open_database(database, ["SELECT 1"])).close()
    await JobFiles(data_dir / "jobs").prepare(DamagedFiles(EventBus(), FakeClock()))
    assert mode(data_dir) == 0o700
    assert mode(database) == 0o600
    assert mode(data_dir / "jobs" / "uploads") == 0o700


def test_file_that_cannot_be_protected_is_no_failure(tmp_path: Path) -> None:
    protect(tmp_path / "missing")


def test_sandbox_can_be_turned_off() -> None:
    secure_process(Config(security=SecuritySection(sandbox="off")))
    assert not policy.is_enabled()
