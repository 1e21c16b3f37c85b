"""cuBLAS is loaded from its Python package before CTranslate2 opens it by name."""

import ctypes
import sys
from pathlib import Path

import pytest

from wyoming_servers.engines.whisper import engine


def make_package(root: Path, *libraries: str) -> None:
    lib = root / "nvidia" / "cublas" / "lib"
    lib.mkdir(parents=True)
    for name in libraries:
        (lib / name).write_bytes(b"not a library")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in sys.modules if name.partition(".")[0] == "nvidia"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def test_without_the_package_nothing_is_loaded(package: Path) -> None:
    assert package.is_dir()
    assert engine.preload_cublas() == []


def test_libraries_are_loaded_globally_in_order_of_dependency(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_package(package, "libcublas.so.12", "libcublasLt.so.12")
    opened: list[tuple[str, int]] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda path, mode: opened.append((Path(path).name, mode)))
    assert len(engine.preload_cublas()) == 2
    assert opened == [
        ("libcublasLt.so.12", ctypes.RTLD_GLOBAL),
        ("libcublas.so.12", ctypes.RTLD_GLOBAL),
    ]


def test_damaged_library_is_logged(package: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_package(package, "libcublas.so.12", "libcublasLt.so.12")
    assert engine.preload_cublas() == []
    assert "libcublasLt.so.12" in caplog.text
