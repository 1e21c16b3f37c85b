import json
import shutil
import socket
from collections import namedtuple
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from wyoming_servers.cli import doctor_checks
from wyoming_servers.cli.doctor_checks import Level
from wyoming_servers.config.schema import Config
from wyoming_servers.core.engine_info import BUILTIN_ENGINES
from wyoming_servers.devices.machine import HostProbe
from wyoming_servers.models.python_packages import RequirementChecker
from wyoming_servers.wyoming.info import AUTHOR

PORTS = [option for name in ("asr", "tts", "wake", "api") for option in ("--set", f"{name}.port=0")]


def levels(findings: list[Any]) -> list[Level]:
    return [finding.level for finding in findings]


def test_doctor_exits_with_0_without_problems(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "check_engines", lambda _: [])
    result = run("doctor", *PORTS)
    assert result.exit_code == 0, result.stdout
    assert "No problems found." in result.stdout
    assert "asr: any free port" in result.stdout


def test_doctor_exits_with_1_and_suggests_a_fix(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequirementChecker, "_check", lambda *_: False)
    result = run("doctor", "--json", *PORTS)
    assert result.exit_code == 1
    findings = json.loads(result.stdout)
    (whisper,) = [found for found in findings if "faster-whisper" in found["text"]]
    assert whisper["level"] == "broken"
    assert whisper["cure"] == "pip install 'wyoming-conductor[faster-whisper]'"
    assert all(found["cure"] for found in findings if found["level"] != "ok")


def test_doctor_reports_an_invalid_configuration_and_runs_the_other_checks(run: Any) -> None:
    findings = json.loads(run("doctor", "--json", "--set", "asr.prt=1").stdout)
    (fault,) = [found for found in findings if found["check"] == "config"]
    assert "asr.prt" in fault["text"]
    assert "Did you mean `asr.port`?" in fault["cure"]
    assert {"Python", "disk", "memory", "port"} <= {found["check"] for found in findings}


def test_doctor_reports_an_unknown_voice(run: Any) -> None:
    result = run("doctor", "--json", "--set", "tts.voice=nobody", *PORTS)
    assert result.exit_code == 1
    assert "tts.voice" in result.stdout


def test_doctor_accepts_a_missing_engine_that_no_model_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RequirementChecker, "_check", lambda *_: False)
    assert set(levels(doctor_checks.check_engines({}))) == {Level.OK}
    needed = doctor_checks.check_engines({"piper": "piper/joe"})
    assert [found.text for found in needed if found.level is Level.BROKEN] == [
        "piper is not installed, and piper/joe needs it"
    ]


def test_doctor_names_every_engine_but_the_fake() -> None:
    found = {finding.text.split()[0] for finding in doctor_checks.check_engines({})}
    assert found == {info.name for info in BUILTIN_ENGINES} - {"fake"}


def test_doctor_reports_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(doctor_checks.check_python()) == [Level.OK]
    monkeypatch.setattr(doctor_checks.sys, "version_info", (3, 10, 0))
    assert levels(doctor_checks.check_python()) == [Level.BROKEN]


class Nvml:
    """A driver with one card, or none."""

    class NVMLError(Exception):
        pass

    def __init__(self, *, missing: bool = False, lost: bool = False) -> None:
        self.missing = missing
        self.lost = lost
        self.open = False

    def nvmlInit(self) -> None:  # noqa: N802
        if self.missing:
            raise self.NVMLError("library not found")
        self.open = True

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open = False

    def nvmlSystemGetDriverVersion(self) -> bytes:  # noqa: N802
        return b"570.1"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if self.lost:
            raise self.NVMLError("GPU is lost")
        return index

    def nvmlDeviceGetName(self, _handle: int) -> str:  # noqa: N802
        return "RTX 2080"

    def nvmlDeviceGetMemoryInfo(self, _handle: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=8_000_000_000, free=7_000_000_000)


def test_doctor_reports_a_missing_gpu_only_if_one_is_configured() -> None:
    assert levels(doctor_checks.check_gpu(required=False, library=Nvml(missing=True))) == [Level.OK]
    (found,) = doctor_checks.check_gpu(required=True, library=Nvml(missing=True))
    assert found.level is Level.BROKEN
    assert "library not found" in found.text


def test_doctor_prints_memory_and_driver_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = Nvml()
    monkeypatch.setattr(doctor_checks, "_has_cublas", lambda: True)
    (found,) = doctor_checks.check_gpu(required=True, library=nvml)
    assert found.text == "cuda:0 RTX 2080, 7.0 GB of 8.0 GB free, driver 570.1"
    assert not nvml.open


def test_doctor_warns_about_a_gpu_without_cublas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "_has_cublas", lambda: False)
    found = doctor_checks.check_gpu(required=False, library=Nvml())
    assert levels(found) == [Level.OK, Level.WARNING]
    assert found[1].cure == "pip install 'wyoming-conductor[gpu]'"


def test_doctor_reports_a_lost_gpu() -> None:
    nvml = Nvml(lost=True)
    (found,) = doctor_checks.check_gpu(required=False, library=nvml)
    assert found.level is Level.BROKEN
    assert "GPU is lost" in found.text
    assert not nvml.open


@pytest.mark.parametrize(
    ("free", "level"),
    [(50_000_000, Level.BROKEN), (1_000_000_000, Level.WARNING), (10**11, Level.OK)],
)
def test_doctor_rates_the_free_disk_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, free))
    assert levels(doctor_checks.check_disk(tmp_path / "not" / "yet")) == [level]


def test_doctor_reports_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (found,) = doctor_checks.check_disk(tmp_path / "file" / "data")
    assert found.level is Level.BROKEN
    assert "cannot be written" in found.text


def test_doctor_warns_about_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    few = SimpleNamespace(available=500_000_000, total=10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: few)
    (found,) = doctor_checks.check_memory()
    assert found.level is Level.WARNING
    assert found.cure


def test_doctor_counts_the_memory_of_the_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/docker/abc\n")
    (group / "memory.max").write_text("600000000\n")
    (group / "memory.current").write_text("100000000\n")
    (group / "memory.stat").write_text("inactive_file 0\n")
    much = SimpleNamespace(available=20 * 10**9, total=25 * 10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: much)
    monkeypatch.setattr(doctor_checks, "HostProbe", partial(HostProbe, tmp_path))
    (found,) = doctor_checks.check_memory()
    assert (found.level, found.text) == (Level.WARNING, "500 MB of 600 MB free")


def config(port: int, **other: Any) -> Config:
    sections = {name: {"enabled": False} for name in ("tts", "wake", "api")}
    return Config.model_validate({"asr": {"port": port}, "host": "127.0.0.1", **sections, **other})


async def test_doctor_accepts_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert levels(await doctor_checks.check_ports(config(port))) == [Level.OK]


async def test_doctor_accepts_the_port_of_a_running_conductor(server: Any) -> None:
    server.info.asr[0].attribution.name = AUTHOR
    (found,) = await doctor_checks.check_ports(config(server.port))
    assert found.level is Level.OK
    assert "a running Wyoming Conductor answers" in found.text


async def test_doctor_names_another_wyoming_server_on_a_port(server: Any) -> None:
    (found,) = await doctor_checks.check_ports(config(server.port))
    assert found.level is Level.BROKEN
    assert "the Wyoming server fake" in found.text
    assert "asr.port" in found.cure


def test_doctor_reports_a_missing_model_on_an_offline_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wyoming_servers.models.catalog import builtin_catalog

    model = ["whisper/large-v3"]
    online = Config(data_dir=tmp_path)
    offline = Config.model_validate({"data_dir": tmp_path, "downloads": {"offline": True}})
    assert levels(doctor_checks.check_models(online, builtin_catalog(), model)) == [Level.WARNING]
    (found,) = doctor_checks.check_models(offline, builtin_catalog(), model)
    assert found.level is Level.BROKEN
    assert found.cure.endswith("--set downloads.offline=false")


async def test_doctor_checks_the_ports_of_single_models() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"whisper/tiny.en": port, "whisper/base": 0}
        config = Config.model_validate(
            {"host": "127.0.0.1", "asr": {"port": 0, "extra_ports": ports}}
            | {name: {"enabled": False} for name in ("tts", "wake", "api")}
        )
        first, used, free = await doctor_checks.check_ports(config)
    assert first.text == "asr: any free port"
    assert free.text == "asr of whisper/base: any free port"
    assert used.text.startswith(f"asr of whisper/tiny.en port {port} cannot be used")
    assert "set asr.extra_ports.whisper/tiny.en to a free port" in used.cure


def test_doctor_checks_models_that_have_a_port(run: Any) -> None:
    ports = ("--set", "asr.extra_ports={whisper/tiny.en: 0, whisper/base: 0}")
    result = run("doctor", "--json", *PORTS, *ports)
    texts = [found["text"] for found in json.loads(result.stdout)]
    assert len([text for text in texts if text.startswith("whisper/base is")]) == 1
    assert len([text for text in texts if text.startswith("whisper/tiny.en is")]) == 1
    result = run("doctor", "--json", *PORTS, "--set", "asr.extra_ports.whisper/bse=0")
    assert "asr.extra_ports.whisper/bse" in result.stdout
    assert "whisper/base" in result.stdout
