"""What happens between the start and the first request."""

import gc

import pytest

from wyoming_servers.app.main import freeze_gc


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()


def test_freeze_gc_exempts_existing_objects_from_collection() -> None:
    before = len(gc.get_objects())
    freeze_gc()
    assert gc.get_freeze_count() > before / 2
    assert len(gc.get_objects()) < before / 10
