"""A short load test: many clients, too little memory, processes killed at random."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]


def test_load_with_random_kills_keeps_all_guarantees(tmp_path: Path) -> None:
    figures = tmp_path / "load.json"
    command = [sys.executable, "-m", "benchmarks.load", "--seconds", "20", "--json", figures]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )
    assert figures.exists(), done.stderr[-4000:]
    result = json.loads(figures.read_text())
    broken = {name: check["seen"] for name, check in result["checks"].items() if not check["ok"]}
    assert broken == {}
    assert done.returncode == 0
    assert result["kills"]
    assert result["evictions"] + result["unloaded"].get("yields to another model", 0) > 0
