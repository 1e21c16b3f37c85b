import pytest

from wyoming_servers.scheduling.planner.ledger import (
    MemoryPressure,
    pressure_level,
)

N, W, C = MemoryPressure.NORMAL, MemoryPressure.WARNING, MemoryPressure.CRITICAL


@pytest.mark.parametrize(
    ("before", "used", "after"),
    [
        (N, 0.79, N),
        (N, 0.80, W),
        (N, 0.95, C),
        (W, 0.75, W),
        (W, 0.74, N),
        (W, 0.949, W),
        (W, 0.95, C),
        (C, 0.90, C),
        (C, 0.89, W),
        (C, 0.75, W),
        (C, 0.74, N),
    ],
)
def test_pressure_levels_have_hysteresis(before, used, after):
    assert pressure_level(before, used) is after


def test_pressure_is_stable_around_a_threshold():
    level, changes = N, 0
    for used in [0.79, 0.81, 0.79, 0.81, 0.78, 0.80, 0.76]:
        following = pressure_level(level, used)
        changes += following is not level
        level = following
    assert (level, changes) == (W, 1)
