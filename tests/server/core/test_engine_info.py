"""Engine descriptors: ours, and those of installed packages."""

import logging
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from wyoming_servers.core import engine_info
from wyoming_servers.core.engine_info import (
    BUILTIN_ENGINES,
    ENTRY_POINT_GROUP,
    EngineInfo,
    all_engines,
    find_engine,
)

Install = Callable[..., None]


@pytest.fixture(autouse=True)
def fresh_cache() -> Iterator[None]:
    engine_info._installed_engines.cache_clear()
    yield
    engine_info._installed_engines.cache_clear()


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install packages: the name of an entry point to the object behind it."""

    def install(**objects: Any) -> None:
        module = ModuleType("acme_engines")
        vars(module).update(objects)
        monkeypatch.setitem(sys.modules, "acme_engines", module)
        points = [EntryPoint(name, f"acme_engines:{name}", ENTRY_POINT_GROUP) for name in objects]
        missing = EntryPoint("missing", "acme_no_such_module:X", ENTRY_POINT_GROUP)

        def entry_points(*, group: str) -> list[EntryPoint]:
            assert group == ENTRY_POINT_GROUP
            return [missing, *points]

        monkeypatch.setattr(engine_info, "entry_points", entry_points)

    return install


def test_engine_names_are_unique() -> None:
    names = [info.name for info in BUILTIN_ENGINES]
    assert len(names) == len(set(names))


def test_engine_of_an_installed_package_is_found(install: Install) -> None:
    parrot = EngineInfo("acme-parrot", "acme:Parrot", requirements=("acme:x/y", "torch or jax"))
    install(parrot=parrot)
    assert find_engine("acme-parrot") is parrot
    assert all_engines() == (*BUILTIN_ENGINES, parrot)
    assert parrot.install_command == "pip install acme torch"


def test_broken_packages_are_reported_and_do_not_hide_others(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    parrot = EngineInfo("acme-parrot")
    install(wrong="text", parrot=parrot, again=EngineInfo("acme-parrot"), ours=EngineInfo("piper"))
    assert all_engines() == (*BUILTIN_ENGINES, parrot)
    assert find_engine("acme-parrot") is parrot
    assert find_engine("piper") in BUILTIN_ENGINES
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [error.split(" (")[0] for error in errors] == [
        "Cannot load the engine missing",
        "The engine wrong",
        "The engine acme-parrot",
        "The engine piper",
    ]


def test_engine_that_is_not_installed_is_none() -> None:
    assert find_engine("nobody") is None


def test_compute_types_are_those_of_both_devices_once() -> None:
    info = EngineInfo("x", gpu_compute_types=("half", "full"), cpu_compute_types=("full", "int8"))
    assert info.compute_types == ("half", "full", "int8")


def test_engine_of_this_project_is_installed_by_its_extra() -> None:
    info = find_engine("openwakeword")
    assert info is not None
    assert info.install_command == "pip install 'wyoming-conductor[wake]'"
