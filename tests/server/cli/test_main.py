import re
import subprocess
import sys
from typing import Any

import pytest

from wyoming_servers import __version__
from wyoming_servers.cli import options
from wyoming_servers.cli.errors import (
    ExitCode,
    UnreachableError,
    exit_code,
)
from wyoming_servers.core.errors import (
    CODES,
    from_code,
)

COMMANDS = [
    [], ["serve"], ["transcribe"], ["say"], ["doctor"], ["models"], ["models", "list"],
    ["models", "pull"], ["models", "verify"], ["models", "remove"], ["config"],
    ["config", "check"], ["config", "show"],
]  # fmt: skip


def test_version_is_printed(run: Any) -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"wyoming-conductor {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(run: Any, command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout
    if command and command[-1] not in ("models", "config"):
        assert "Example" in result.stdout
        assert f"wyoming-conductor {' '.join(command)}" in result.stdout


def test_help_lists_the_exit_codes(run: Any) -> None:
    text = " ".join(run("--help").stdout.split())
    assert "Exit codes: 0 success, 1 failure, 2 wrong usage" in text


def test_help_is_printed_without_a_command(run: Any) -> None:
    result = run()
    assert "transcribe" in result.stdout
    assert result.exit_code in (0, 2)


def test_help_imports_no_heavy_module() -> None:
    script = (
        "import sys, wyoming_servers.cli.main\n"
        "heavy = {'pydantic', 'numpy', 'wyoming', 'httpx', 'fastapi', 'rich', 'yaml', 'psutil'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_python_m_runs_the_same_command() -> None:
    command = [sys.executable, "-m", "wyoming_servers", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"wyoming-conductor {__version__}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["say"], ["say", "x", "--speed", "9"]])
def test_wrong_usage_exits_with_2(run: Any, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr


def test_every_error_code_has_an_exit_code() -> None:
    codes = {code: exit_code(from_code(code, "x")) for code in CODES}
    assert {code for code, number in codes.items() if number == ExitCode.USAGE} == {
        "BAD_REQUEST", "CONFLICT", "FORBIDDEN", "MODEL_MISSING", "MODEL_TOO_LARGE", "NOT_FOUND",
        "TOO_LARGE", "UNAUTHORIZED", "UNSUPPORTED_LANGUAGE",
    }  # fmt: skip
    assert {code for code, number in codes.items() if number == ExitCode.NO_ROOM} == {
        "BUSY", "OOM", "SHUTTING_DOWN",
    }  # fmt: skip
    assert codes["TIMEOUT"] == codes["UNKNOWN"] == ExitCode.FAILED
    assert exit_code(UnreachableError("x")) == ExitCode.UNREACHABLE


def breaks(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(options, "load_configuration", fail)


def test_error_is_one_line_with_its_code_and_hint(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch, from_code("OOM", "It does\nnot fit.", "Use less."))
    result = run("config", "show")
    assert result.exit_code == ExitCode.NO_ROOM
    assert result.stderr == "error [OOM]: It does not fit. Use less.\n"
    assert result.stdout == ""


def test_bug_is_one_line_that_asks_for_a_report(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks(monkeypatch, ZeroDivisionError("oops"))
    result = run("config", "show")
    assert result.exit_code == ExitCode.FAILED
    assert re.fullmatch(
        r"error \[UNKNOWN\]: ZeroDivisionError: oops\. .*--debug.*\n", result.stderr
    )


def test_debug_prints_the_traceback(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks(monkeypatch, ZeroDivisionError("oops"))
    assert isinstance(run("--debug", "config", "show").exception, ZeroDivisionError)
    breaks(monkeypatch, from_code("OOM", "x"))
    assert "OutOfMemory" in repr(run("--debug", "config", "show").exception)


def test_os_error_is_one_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks(monkeypatch, PermissionError(13, "Permission denied", "/x"))
    result = run("config", "show")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == "error: [Errno 13] Permission denied: '/x'\n"


def test_ctrl_c_exits_with_130(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks(monkeypatch, KeyboardInterrupt())
    result = run("config", "show")
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")
