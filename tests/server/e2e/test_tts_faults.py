"""Faults of other text-to-speech servers, tested with real processes."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from wyoming_servers.models.catalog import MANIFESTS

pytestmark = [pytest.mark.e2e, pytest.mark.component]

JOE = "en_US-joe-medium"
JIM = "en_US-jim-medium"


@pytest.fixture
def two_voices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server started from here has the embedded voice under a second name, too."""
    entries = yaml.safe_load((MANIFESTS / "piper.yaml").read_text())
    entry = next(entry for entry in entries["models"] if entry["id"] == f"piper/{JOE}")
    entry["id"] = f"piper/{JIM}"
    entry["offers"] = [{**entry["offers"][0], "name": JIM}]
    folder = tmp_path / "manifests"
    folder.mkdir()
    for path in MANIFESTS.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    more = {"defaults": entries["defaults"], "models": [entry]}
    (folder / "zz.yaml").write_text(yaml.safe_dump(more))
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "from pathlib import Path\n"
        "from wyoming_servers.models import catalog\n"
        f"catalog.MANIFESTS = Path({str(folder)!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))


@pytest.mark.usefixtures("two_voices")
async def test_two_voices_stay_loaded_between_texts(
    start_server: Any,
) -> None:
    """The first voice at startup, the other with its first text, and then both."""
    server = start_server(asr__enabled="false", wake__enabled="false")
    server.wait_state(f"piper/{JOE}", "ready")
    await server.synthesize("One.", JIM)
    pids = {name: server.worker(f"piper/{name}").pid for name in (JOE, JIM)}
    for number in range(3):
        await asyncio.gather(
            server.synthesize(f"This is text {number} of Joe.", JOE),
            server.synthesize(f"This is text {number} of Jim.", JIM),
        )
    assert {name: server.worker(f"piper/{name}").pid for name in (JOE, JIM)} == pids


async def test_concurrent_texts_are_complete_and_load_each_voice_once(
    start_server: Any,
) -> None:
    server = start_server(asr__enabled="false", wake__enabled="false")
    server.wait_state(f"piper/{JOE}", "ready")
    pid = server.worker(f"piper/{JOE}").pid
    text = "Guest number {} has been waiting at the door since noon, and the soup is getting cold."
    alone = (await server.synthesize(text.format(0))).seconds
    # The second session opens meanwhile, and speaks when it is there.
    end = time.monotonic() + 30
    for number in range(1, 7):
        texts = [text.format(10 * number + guest) for guest in range(4)]
        spoken = await asyncio.gather(*(server.synthesize(each) for each in texts))
        for audio in spoken:
            assert alone * 0.7 < audio.seconds < alone * 1.5
        if time.monotonic() > end:
            break
    assert server.worker(f"piper/{JOE}").pid == pid
