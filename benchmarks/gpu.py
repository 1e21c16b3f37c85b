"""Run the tests on a GPU and put their figures into docs/performance.md.

    python -m benchmarks.gpu --gpu-like FOLDER [--gpu-real FOLDER]   run and write
    python -m benchmarks.gpu --from REPORT.json                      write what was measured before

`tests/server/gpu` says what the folders are. The exit code is that of the tests.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common.report import write_section

ROOT = Path(__file__).parents[1]

UNITS = {"_s": " s", "_ms": " ms", "_mib": " MiB"}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the figures as Markdown: one line a scene."""
    card = next((row["gpu"] for row in rows if "gpu" in row), "a GPU")
    lines = [
        (
            f"Measured on one {card}, CTranslate2 and torch, models with random weights of the "
            "real shapes (except where it says real weights)."
        ),
        "",
        "| what | figures |",
        "| --- | --- |",
    ]
    for row in rows:
        figures = [
            _figure(name, value) for name, value in row.items() if name not in ("what", "gpu")
        ]
        lines.append(f"| {row['what']} | {', '.join(figures)} |")
    return "\n".join(lines) + "\n"


def _figure(name: str, value: object) -> str:
    for ending, unit in UNITS.items():
        if name.endswith(ending):
            return f"{name.removesuffix(ending).replace('_', ' ')} {value}{unit}"
    return f"{name.replace('_', ' ')} {value}"


def main() -> int:
    """Read the command line, run, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--from", dest="report", type=Path, help="figures of an earlier run")
    parser.add_argument("--gpu-like", type=Path, help="whisper/base for CTranslate2")
    parser.add_argument("--gpu-real", type=Path, help="whisper/tiny.en for CTranslate2")
    arguments = parser.parse_args()
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        report = arguments.report or Path(folder, "gpu.json")
        if arguments.report is None:
            command = [sys.executable, "-m", "pytest", "tests/server/gpu"]
            command += ["--gpu-report", str(report), "--gpu-like", str(arguments.gpu_like)]
            if arguments.gpu_real:
                command += ["--gpu-real", str(arguments.gpu_real)]
            status = subprocess.run(command, cwd=ROOT, check=False).returncode
        rows = json.loads(report.read_text(encoding="utf-8"))
    write_section(ROOT / "docs" / "performance.md", "gpu", table(rows))
    return status


if __name__ == "__main__":
    sys.exit(main())
