import asyncio
import os
import sys
from itertools import pairwise
from typing import Any

import pytest

from wyoming_servers.cli import server_target
from wyoming_servers.cli.wyoming_client import Address
from wyoming_servers.core.errors import (
    BusyError,
    DeadlineError,
    LoadFailedError,
)

Script = Any

STARTED = {"event": {"type": "server_started", "ports": {"asr": 4321}}, "message": "serving"}
LOADING = {"event": {"type": "model_loading"}, "message": "loading whisper/base"}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Run a Python script instead of the server; `log(...)` writes a line of its JSON log."""

    def use(body: str) -> None:
        code = (
            "import json, os, signal, sys\n"
            "def log(**entry): print(json.dumps(entry), file=sys.stderr, flush=True)\n"
            "def log_pid(): log(message=str(os.getpid()), event={'type': 'model_pid'})\n" + body
        )
        monkeypatch.setattr(
            server_target, "_command", lambda *_, **__: [sys.executable, "-c", code]
        )

    return use


def alive(pid: int) -> bool:
    """Check whether a process runs; an ended child was waited for and is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_temporary_server_yields_its_port_and_stops_after_the_command(script: Script) -> None:
    script(f"log(**{LOADING!r})\nlog_pid()\nlog(**{STARTED!r})\nsignal.pause()\n")
    statuses: list[str] = []
    async with server_target.temporary_server("asr", None, [], statuses.append) as address:
        assert address == Address("127.0.0.1", 4321)
        assert statuses[:2] == ["starting a temporary server", "loading whisper/base"]
        pid = int(statuses[2])
        assert alive(pid)
    assert not alive(pid)


async def test_temporary_server_stops_when_the_command_fails(script: Script) -> None:
    script(f"log_pid()\nlog(**{STARTED!r})\nsignal.pause()\n")
    statuses: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with server_target.temporary_server("asr", None, [], statuses.append):
            raise ZeroDivisionError
    assert not alive(int(statuses[-1]))


async def test_temporary_server_that_ignores_sigterm_is_killed(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_target, "_STOP_SECONDS", 0.1)
    script(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "log_pid()\n"
        f"log(**{STARTED!r})\n"
        "while True: signal.pause()\n"
    )
    statuses: list[str] = []
    async with server_target.temporary_server("asr", None, [], statuses.append):
        pass
    assert not alive(int(statuses[-1]))


async def test_temporary_server_raises_the_error_of_a_failed_start(script: Script) -> None:
    script("sys.exit('error [BUSY]: The folder is in use. Stop the other.')")
    with pytest.raises(BusyError) as failure:
        async with server_target.temporary_server("asr", None, [], print):
            pass
    assert str(failure.value) == "The folder is in use. Stop the other."


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("log(level='error', message='no such thing')\nsys.exit(1)", "no such thing"),
        ("log(level='info', message='fine so far')\nsys.exit(7)", "exited with code 7"),
        ("raise RuntimeError('crashed')", "RuntimeError: crashed"),
    ],
)
async def test_temporary_server_that_does_not_start_gives_the_reason(
    script: Script, body: str, reason: str
) -> None:
    script(body)
    with pytest.raises(LoadFailedError, match=reason):
        async with server_target.temporary_server("asr", None, [], lambda _: None):
            pass


async def test_temporary_server_without_a_log_line_times_out(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_target, "_SILENCE_SECONDS", 0.2)
    script("signal.pause()")
    with pytest.raises(DeadlineError, match="logged nothing"):
        async with server_target.temporary_server("asr", None, [], lambda _: None):
            pass


async def test_temporary_server_is_not_blocked_by_a_long_log(script: Script) -> None:
    script(
        f"log(**{STARTED!r})\n"
        "for _ in range(100): log(message='x' * 10_000)\n"
        "log(message='x' * 3_000_000)\n"
        "log(message='through', event={'type': 'model_done'})\n"
        "signal.pause()\n"
    )
    statuses: list[str] = []
    done = asyncio.Event()

    def on_status(text: str) -> None:
        statuses.append(text)
        if text == "through":
            done.set()

    async with server_target.temporary_server("asr", None, [], on_status):
        async with asyncio.timeout(20):
            await done.wait()


def test_temporary_server_runs_one_service_on_loopback_without_discovery() -> None:
    command = server_target._command("tts", None, ["tts.voice=x"], api=False)
    assert command[1:4] == ["-m", "wyoming_servers", "serve"]
    sets = [text for option, text in pairwise(command) if option == "--set"]
    assert sets[0] == "tts.voice=x"
    values = dict(text.split("=") for text in sets)
    assert values["host"] == "127.0.0.1"
    assert values["tts.port"] == "0"
    assert values["asr.extra_ports"] == "{}"
    assert (values["asr.enabled"], values["tts.enabled"], values["wake.enabled"]) == (
        "false",
        "true",
        "false",
    )
    assert values["api.enabled"] == values["discovery.zeroconf"] == "false"
    with_api = server_target._command("tts", None, ["api.enabled=false"], api=True)
    last = dict(text.split("=") for option, text in pairwise(with_api) if option == "--set")
    assert (last["api.enabled"], last["api.port"], last["api.auth"]) == ("true", "0", "token")
