"""Check that the built page and panel match their sources, without Node.js.

`build.json` of each contains a hash of the sources and a hash of each built file; `--write` records
them.
"""

import gzip
import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "frontend"
BUILT = {
    "page": ROOT / "wyoming_servers" / "http" / "web",
    "panel": ROOT / "custom_components" / "wyoming_conductor" / "frontend",
}
RECORD = "build.json"

MAX_GZIP_BYTES = 250_000
"""Of all scripts and styles of the page or the panel."""

_SOURCE_NAMES = (
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
    "vite.panel.config.ts",
)


def hash_sources() -> str:
    """Return the SHA-256 of the names and contents of all sources."""
    files = [SOURCES / name for name in _SOURCE_NAMES]
    files += [path for path in (SOURCES / "src").rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(SOURCES).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def hash_built(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each built file in `folder`."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != RECORD
    }


def gzip_bytes(folder: Path) -> int:
    """Return the compressed size of all scripts and styles in `folder`."""
    return sum(
        len(gzip.compress(path.read_bytes(), mtime=0))
        for path in folder.rglob("*")
        if path.suffix in (".js", ".css")
    )


def problems(name: str, folder: Path, sources: str) -> list[str]:
    """Return why the built files in `folder` cannot be used; empty if they can."""
    file = folder / RECORD
    record = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    found = []
    if record.get("sources") != sources:
        found.append(f"The sources of the {name} have changed since it was built.")
    if record.get("files") != hash_built(folder):
        found.append(f"The built files of the {name} were changed by hand, or are missing.")
    if (size := gzip_bytes(folder)) > MAX_GZIP_BYTES:
        found.append(f"The {name} has {size:,} bytes compressed; {MAX_GZIP_BYTES:,} are allowed.")
    return found


def main() -> int:
    """Return the exit status."""
    sources = hash_sources()
    found = []
    for name, folder in BUILT.items():
        if "--write" in sys.argv[1:]:
            content = {"sources": sources, "files": hash_built(folder)}
            record = json.dumps(content, indent=1) + "\n"
            (folder / RECORD).write_text(record, encoding="utf-8")
        found += problems(name, folder, sources)
    for problem in found:
        print(f"{problem} Run script/frontend.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
