"""Run the GPU tests and write their figures into docs/performance.md.

    python -m benchmarks.gpu --gpu-like FOLDER [--gpu-real FOLDER]   run the tests and write
    python -m benchmarks.gpu --from REPORT.json                      write an earlier report

`tests/server/gpu` describes the folders. The exit code is that of the tests.
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
    """Return the figures as a Markdown table with one row per test."""
    card = next((row["gpu"] for row in rows if "gpu" in row), "a GPU")
    lines = [
        (
            f"Measured on one {card}, CTranslate2 and torch, models with random weights of the "
            "real shapes (except where marked as real weights)."
        ),
        "",
        "| test | figures |",
        "| --- | --- |",
    ]
    for row in rows:
        figures = [
            _figure(name, value) for name, value in row.items() if name not in ("what", "gpu")
        ]
        lines.append(f"| {row['what']} | {', '.join(figures)} |")
    return "\n".join(lines) + "\n"


def _figure(name: str, value: object) -> str:
    for suffix, unit in UNITS.items():
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix).replace('_', ' ')} {value}{unit}"
    return f"{name.replace('_', ' ')} {value}"


def main() -> int:
    """Parse the arguments, run the tests, and write the documentation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--from", dest="report", type=Path, help="report of an earlier run")
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
