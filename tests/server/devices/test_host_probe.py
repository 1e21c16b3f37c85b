import os
import subprocess
import sys

import psutil
import pytest

from wyoming_servers.devices.machine import HostProbe, resident

GIB = 2**30


@pytest.fixture
async def probe(tmp_path):
    """A probe that sees the files the test writes below `tmp_path`, and no control group."""
    probe = HostProbe(tmp_path)
    yield probe
    await probe.close()


def write(root, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def test_host_probe_returns_name_and_memory():
    probe = HostProbe()
    (device,) = await probe.devices()
    reading = (await probe.sample([os.getpid()])).readings["cpu"]
    await probe.close()
    assert device.id == "cpu"
    assert device.name
    assert 0 < reading.free <= reading.total <= psutil.virtual_memory().total
    assert reading.used == reading.total - reading.free
    assert reading.by_pid[os.getpid()] == pytest.approx(psutil.Process().memory_info().rss, rel=0.5)
    assert 0 <= reading.utilisation <= 1


async def test_host_name_is_the_name_of_the_processor(probe, tmp_path):
    assert (await probe.devices())[0].name == "CPU"
    write(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Quick Chip 9\n"})
    assert (await probe.devices())[0].name == "Quick Chip 9"


async def test_cgroup_v2_limit_counts_without_the_file_cache(probe, tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{GIB}\n",
            "sys/fs/cgroup/memory.current": f"{GIB // 2}\n",
            "sys/fs/cgroup/memory.stat": f"anon 5\ninactive_file {GIB // 4}\nfile 7\n",
        },
    )
    reading = (await probe.sample(())).readings["cpu"]
    assert (reading.total, reading.free, reading.used) == (GIB, GIB * 3 // 4, GIB // 4)


async def test_tightest_limit_of_all_enclosing_cgroups_counts(probe, tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/system.slice/our.service\n",
            "sys/fs/cgroup/system.slice/our.service/memory.max": "max\n",
            "sys/fs/cgroup/system.slice/our.service/memory.current": "1000\n",
            "sys/fs/cgroup/system.slice/memory.max": f"{GIB}\n",
            "sys/fs/cgroup/system.slice/memory.current": "4096\n",
        },
    )
    reading = (await probe.sample(())).readings["cpu"]
    assert (reading.total, reading.free) == (GIB, GIB - 4096)


async def test_cgroup_v1_limit_counts_and_its_huge_number_means_none(probe, tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpuset:/x\n4:cpu,memory:/docker/abc\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "8192\n",
            "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 4096\n",
        },
    )
    reading = (await probe.sample(())).readings["cpu"]
    assert (reading.total, reading.free) == (GIB, GIB - 4096)
    write(tmp_path, {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"})
    assert (await probe.sample(())).readings["cpu"].total == psutil.virtual_memory().total


async def test_cgroup_above_its_limit_leaves_no_free_memory(probe, tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "100\n",
            "sys/fs/cgroup/memory.current": "200\n",
        },
    )
    reading = (await probe.sample(())).readings["cpu"]
    assert (reading.total, reading.free, reading.used) == (100, 0, 100)


async def test_host_memory_that_cannot_be_read_is_logged_and_left_out(probe, monkeypatch, caplog):
    def fail() -> None:
        raise OSError("no /proc")

    monkeypatch.setattr(psutil, "virtual_memory", fail)
    assert (await probe.sample(())).readings == {}
    assert await probe.devices() == ()
    assert "cannot be read" in caplog.text


def test_exited_and_zombie_processes_hold_no_memory():
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, but not awaited yet
    assert resident([process.pid]) == {}
    process.wait()
    assert resident([process.pid, os.getpid()]).keys() == {os.getpid()}
