"""One server lives in a data directory."""

from pathlib import Path

import pytest

from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
)
from wyoming_servers.data_dir.instance_lock import (
    STATE_FILE,
    InstanceLock,
    find_running_server,
)


@pytest.fixture
def blockbuster() -> None:
    """These calls block by contract."""


def test_a_second_server_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    first = InstanceLock(tmp_path).acquire()
    first.publish_state("127.0.0.1", {"asr": 1})
    with pytest.raises(BusyError, match=r"process \d+"):
        InstanceLock(tmp_path).acquire()
    first.release()
    InstanceLock(tmp_path).acquire().release()


def test_the_identity_outlives_a_restart(tmp_path: Path) -> None:
    first = InstanceLock(tmp_path).acquire()
    identity = first.installation_id()
    first.release()
    assert InstanceLock(tmp_path).acquire().installation_id() == identity


def test_a_broken_identity_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "uuid").write_text("garbage")
    tenancy = InstanceLock(tmp_path).acquire()
    identity = tenancy.installation_id()
    assert identity != "garbage"
    assert tenancy.installation_id() == identity


def test_a_running_server_is_found_until_it_leaves(tmp_path: Path) -> None:
    assert find_running_server(tmp_path) is None
    tenancy = InstanceLock(tmp_path).acquire()
    tenancy.publish_state("127.0.0.1", {"asr": 10_300})
    running = find_running_server(tmp_path)
    assert running is not None
    assert running.ports == {"asr": 10_300}
    tenancy.release()
    tenancy.release()
    assert find_running_server(tmp_path) is None


def test_the_state_of_a_killed_server_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text('{"pid": 4194304, "host": "x", "ports": {}}')
    assert find_running_server(tmp_path) is None
    (tmp_path / STATE_FILE).write_text("half a js")
    assert find_running_server(tmp_path) is None
    InstanceLock(tmp_path).acquire()
    assert not (tmp_path / STATE_FILE).exists()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRequestError, match="file/data"):
        InstanceLock(tmp_path / "file" / "data").acquire()
