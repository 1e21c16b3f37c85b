"""One server per data directory."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
)
from wyoming_servers.data_dir.locks import (
    STATE_FILE,
    InstanceLock,
    find_running_server,
)


@pytest.fixture
def blockbuster() -> None:
    """These calls block by contract."""


def test_lock_refuses_a_second_server_and_names_the_first(tmp_path: Path) -> None:
    first = InstanceLock(tmp_path).acquire()
    first.publish_state("127.0.0.1", {"asr": 1})
    with pytest.raises(BusyError, match=r"process \d+"):
        InstanceLock(tmp_path).acquire()
    first.release()
    InstanceLock(tmp_path).acquire().release()


def test_installation_id_survives_a_restart(tmp_path: Path) -> None:
    first = InstanceLock(tmp_path).acquire()
    installation_id = first.installation_id()
    first.release()
    assert InstanceLock(tmp_path).acquire().installation_id() == installation_id


def test_installation_id_is_generated_again_if_its_file_is_broken(tmp_path: Path) -> None:
    (tmp_path / "uuid").write_text("garbage")
    lock = InstanceLock(tmp_path).acquire()
    installation_id = lock.installation_id()
    assert installation_id != "garbage"
    assert lock.installation_id() == installation_id


def test_running_server_is_found_until_it_releases_the_lock(tmp_path: Path) -> None:
    assert find_running_server(tmp_path) is None
    lock = InstanceLock(tmp_path).acquire()
    lock.publish_state("127.0.0.1", {"asr": 10_300})
    running = find_running_server(tmp_path)
    assert running is not None
    assert running.ports == {"asr": 10_300}
    lock.release()
    lock.release()
    assert find_running_server(tmp_path) is None


def test_state_file_of_a_killed_server_is_ignored(tmp_path: Path) -> None:
    InstanceLock(tmp_path).acquire().release()
    # The system gave the process id to a process that runs: this one.
    state = {"pid": os.getpid(), "host": "x", "ports": {}}
    (tmp_path / STATE_FILE).write_text(json.dumps(state))
    assert find_running_server(tmp_path) is None
    lock = InstanceLock(tmp_path).acquire()
    assert not (tmp_path / STATE_FILE).exists()
    lock.release()


def test_broken_state_file_is_ignored(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path).acquire()
    (tmp_path / STATE_FILE).write_text("half a js")
    assert find_running_server(tmp_path) is None
    lock.release()


def test_lock_is_acquired_while_other_programs_look_for_a_server(tmp_path: Path) -> None:
    InstanceLock(tmp_path).acquire().release()
    looking = threading.Event()

    def look() -> None:
        while not looking.is_set():
            assert find_running_server(tmp_path) is None
            time.sleep(0.001)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            InstanceLock(tmp_path).acquire().release()
    finally:
        looking.set()
        for thread in threads:
            thread.join()


def test_directory_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRequestError, match="file/data"):
        InstanceLock(tmp_path / "file" / "data").acquire()
