"""What happens between the start and the first request."""

import gc

import pytest

from wyoming_servers.app.main import freeze_gc


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()


def test_garbage_is_searched_for_only_among_what_is_made_later() -> None:
    before = len(gc.get_objects())
    freeze_gc()
    assert gc.get_freeze_count() > before / 2
    assert len(gc.get_objects()) < before / 10
