"""Versions, notes and the integration's archive of a release.

usage: python script/release.py version          print the version
       python script/release.py set VERSION      write a new version everywhere, date the changelog
       python script/release.py check [TAG]      fail if a file has another version, or the tag has
       python script/release.py notes            print the changelog's text about the version
       python script/release.py zip FILE         write the archive that HACS installs

The version is the one of `wyoming_servers/__init__.py`. Home Assistant, HACS and package indexes
read it from other files, which `set` writes and `check` compares. Needs Python 3.11 alone.
"""

import datetime as dt
import re
import sys
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = "wyoming_servers/__init__.py"

PATTERNS: Final = {
    SOURCE: r'^__version__ = "(.+)"$',
    "custom_components/wyoming_conductor/manifest.json": r'^  "version": "(.+)",$',
    "clients/python/pyproject.toml": r'^version = "(.+)"$',
    "clients/js/package.json": r'^  "version": "(.+)",$',
    "addon/wyoming_conductor/config.yaml": r'^version: "?([^"\n]+)"?$',
}
"""Files with the version, and the line that has it; a file may be missing."""

INTEGRATION: Final = ROOT / "custom_components" / "wyoming_conductor"
REPOSITORY: Final = "https://github.com/wyoming-conductor/wyoming-conductor"
LINK: Final = re.compile(re.escape(REPOSITORY) + r"/(?:blob|raw|tree)/main/([^\s)#\"]+)")
VERSION: Final = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""Of all files in an archive, so that the same files give the same archive."""


class ReleaseError(Exception):
    """Raised when a release cannot be made as asked."""


def find_version(file: str) -> str:
    """Return the version that a file has."""
    found = re.search(PATTERNS[file], (ROOT / file).read_text(), re.MULTILINE)
    if found is None:
        raise ReleaseError(f"{file} has no line like {PATTERNS[file]}")
    return found[1]


def versions() -> dict[str, str]:
    """Return the version that each existing file has."""
    return {file: find_version(file) for file in PATTERNS if (ROOT / file).exists()}


def set_version(version: str) -> None:
    """Write a version into all files, and give the changelog's unreleased changes its name."""
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is not a version such as 1.2.3 or 1.2.3rc1")
    for file in versions():
        path = ROOT / file
        text = path.read_text()
        found = re.search(PATTERNS[file], text, re.MULTILINE)
        if found is not None:
            path.write_text(text[: found.start(1)] + version + text[found.end(1) :])
    changelog = ROOT / "CHANGELOG.md"
    today = dt.datetime.now(dt.UTC).date()
    text = changelog.read_text()
    if f"## [{version}]" not in text:
        heading = f"## [Unreleased]\n\n## [{version}] - {today}"
        changelog.write_text(text.replace("## [Unreleased]", heading, 1))


def faults(tag: str | None) -> list[str]:
    """Return a sentence for each file that contradicts another."""
    version = find_version(SOURCE)
    found = [
        f"{file} has version {other}, not {version}: run script/release.py set {version}"
        for file, other in versions().items()
        if other != version
    ]
    if tag is not None and tag != f"v{version}":
        found.append(f"The tag {tag} does not belong to version {version}.")
    # The README is shown on other sites too, so its links are whole addresses.
    readme = (ROOT / "README.md").read_text()
    found += [
        f"README.md links to {path}, which does not exist"
        for path in dict.fromkeys(LINK.findall(readme))
        if not (ROOT / path).exists()
    ]
    found += [
        f"README.md links to {target}: write {REPOSITORY}/blob/main/{target}"
        for target in re.findall(r"\]\((?!https?://|#)([^)]+)\)", readme)
    ]
    return found


def notes() -> str:
    """Return the changelog's text about the version."""
    version = find_version(SOURCE)
    text = (ROOT / "CHANGELOG.md").read_text()
    found = re.search(
        rf"^## \[{re.escape(version)}\].*?\n(.*?)(?=^## \[|^\[|\Z)", text, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise ReleaseError(f"CHANGELOG.md has no section {version}: run script/release.py set")
    return found[1].strip()


def write_zip(target: Path) -> None:
    """Write the files of the integration at the root of an archive, as HACS unpacks it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(INTEGRATION.rglob("*")):
            if path.is_dir() or "__pycache__" in path.parts:
                continue
            entry = zipfile.ZipInfo(path.relative_to(INTEGRATION).as_posix(), EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
        if "manifest.json" not in archive.namelist():
            raise ReleaseError(f"There is no integration in {INTEGRATION}")


def main(arguments: list[str]) -> int:
    """Carry out one command; return the exit code."""
    try:
        match arguments:
            case ["version"]:
                print(find_version(SOURCE))
            case ["set", version]:
                set_version(version)
            case ["check", *tags] if len(tags) <= 1:
                found = faults(tags[0] if tags else None)
                print(*found, sep="\n", end="\n" if found else "")
                return 1 if found else 0
            case ["notes"]:
                print(notes())
            case ["zip", file]:
                write_zip(Path(file))
            case _:
                print(__doc__)
                return 2
    except ReleaseError as err:
        print(err, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
