"""The shim that makes calls fail."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from io_shim import KINDS, IoShim, installed

_DOCUMENT = Path(__file__).parents[3] / "docs" / "reliability.md"
_MARKS = ("<!-- io-faults:begin (written by tests/server/io_faults) -->", "<!-- io-faults:end -->")


@pytest.fixture(scope="session")
def counted(request: pytest.FixtureRequest) -> Iterator[dict[str, list[int]]]:
    """The number of failures of each kind by operation; `--write-docs` writes it."""
    found: dict[str, list[int]] = {}
    yield found
    if request.config.getoption("--write-docs") and found:
        rows = [f"| operation | {' | '.join(KINDS)} |", f"| --- |{' --- |' * len(KINDS)}"]
        rows += [f"| {name} | {' | '.join(map(str, tries))} |" for name, tries in found.items()]
        sums = [str(sum(column)) for column in zip(*found.values(), strict=True)]
        total = sum(map(sum, found.values()))
        rows += [f"| all: {total} | {' | '.join(sums)} |"]
        begin, end = _MARKS
        table = "\n".join([begin, *rows, end])
        text = _DOCUMENT.read_text("utf-8")
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        _DOCUMENT.write_text(re.sub(pattern, lambda _: table, text, flags=re.DOTALL), "utf-8")


@pytest.fixture
def blockbuster() -> None:
    """These tests look at the disk themselves."""


@pytest.fixture
def shim() -> Iterator[IoShim]:
    with installed() as shim:
        yield shim
