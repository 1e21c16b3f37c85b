"""The temporary server of a command ends with it, however that happens."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

COMMAND = """
import asyncio, sys
from wyoming_servers.cli import server_target

async def main():
    sets = ["data_dir=" + sys.argv[1], "asr.model=whisper/tiny.en"]
    async with server_target.temporary_server("asr", None, sets, lambda text: None):
        print("ready", flush=True)
        await asyncio.sleep(3_600)

asyncio.run(main())
"""


def test_temporary_server_ends_when_its_command_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path)], stdout=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"ready\n"
        (server,) = psutil.Process(command.pid).children()
        family = [server, *server.children(recursive=True)]
        os.kill(command.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=30)
    for process in alive:
        process.kill()
    assert not alive
