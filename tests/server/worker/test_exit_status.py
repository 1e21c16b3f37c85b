"""Exits are described in words and as an error code."""

from pathlib import Path

import pytest

from wyoming_servers.core.errors import OutOfMemoryError
from wyoming_servers.worker import exit_status
from wyoming_servers.worker.exit_status import (
    DEVICE_LOST_STATUS,
    PROTOCOL_STATUS,
    count_oom_kills,
    describe_exit,
    exit_error,
)
from wyoming_servers.worker.interface import ExitStatus


@pytest.mark.parametrize(
    ("returncode", "reason", "code"),
    [
        (0, "exited with status 0", "INFERENCE_FAILED"),
        (1, "exited with status 1: ImportError: no", "INFERENCE_FAILED"),
        (-11, "killed by signal 11 (SIGSEGV): a crash in native code", "INFERENCE_FAILED"),
        (-6, "killed by signal 6 (SIGABRT): aborted by a library", "INFERENCE_FAILED"),
        (-9, "killed by signal 9 (SIGKILL), not by the server", "INFERENCE_FAILED"),
        (-15, "killed by signal 15 (SIGTERM)", "INFERENCE_FAILED"),
        (-120, "killed by signal 120", "INFERENCE_FAILED"),
        (DEVICE_LOST_STATUS, "exited with status 70: the GPU was lost", "DEVICE_LOST"),
        (
            PROTOCOL_STATUS,
            "exited with status 71: the server broke the worker protocol",
            "UNKNOWN",
        ),
    ],
)
def test_unexpected_exit_is_described(returncode: int, reason: str, code: str) -> None:
    last_line = "ImportError: no" if returncode == 1 else ""
    exit_ = describe_exit(returncode, last_line=last_line)
    assert exit_ == ExitStatus(returncode, expected=False, reason=reason, code=code)


def test_sigkill_with_a_counted_oom_kill_is_out_of_memory() -> None:
    exit_ = describe_exit(-9, oom_killed=True)
    assert exit_.code == "OOM"
    assert "out-of-memory killer" in exit_.reason


@pytest.mark.parametrize("returncode", [-11, 1])
def test_oom_kill_does_not_explain_other_exits(returncode: int) -> None:
    assert describe_exit(returncode, oom_killed=True).code == "INFERENCE_FAILED"


def test_requested_exit_is_expected_in_any_case() -> None:
    exit_ = describe_exit(-9, requested=True, oom_killed=True)
    assert exit_.expected
    assert exit_.reason == "stopped by the server (killed by signal 9 (SIGKILL))"


def test_exit_while_loading_is_a_failed_load() -> None:
    assert describe_exit(-11, loading=True).code == "LOAD_FAILED"
    assert describe_exit(-9, loading=True, oom_killed=True).code == "OOM"


def test_error_from_the_worker_takes_precedence() -> None:
    exit_ = describe_exit(1, loading=True, failure=OutOfMemoryError("No room."))
    assert (exit_.code, exit_.reason) == ("OOM", "No room.")


def test_exit_status_becomes_the_error_of_requests() -> None:
    error = exit_error(describe_exit(-9, oom_killed=True), "whisper/base")
    assert isinstance(error, OutOfMemoryError)
    assert "whisper/base" in error.message


def test_oom_kills_are_read_from_linux_counters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, machine = tmp_path / "memory.events", tmp_path / "vmstat"
    monkeypatch.setattr(exit_status, "_OOM_KILL_COUNTERS", (group, machine))
    assert count_oom_kills() == 0
    machine.write_text("oom_kill 7\n")
    assert count_oom_kills() == 7
    group.write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert count_oom_kills() == 2
