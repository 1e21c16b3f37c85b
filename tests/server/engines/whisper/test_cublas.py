import ctypes
import sys
from pathlib import Path

import pytest

from wyoming_servers.engines.whisper import cublas


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


def test_nothing_happens_without_the_package(package: Path) -> None:
    assert package.is_dir()
    assert cublas.preload_cublas() == []


def test_the_libraries_are_loaded_for_all_in_the_order_they_need(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_package(package, "libcublas.so.12", "libcublasLt.so.12")
    opened: list[tuple[str, int]] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda path, mode: opened.append((Path(path).name, mode)))
    assert len(cublas.preload_cublas()) == 2
    assert opened == [
        ("libcublasLt.so.12", ctypes.RTLD_GLOBAL),
        ("libcublas.so.12", ctypes.RTLD_GLOBAL),
    ]


def test_a_broken_library_is_told_and_left(package: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_package(package, "libcublas.so.12", "libcublasLt.so.12")
    assert cublas.preload_cublas() == []
    assert "libcublasLt.so.12" in caplog.text
