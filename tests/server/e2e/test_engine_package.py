"""An engine package of a third party is built, installed and served."""

import base64
import hashlib
import subprocess
import sys
import sysconfig
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest
from wyoming.info import Describe, Info

pytestmark = pytest.mark.e2e

WEIGHTS = b"Polly wants a cracker"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()

DESCRIPTOR = """
    from pathlib import Path

    from wyoming_servers.core.engine_info import EngineInfo

    ENGINE = EngineInfo(
        name="acme-parrot",
        module="acme_parrot.engine:ParrotEngine",
        requirements=("acme-parrot",),
        cpu_compute_types=("feathers",),
        environment={"ACME_PARROT": "Polly"},
        manifests=Path(__file__).parent / "manifests",
    )
"""

ENGINE = """
    import os
    from pathlib import Path

    from wyoming_servers.engines.base import Output


    class ParrotEngine:
        def load(self, spec, placement, progress):
            progress("load", 100)
            self.text = Path(spec.files["weights"]).read_text()
            self.compute_type = placement.compute_type
            return {}

        def warm_up(self):
            pass

        def open(self, request):
            return ParrotSession(f"{self.text} ({os.environ['ACME_PARROT']}, {self.compute_type})")

        def close(self):
            pass


    class ParrotSession:
        def __init__(self, text):
            self.text = text

        def feed(self, payload, data):
            return ()

        def finish(self):
            yield Output({"start": 0.0, "end": 1.0, "text": self.text})
            return {"text": self.text, "language": "en", "duration": 1.0}

        def close(self):
            pass
"""

MANIFEST = f"""
    models:
      - id: acme/parrot
        kind: asr
        engine: acme-parrot
        title: Parrot
        version: "1"
        licence: MIT
        attribution: {{ name: Acme, url: "https://example.com" }}
        languages: [en]
        roles: {{ weights: polly.txt }}
        sources:
          - {{ package: acme-parrot, version: 1.0.0, folder: acme_parrot/model }}
        files:
          - {{ path: polly.txt, size: {len(WEIGHTS)}, sha256: {SHA256} }}
"""

FILES = {
    "acme_parrot/__init__.py": textwrap.dedent(DESCRIPTOR).encode(),
    "acme_parrot/engine.py": textwrap.dedent(ENGINE).encode(),
    "acme_parrot/manifests/acme.yaml": textwrap.dedent(MANIFEST).encode(),
    "acme_parrot/model/polly.txt": WEIGHTS,
    "acme_parrot-1.0.0.dist-info/METADATA": (
        b"Metadata-Version: 2.1\nName: acme-parrot\nVersion: 1.0.0\n"
    ),
    "acme_parrot-1.0.0.dist-info/WHEEL": (
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    ),
    "acme_parrot-1.0.0.dist-info/entry_points.txt": (
        b"[wyoming_conductor.engines]\nacme-parrot = acme_parrot:ENGINE\n"
    ),
}


def build_wheel(folder: Path) -> Path:
    """Write the wheel; a wheel is a zip with a list of its files."""
    path = folder / "acme_parrot-1.0.0-py3-none-any.whl"
    record = "acme_parrot-1.0.0.dist-info/RECORD"
    lines = []
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in FILES.items():
            wheel.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            lines.append(f"{name},sha256={digest.decode()},{len(content)}")
        wheel.writestr(record, "\n".join([*lines, f"{record},,"]) + "\n")
    return path


def make_environment(folder: Path) -> Path:
    """Make a virtual environment with this project and its dependencies; return its Python.

    The packages of the environment that runs the tests are linked, not installed again: they take
    minutes and a network.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    ours = sysconfig.get_path("purelib")
    # `addsitedir` and not a plain path: an editable installation is a .pth file itself.
    (site_packages(folder) / "linked.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    return python


def site_packages(environment: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))


def install(wheel: Path, environment: Path) -> None:
    """Install a pure Python wheel without dependencies: its files go into site-packages."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages(environment))


@pytest.fixture
def python(tmp_path: Path) -> Path:
    environment = tmp_path / "environment"
    python = make_environment(environment)
    install(build_wheel(tmp_path), environment)
    return python


def command(python: Path, *arguments: str) -> str:
    result = subprocess.run(
        [python, "-m", "wyoming_servers", *arguments], capture_output=True, text=True, check=True
    )
    return result.stdout


async def test_engine_of_another_package_is_served(
    start_server: Any, python: Path, clip: Any
) -> None:
    server = start_server(
        python=python, asr__model="acme/parrot", tts__enabled="false", wake__enabled="false"
    )
    async with server.connect("asr") as client:
        await client.write_event(Describe().event())
        event = await client.read_event()
        info = Info.from_event(event)
    assert "acme/parrot" in [model.name for program in info.asr for model in program.models]
    answer = await server.transcribe(clip("goforward"))
    assert answer.text == "Polly wants a cracker (Polly, feathers)"
    model = server.model("acme/parrot")
    assert (model["engine"], model["compute_type"]) == ("acme-parrot", "feathers")
    assert model["compute_types"] == ["feathers"]


def test_engine_of_another_package_is_listed(python: Path, tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    assert "acme/parrot" in command(python, "models", "list", *data)
    assert "acme-parrot 1.0.0" in command(python, "doctor", *data, "--set", "asr.model=acme/parrot")
