"""The app of Home Assistant with a Supervisor that answers as its API documentation says."""

import http.server
import importlib.util
import json
import os
import queue
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

FOLDER: Final = Path(__file__).parents[3] / "addon" / "wyoming_conductor"
TOKEN: Final = "supervisor-token"


@pytest.fixture
def blockbuster() -> None:
    """The server runs in another process."""


class Supervisor(http.server.ThreadingHTTPServer):
    """Knows one app, checks its token, and keeps what it announces."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.announced: queue.Queue[dict[str, Any]] = queue.Queue()
        self.failures = 0
        """How many announcements are refused first, as while Home Assistant starts."""


class Handler(http.server.BaseHTTPRequestHandler):
    """https://developers.home-assistant.io/docs/api/supervisor/endpoints"""

    server: Supervisor

    def do_GET(self) -> None:
        if self.is_authorized():
            assert self.path == "/addons/self/info"
            self.answer(200, {"result": "ok", "data": {"hostname": "localhost"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.is_authorized():
            return
        if self.server.failures:
            self.server.failures -= 1
            self.answer(502, {"result": "error", "message": "not yet"})
            return
        assert (self.path, set(body)) == ("/discovery", {"service", "config"})
        self.server.announced.put(body)
        self.answer(200, {"result": "ok", "data": {"uuid": "x"}})

    def is_authorized(self) -> bool:
        good = self.headers["Authorization"] == f"Bearer {TOKEN}"
        if not good:
            self.answer(401, {"result": "error"})
        return good

    def answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def run_module(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("home_assistant_app", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)  # it runs in a thread here
    return module


def test_app_serves_with_its_options_and_is_announced_with_its_token(
    supervisor: Supervisor, run_module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = yaml.safe_load((FOLDER / "config.yaml").read_text())["options"]
    options |= {
        "speech_model": "whisper/tiny.en",
        "language": "en",
        "voice": "",
        "settings": [
            *(f"{name}.port=0" for name in ("asr", "tts", "wake", "api")),
            "preload=false",
        ],
    }
    (tmp_path / "options.json").write_text(json.dumps(options))
    (tmp_path / "config.yaml").write_text("asr: {language: de}\nkeep_alive: 7m\n")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    supervisor.failures = 2
    app = run_module.App(
        tmp_path,
        tmp_path,
        f"http://127.0.0.1:{supervisor.server_port}",
        {**os.environ, "SUPERVISOR_TOKEN": TOKEN},
    )
    app.user = None  # in the container root starts the server as another user
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(app.run()))
    thread.start()
    try:
        message = supervisor.announced.get(timeout=180)
        assert message["service"] == "wyoming_conductor"
        found = message["config"]
        request = urllib.request.Request(f"http://{found['host']}:{found['port']}/config")
        request.add_header("Authorization", f"Bearer {found['token']}")
        with urllib.request.urlopen(request, timeout=30) as response:
            values = json.load(response)["effective"]
    finally:
        app.stop(15, None)
        thread.join(60)
    assert codes == [0]
    # Options take precedence over the file, which has the rest.
    assert values["asr"]["language"] == "en"
    assert values["asr"]["model"] == "whisper/tiny.en"
    assert values["keep_alive"] == 420


def test_app_options_have_names_and_map_to_settings(run_module: Any) -> None:
    config = yaml.safe_load((FOLDER / "config.yaml").read_text())
    assert set(config["schema"]) == {*run_module.OPTIONS, "settings"}
    assert set(config["options"]) <= set(config["schema"])
    for language in ("en", "de"):
        texts = yaml.safe_load((FOLDER / "translations" / f"{language}.yaml").read_text())
        assert set(texts["configuration"]) == set(config["schema"])
        assert set(texts["network"]) == set(config["ports"])
