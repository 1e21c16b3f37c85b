"""The compared wake word servers."""

import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.common.server_process import Server, free_port, run_server, wait_for_log


@asynccontextmanager
async def run_conductor(*settings: str) -> AsyncIterator[Server]:
    """Run the wake word service of this checkout with additional `key=value` settings."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        fixed = (
            f"data_dir={folder}",
            "host=127.0.0.1",
            f"wake.port={port}",
            "asr.enabled=false",
            "tts.enabled=false",
            "api.enabled=false",
            "discovery.zeroconf=false",
            "downloads.offline=true",
            "keep_alive=-1",
        )
        command = [sys.executable, "-m", "wyoming_servers", "serve"]
        for setting in (*fixed, *settings):
            command += ["--set", setting]
        async with run_server("wyoming-conductor", command, port, Path(folder) / "log") as server:
            await wait_for_log(server, "openwakeword is ready")
            yield server


@asynccontextmanager
async def run_peer(python: Path, words: Sequence[str], *options: str) -> AsyncIterator[Server]:
    """Run wyoming-openwakeword with preloaded wake words."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), "-m", "wyoming_openwakeword", "--uri", f"tcp://127.0.0.1:{port}"]
        for word in words:
            command += ["--preload-model", word]
        command += options
        async with run_server(
            "wyoming-openwakeword", command, port, Path(folder) / "log"
        ) as server:
            yield server
