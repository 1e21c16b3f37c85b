"""`health` against small servers, and in test_commands_e2e.py against the real one."""

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.data_dir.locks import InstanceLock


class Api(http.server.BaseHTTPRequestHandler):
    """Live, and not ready."""

    def do_GET(self) -> None:
        live = self.path == "/health/live"
        self.send_response(200 if live else 503)
        self.end_headers()
        reasons = [] if live else ["whisper/base is loading"]
        self.wfile.write(json.dumps({"reasons": reasons}).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def api_port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[[dict[str, int]], Path]]:
    """Hold a data directory as a server with these ports does; returns the directory."""
    lock = InstanceLock(tmp_path / "data").acquire()

    def publish(ports: dict[str, int]) -> Path:
        lock.publish_state("0.0.0.0", ports)
        return tmp_path / "data"

    yield publish
    lock.release()


def test_health_uses_the_port_that_the_server_opened(
    run: Any, hold: Callable[[dict[str, int]], Path], api_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hold({"asr": 1, "api": api_port})
    assert run("health", "--data-dir", folder).exit_code == 0
    monkeypatch.setenv("WYOMING_CONDUCTOR_DATA_DIR", str(folder))
    assert run("health").exit_code == 0
    result = run("health", "--ready")
    assert (result.exit_code, "whisper/base is loading" in result.output) == (3, True)


def test_health_without_the_api_uses_a_wyoming_port(
    run: Any, hold: Callable[[dict[str, int]], Path]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                assert b'"ping"' in client.recv(100)
                client.sendall(b'{"type": "pong"}\n')

        thread = threading.Thread(target=answer)
        thread.start()
        folder = hold({"asr": listener.getsockname()[1]})
        assert run("health", "--data-dir", folder).exit_code == 0
        thread.join()


def test_health_fails_without_a_server(
    run: Any, hold: Callable[[dict[str, int]], Path], tmp_path: Path
) -> None:
    assert run("health", "--data-dir", tmp_path).exit_code == 3
    assert run("health", "--data-dir", hold({"api": 9})).exit_code == 3
