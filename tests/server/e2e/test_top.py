"""`top` with a real server in a real terminal."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

DEADLINE_S = 60.0

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def top(server: Any, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wyoming_servers", "top", "--data-dir", server.data_dir]
    return subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


class Terminal:
    """A terminal of 120 columns in which `top` runs."""

    def __init__(self, screen: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._screen = screen
        self._text = ""

    def wait_for(self, text: str) -> None:
        """Read the screen until it shows a text that was not there before."""
        self._text = ""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self._text:
            assert time.monotonic() < deadline, f"no {text!r} in {self._text[-3000:]}"
            self._read()

    def end(self) -> int:
        """Press Ctrl-C; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + DEADLINE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read()  # an unread pipe would block it
        return self.process.wait(1)

    def _read(self) -> None:
        if select.select([self._screen], [], [], 0.2)[0]:
            with suppress(OSError):  # that is how a terminal ends whose process has gone
                text = os.read(self._screen, 65_536).decode(errors="replace")
                self._text += ESCAPES.sub("", text)


@contextmanager
def watching(server: Any) -> Iterator[Terminal]:
    screen, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "wyoming_servers", "top", "--data-dir", server.data_dir],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(screen, process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
        os.close(screen)


async def test_top_prints_models_and_events_as_a_frame_and_as_json(server, clip) -> None:
    await server.transcribe(clip("goforward"))
    frame = top(server, "--once")
    assert frame.returncode == 0, frame.stderr
    for word in ("Wyoming Conductor", "whisper/tiny.en", "ready", "cpu/int8", "asr for"):
        assert word in frame.stdout
    status = json.loads(top(server, "--json").stdout)
    (model,) = [entry for entry in status["models"] if entry["id"] == "whisper/tiny.en"]
    assert model["state"] == "ready"
    assert model["memory_bytes"] > 50_000_000
    assert 0 < model["unload_in_secs"] <= 86_400
    assert status["devices"][0]["committed_bytes"] >= model["memory_bytes"]
    assert "request_finished" in [event["type"] for event in status["events"]]


def test_top_follows_events_in_a_terminal_until_ctrl_c(start_server) -> None:
    server = start_server(preload="false")
    with watching(server) as terminal:
        terminal.wait_for("whisper/tiny.en")
        server.http("/models/whisper/tiny.en/load", "POST")
        terminal.wait_for("loading whisper/tiny.en on cpu")
        terminal.wait_for("whisper/tiny.en is ready on cpu")
        server.stop()
        terminal.wait_for("Trying again.")
        assert terminal.end() == 0


def test_top_without_a_server_exits_with_3(start_server) -> None:
    server = start_server(preload="false")
    server.stop()
    done = top(server, "--once", "--set", "api.port=0")
    assert done.returncode == 3
    assert done.stderr.startswith("error [UNREACHABLE]: No server uses the data directory")
