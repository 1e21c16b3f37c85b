"""The import contracts in pyproject.toml: each one fails when it is broken on purpose."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

VIOLATIONS = {
    "Imports point down only": (
        "core/clock.py",
        "from wyoming_servers.scheduling import coordinator",
    ),
    "Only the worker's child process imports engines": (
        "speech/retry.py",
        "from wyoming_servers.engines import base",
    ),
    "The parent imports nothing of the child process": (
        "worker/client.py",
        "from wyoming_servers.worker.child import run_queue",
    ),
    "The planner and the protocol do no I/O": (
        "core/domain.py",  # indirectly: the planner imports it
        "import socket",
    ),
}


def check_contracts(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the package in `root`."""
    command = [
        *(
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as main; main()",
        ),
        *("--config", str(root / "pyproject.toml"), "--no-cache"),
    ]
    return subprocess.run(
        command,
        cwd=root,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package that a test may break."""
    shutil.copytree(
        ROOT / "wyoming_servers",
        tmp_path / "wyoming_servers",
        ignore=shutil.ignore_patterns("__pycache__", "static", "manifests"),
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_are_kept_by_the_package(checkout: Path) -> None:
    result = check_contracts(checkout)
    assert result.returncode == 0, result.stdout
    assert f"Contracts: {len(VIOLATIONS)} kept, 0 broken." in result.stdout


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_contract_is_broken_by_a_forbidden_import(contract: str, checkout: Path) -> None:
    name, line = VIOLATIONS[contract]
    path = checkout / "wyoming_servers" / name
    path.write_text(f"{path.read_text()}\n{line}\n")
    result = check_contracts(checkout)
    assert result.returncode == 1, result.stderr
    (broken,) = [
        row for row in result.stdout.split("Broken contracts")[0].splitlines() if "BROKEN" in row
    ]
    assert broken.startswith(contract[:40])


def test_contract_covers_import_cycles_for_type_checking(checkout: Path) -> None:
    path = checkout / "wyoming_servers" / "core" / "clock.py"
    lines = (
        "from typing import TYPE_CHECKING\n\n"
        "if TYPE_CHECKING:\n    from wyoming_servers.app import main\n"
    )
    path.write_text(f"{path.read_text()}\n{lines}")
    assert check_contracts(checkout).returncode == 1
