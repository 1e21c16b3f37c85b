"""Markdown sections of the documentation, and the machine that the figures belong to."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """Return the CPU and Python version of this machine."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"


def write_section(path: Path, name: str, content: str) -> None:
    """Replace the text between `<!-- name:begin … -->` and `<!-- name:end -->`."""
    text = path.read_text(encoding="utf-8")
    begin = text.index("-->", text.index(f"<!-- {name}:begin")) + len("-->")
    end = text.index(f"<!-- {name}:end -->")
    path.write_text(f"{text[:begin]}\n{content}\n{text[end:]}", encoding="utf-8")
