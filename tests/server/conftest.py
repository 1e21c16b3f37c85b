"""Fixtures for every server test; the event loop is guarded against blocking calls."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings

from wyoming_servers.core.clock import FakeClock

# The same examples each time: a run that fails can be run again. To look for more of them:
# `--hypothesis-profile=explore`.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options have to be known before any test is collected."""
    parser.addoption(
        "--write-docs",
        action="store_true",
        help="write what the fault matrix saw into docs/reliability.md",
    )
    parser.addoption(
        "--page-screenshots", type=Path, metavar="FOLDER", help="keep pictures of the page"
    )


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Fail a test whose event loop is blocked by a call of ours."""
    with blockbuster_ctx("wyoming_servers") as guard:
        yield guard


@pytest.fixture
def clock() -> FakeClock:
    """Time that moves only when the test says so."""
    return FakeClock()
