import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from wyoming_servers import app
from wyoming_servers.core.errors import BusyError
from wyoming_servers.telemetry import log_config


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Records the arguments of the server; it ends with `result`."""
    seen: dict[str, Any] = {"result": 0}

    async def serve(loaded: Any, *, stop_with_stdin: bool) -> int:
        seen["config"], seen["stop_with_stdin"] = loaded.config, stop_with_stdin
        if isinstance(seen["result"], Exception):
            raise seen["result"]
        return int(seen["result"])

    def setup(level: str, style: str) -> None:
        seen["log"] = (level, style)

    monkeypatch.setattr(app, "serve", serve)
    monkeypatch.setattr(log_config, "setup_logging", setup)
    return seen


def test_serve_passes_the_configuration_and_sets_up_the_log(
    run: Any, served: dict[str, Any]
) -> None:
    result = run("serve", "--set", "asr.port=4", "--set", "log.format=json")
    assert result.exit_code == 0
    assert served["config"].asr.port == 4
    assert served["log"] == ("info", "json")


def test_serve_returns_the_exit_code_of_the_server(run: Any, served: dict[str, Any]) -> None:
    served["result"] = 9
    assert run("serve").exit_code == 9


def test_serve_replaces_its_process_after_a_restart_request(
    run: Any, served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "wyoming_servers", "serve"])
    monkeypatch.setattr(os, "execv", lambda path, argv: started.append((path, argv)))
    served["result"] = app.RESTART
    assert run("serve").exit_code == 75  # reached only if the process could not be replaced
    assert started == [(sys.executable, [sys.executable, "-m", "wyoming_servers", "serve"])]


def test_serve_reports_a_failed_start_in_one_line(run: Any, served: dict[str, Any]) -> None:
    served["result"] = BusyError("Port 1 is taken.", hint="Choose another.")
    result = run("serve")
    assert result.exit_code == 4
    assert result.stderr == "error [BUSY]: Port 1 is taken. Choose another.\n"


def test_serve_does_not_start_with_an_invalid_configuration(
    run: Any, served: dict[str, Any]
) -> None:
    result = run("serve", "--set", "asr.port=abc")
    assert result.exit_code == 2
    assert "asr.port" in result.stderr
    assert "config" not in served


def test_serve_logs_the_traceback_of_a_bug(
    run: Any, served: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    served["result"] = ZeroDivisionError("oops")
    result = run("serve")
    assert result.exit_code == 1
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.message == "The server failed."
