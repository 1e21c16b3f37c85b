"""Helpers of the engines: freed memory is returned to the system."""

import subprocess
import sys
from importlib import import_module

import pytest

from wyoming_servers.core.engine_info import BUILTIN_ENGINES, EngineInfo
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines import base
from wyoming_servers.engines.base import SupportsParallelRuns

_PROGRAM = """
import psutil
from wyoming_servers.engines.base import release_free_memory
process = psutil.Process()
held = [bytes(100_000) for _ in range(1_000)]
last = bytes(100_000)  # keeps the top of the heap in place
del held
before = process.memory_info().rss
release_free_memory()
print(before - process.memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_memory_kept_by_malloc_is_returned() -> None:
    # In a process of its own, with the allocator as a worker has it.
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={
            "MALLOC_ARENA_MAX": "1",
            "MALLOC_MMAP_MAX_": "0",
            "MALLOC_TRIM_THRESHOLD_": "8000000000",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(result.stdout) > 40_000_000


@pytest.mark.parametrize("info", BUILTIN_ENGINES, ids=lambda info: info.name)
def test_descriptor_agrees_with_the_class_of_the_engine(info: EngineInfo) -> None:
    module, _, name = info.module.partition(":")
    engine = getattr(import_module(module), name)
    assert all(hasattr(engine, method) for method in ("load", "warm_up", "open", "close"))
    assert info.supports_parallel_runs == isinstance(engine(), SupportsParallelRuns)


def test_create_engine_finds_an_engine_by_its_name() -> None:
    assert type(base.create_engine("fake")).__name__ == "FakeEngine"


def test_create_engine_refuses_an_unknown_engine() -> None:
    with pytest.raises(LoadFailedError, match="no engine named 'nobody'"):
        base.create_engine("nobody")


def test_create_engine_names_the_command_that_installs_a_missing_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    info = EngineInfo("wake", "no_such_module:Engine", extra="wake")
    monkeypatch.setattr(base, "find_engine", lambda _: info)
    with pytest.raises(LoadFailedError, match=r"pip install 'wyoming-conductor\[wake\]'"):
        base.create_engine("wake")
