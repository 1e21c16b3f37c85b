"""Say which dependencies of pyproject.toml are not pinned in requirements/, or at a version that
does not fit.

usage: python script/check_pins.py
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def pins(*files: str) -> dict[str, list[str]]:
    """Return the versions that the files of requirements/ pin, by name.

    There may be several: one for each range of Python versions.
    """
    found: dict[str, list[str]] = {}
    for file in files:
        text = (ROOT / "requirements" / file).read_text()
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE):
            found.setdefault(canonicalize_name(name), []).append(version)
    return found


def faults(texts: Iterable[str], pinned: dict[str, list[str]], where: str) -> Iterable[str]:
    """Yield a sentence for each requirement that no pin, or a wrong one, stands for."""
    for text in texts:
        requirement = Requirement(text)
        versions = pinned.get(canonicalize_name(requirement.name), [])
        if not versions:
            yield f"{requirement.name} is not in {where}: run script/lock"
        for version in versions:
            if version not in requirement.specifier:
                yield f"{where} pins {requirement.name} {version}, not {requirement.specifier}"


def of_extra(extras: dict[str, list[str]], name: str, project: str) -> Iterable[str]:
    """Yield the requirements of an extra and of those of the project's own that it names."""
    for text in extras[name]:
        requirement = Requirement(text)
        if requirement.name == project:
            for other in sorted(requirement.extras):
                yield from of_extra(extras, other, project)
        else:
            yield text


def main() -> int:
    """Print every fault; return the exit code."""
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = content["project"], content["dependency-groups"]
    run = [
        *project["dependencies"],
        *of_extra(project["optional-dependencies"], "all", project["name"]),
    ]
    found = [
        *faults(run, pins("server.txt"), "server.txt"),
        *faults(groups["test"], pins("server.txt", "test.txt"), "test.txt"),
        *faults(groups["lint"], pins("server.txt", "test.txt", "lint.txt"), "lint.txt"),
        *faults(project["optional-dependencies"]["embedded"], pins("embedded.txt"), "embedded.txt"),
        *faults(project["optional-dependencies"]["gpu"], pins("gpu.txt"), "gpu.txt"),
    ]
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
