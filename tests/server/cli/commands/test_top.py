"""`top` with a fake HTTP API in a thread."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from wyoming_servers.cli.api_client import find_api_address, read_token
from wyoming_servers.cli.errors import (
    ExitCode,
    UnreachableError,
)
from wyoming_servers.cli.wyoming_client import Address
from wyoming_servers.config.schema import Config
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.data_dir.locks import InstanceLock
from wyoming_servers.http.auth.tokens import TOKEN_FILE

TOKEN = "s3cret"

STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "at": "2026-01-31T12:00:00.000Z",
    "uptime_secs": 5.0,
    "ready": True,
    "reasons": [],
    "queue_depth": 0,
    "active_requests": 0,
    "devices": [],
    "models": [],
    "instances": [],
    "events": [],
}


class Api:
    """Answers GET /status and records the requests."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (200, json.dumps(STATUS).encode())
        self.requested: list[str] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.requested.append(self.path)
                status, body = api.answer
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, body = 401, b'{"error": "no", "code": "UNAUTHORIZED"}'
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as running:
        yield running


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory with the token."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / TOKEN_FILE).write_text(TOKEN + "\n")
    return folder


def test_top_prints_one_frame_with_the_local_token(run: Any, api: Api, data_dir: Path) -> None:
    result = run("top", "--once", "--data-dir", data_dir, "--server", f"127.0.0.1:{api.port}")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Wyoming Conductor 1.2.3, up 5 s, ready")
    assert api.requested == ["/status"]


def test_top_prints_one_frame_into_a_pipe(run: Any, api: Api, data_dir: Path) -> None:
    result = run("top", "--data-dir", data_dir, "--server", f"127.0.0.1:{api.port}")
    assert result.exit_code == 0, result.output
    assert "1.2.3" in result.stdout


def test_top_prints_json(run: Any, api: Api, data_dir: Path) -> None:
    result = run("top", "--json", "--data-dir", data_dir, "--server", f"127.0.0.1:{api.port}")
    assert json.loads(result.stdout) == STATUS


def test_top_finds_the_open_port_of_the_server_in_the_data_directory(
    run: Any, api: Api, data_dir: Path
) -> None:
    lock = InstanceLock(data_dir).acquire()
    lock.publish_state("0.0.0.0", {"api": api.port})
    result = run("top", "--data-dir", data_dir)
    lock.release()
    assert result.exit_code == 0, result.output


def test_command_without_a_server_suggests_serve(run: Any, tmp_path: Path) -> None:
    result = run("top", "--data-dir", tmp_path, "--set", "api.port=0")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "error [UNREACHABLE]: No server uses the data directory" in result.stderr
    assert "wyoming-conductor serve" in result.stderr
    result = run("top", "--server", "127.0.0.1:1")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "No server answers at 127.0.0.1:1." in result.stderr


def test_top_with_a_wrong_token_names_the_token_file(run: Any, api: Api, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("guess")
    result = run("top", "--server", f"127.0.0.1:{api.port}", "--token-file", wrong)
    assert result.exit_code == ExitCode.USAGE
    assert "error [UNAUTHORIZED]" in result.stderr
    assert "--token-file" in result.stderr


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        ((200, b"[]"), ExitCode.UNREACHABLE, "not a Wyoming Conductor"),
        ((200, b"<html>"), ExitCode.UNREACHABLE, "not a Wyoming Conductor"),
        ((404, b"{}"), ExitCode.UNREACHABLE, "not a Wyoming Conductor"),
        (
            (503, b'{"error": "Full.", "code": "BUSY", "detail": "Wait."}'),
            ExitCode.NO_ROOM,
            "error [BUSY]: Full. Wait.",
        ),
    ],
)
def test_top_reports_an_unexpected_response_in_one_line(
    run: Any,
    api: Api,
    data_dir: Path,
    answer: tuple[int, bytes],
    code: ExitCode,
    text: str,
) -> None:
    api.answer = answer
    result = run("top", "--data-dir", data_dir, "--server", f"127.0.0.1:{api.port}")
    assert result.exit_code == code
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_api_address_prefers_option_then_running_server_then_configuration(data_dir: Path) -> None:
    config = Config.model_validate({"data_dir": data_dir, "api": {"port": 1234}})
    assert find_api_address(config, "box") == Address("box", 1234)
    assert find_api_address(config, "box:99") == Address("box", 99)
    assert find_api_address(config, None) == Address("127.0.0.1", 1234)
    lock = InstanceLock(data_dir).acquire()
    lock.publish_state("10.0.0.7", {"api": 77})
    assert find_api_address(config, None) == Address("10.0.0.7", 77)
    lock.publish_state("10.0.0.7", {"asr": 78})
    with pytest.raises(UnreachableError, match="no HTTP API"):
        find_api_address(config, None)
    lock.release()


def test_token_file_option_must_be_readable(data_dir: Path, tmp_path: Path) -> None:
    config = Config(data_dir=data_dir)
    assert read_token(config) == TOKEN
    assert read_token(Config(data_dir=tmp_path)) is None
    with pytest.raises(BadRequestError, match="nowhere"):
        read_token(config, tmp_path / "nowhere")
