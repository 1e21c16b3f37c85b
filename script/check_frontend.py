"""Check that the built page matches its sources, without Node.js; `--write` records that it does.

`web/build.json` contains a hash of the sources and a hash of each built file.
"""

import gzip
import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "frontend"
BUILT = ROOT / "wyoming_servers" / "http" / "web"
RECORD = BUILT / "build.json"

MAX_GZIP_BYTES = 250_000
"""Of all scripts and styles of the page in one language."""

_SOURCE_NAMES = (
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
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


def hash_built() -> dict[str, str]:
    """Return the SHA-256 of each built file."""
    return {
        path.relative_to(BUILT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(BUILT.rglob("*"))
        if path.is_file() and path != RECORD
    }


def gzip_bytes() -> int:
    """Return the compressed size of all scripts and styles."""
    return sum(
        len(gzip.compress(path.read_bytes(), mtime=0))
        for path in BUILT.rglob("*")
        if path.suffix in (".js", ".css")
    )


def problems() -> list[str]:
    """Return why the built files cannot be used; empty if they can."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    found = []
    if record.get("sources") != hash_sources():
        found.append("The sources of the page have changed since it was built.")
    if record.get("files") != hash_built():
        found.append("The built files of the page were changed by hand, or are missing.")
    if (size := gzip_bytes()) > MAX_GZIP_BYTES:
        found.append(f"The page has {size:,} bytes compressed; {MAX_GZIP_BYTES:,} are allowed.")
    return found


def main() -> int:
    """Return the exit status."""
    if "--write" in sys.argv[1:]:
        content = {"sources": hash_sources(), "files": hash_built()}
        RECORD.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    found = problems()
    for problem in found:
        print(f"{problem} Run script/frontend.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
