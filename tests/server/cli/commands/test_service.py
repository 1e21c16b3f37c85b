"""`service` with programs in place of systemd's that note how they are called."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.cli.commands import service
from wyoming_servers.cli.systemd_unit import UNIT, system_unit, user_unit

COMMAND = ["/opt/wyoming conductor/bin/wyoming-conductor", "serve", "--set", "tts.voice=a$b%c"]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A machine with systemd; returns the commands it was given."""
    log, programs = tmp_path / "calls", tmp_path / "bin"
    programs.mkdir()
    for name in ("systemctl", "journalctl"):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{log}\nexit "${{FAKE_EXIT:-0}}"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setattr(service, "_RUNNING", tmp_path)
    monkeypatch.setattr(service, "_SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return lambda: log.read_text().splitlines() if log.exists() else []


def test_service_of_a_user_is_installed_shown_and_removed(
    run: Any, calls: Callable[[], list[str]], home: Path
) -> None:
    result = run("service", "install", "--set", "asr.language=de")
    assert result.exit_code == 0, result.output
    unit = home / ".config" / "systemd" / "user" / UNIT
    assert "serve --set asr.language=de\n" in unit.read_text()
    assert run("service", "status").exit_code == 0
    assert run("service", "logs", "-n", "5", "--follow").exit_code == 0
    assert run("service", "uninstall").exit_code == 0
    assert not unit.exists()
    assert calls() == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable {UNIT}",
        f"systemctl --user restart {UNIT}",
        f"systemctl --user status --no-pager {UNIT}",
        f"journalctl --user --no-pager --lines 5 --follow --unit {UNIT}",
        f"systemctl --user disable --now {UNIT}",
        "systemctl --user daemon-reload",
    ]


def test_service_of_the_machine_keeps_its_data_in_its_state_folder(
    run: Any, calls: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_program", lambda: ["/opt/wyoming-conductor/bin/program"])
    assert run("service", "install", "--system").exit_code == 0
    text = (tmp_path / "system" / UNIT).read_text()
    assert "serve --data-dir %S/wyoming-conductor\n" in text
    assert calls()[0] == "systemctl daemon-reload"
    result = run("service", "install", "--system", "--data-dir", tmp_path)
    assert (result.exit_code, "/var/lib/wyoming-conductor" in result.output) == (2, True)


def test_service_of_the_machine_is_refused_where_it_could_not_read_its_program(
    run: Any, calls: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_program", lambda: ["/home/ann/.local/bin/wyoming-conductor"])
    result = run("service", "install", "--system")
    assert result.exit_code == 2
    assert "/opt/wyoming-conductor" in result.output
    assert calls() == []


def test_service_says_what_failed(
    run: Any, calls: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("service", "status").exit_code == 2  # not installed
    monkeypatch.setenv("FAKE_EXIT", "4")
    result = run("service", "install")
    assert result.exit_code == 1
    assert "`systemctl --user daemon-reload` ended with 4" in result.output
    assert len(calls()) == 1


def test_service_needs_systemd(
    run: Any, calls: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_RUNNING", tmp_path / "missing")
    result = run("service", "install")
    assert (result.exit_code, "systemd does not manage this machine" in result.output) == (1, True)
    assert calls() == []


def test_service_is_not_installed_with_a_wrong_configuration(
    run: Any, calls: Callable[[], list[str]], home: Path
) -> None:
    result = run("service", "install", "--set", "asr.langage=de")
    assert (result.exit_code, "asr.language" in result.output) == (2, True)
    assert calls() == []
    assert not (home / ".config").exists()


def test_units_quote_the_command_for_systemd() -> None:
    expected = "'/opt/wyoming conductor/bin/wyoming-conductor' serve --set 'tts.voice=a$$b%%c'"
    for text in (system_unit(COMMAND, gpu=False), user_unit(COMMAND)):
        assert f"\nExecStart={expected}\n" in text


def test_unit_of_the_machine_lets_gpus_in_only_where_there_is_one() -> None:
    without, with_gpu = system_unit(COMMAND, gpu=False), system_unit(COMMAND, gpu=True)
    assert "\nPrivateDevices=yes\n" in without
    assert "char-nvidia" not in without
    assert "\nPrivateDevices=no\n" in with_gpu
    assert "\nDeviceAllow=char-nvidia-uvm rw\n" in with_gpu


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
@pytest.mark.parametrize("gpu", [False, True])
def test_systemd_finds_no_fault_in_the_unit(gpu: bool, tmp_path: Path) -> None:
    path = tmp_path / UNIT
    path.write_text(system_unit(["/bin/true"], gpu=gpu))
    result = subprocess.run(
        ["systemd-analyze", "verify", path], check=False, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
