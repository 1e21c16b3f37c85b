"""Helpers of the engines: freed memory is returned to the system."""

import subprocess
import sys

import pytest

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
