"""How much of its model's files a process has read."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wyoming_servers.worker.load_meter import LoadMeter

READER = """\
import sys
folder = sys.argv[1]
for line in sys.stdin:
    name, size = line.split()
    files = globals().setdefault("files", {})
    if size == "close":
        files.pop(name).close()
    else:
        file = files.setdefault(name, open(f"{folder}/{name}", "rb", buffering=0))
        assert len(file.read(int(size))) == int(size)
    print("done", flush=True)
"""


class Reader:
    """A process that reads files as it is told."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(bytes(7_000))
    (tmp_path / "model" / "vocabulary").write_bytes(bytes(1_000))
    (tmp_path / "config").write_bytes(bytes(2_000))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "large").write_bytes(bytes(90_000))
    running = Reader(tmp_path / "model")
    with running.process:
        yield running
        assert running.process.stdin is not None
        running.process.stdin.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the positions in files")
async def test_meter_reports_the_bytes_that_were_read(tmp_path: Path, reader: Reader) -> None:
    reports: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    files = {
        "directory": str(tmp_path / "model"),
        "config": str(tmp_path / "config"),
        "cache_dir": str(tmp_path / "cache"),
    }
    meter = LoadMeter(reader.process.pid, files, lambda *report: reports.put_nowait(report))
    running = asyncio.create_task(meter.run())
    meter.report("load", -1)
    async with asyncio.timeout(30):
        for line, percent in (
            ("", -1), ("", 0), ("weights 3500", 35), ("vocabulary 1000", 45), ("weights 2800", 73),
            ("weights close", 80),
        ):  # fmt: skip
            if line:
                await asyncio.to_thread(reader.tell, line)
            assert await reports.get() == ("load", percent)
        meter.report("load", 50)
        meter.report("warmup", -1)
        await running
    assert reports.get_nowait() == ("warmup", -1)
    assert reports.empty()


async def test_meter_of_a_process_that_has_ended_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"x")
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await ended.wait()
    meter = LoadMeter(
        ended.pid, {"model": str(tmp_path / "model")}, lambda *_: pytest.fail("reported")
    )
    await asyncio.wait_for(meter.run(), 10)
