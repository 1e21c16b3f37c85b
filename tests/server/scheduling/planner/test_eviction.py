import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.core.domain import Placement
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.placement import (
    EvictionCandidate,
    choose_victims,
)


def idle(name: str, size: int, idle: float, load_seconds: float = 1.0) -> EvictionCandidate:
    return EvictionCandidate(InstanceKey(name, Placement()), size, idle, load_seconds)


def names(victims: tuple[EvictionCandidate, ...] | None) -> list[str]:
    assert victims is not None
    return sorted(victim.key.model for victim in victims)


def test_choose_victims_evicts_nothing_without_a_deficit():
    assert choose_victims([idle("a", 5, 10)], 0) == ()
    assert choose_victims([idle("a", 5, 10)], -3) == ()


def test_choose_victims_prefers_the_longest_idle():
    assert names(choose_victims([idle("fresh", 5, 1), idle("old", 5, 100)], 5)) == ["old"]


def test_choose_victims_evicts_several_if_one_is_not_enough():
    found = choose_victims([idle("a", 3, 10), idle("b", 3, 20), idle("c", 3, 30)], 5)
    assert names(found) == ["b", "c"]


def test_choose_victims_prefers_one_large_model_to_many_small_ones_of_equal_age():
    small = [idle(f"s{n}", 1, 10) for n in range(6)]
    assert names(choose_victims([*small, idle("large", 6, 10)], 6)) == ["large"]


def test_choose_victims_keeps_models_that_load_slowly():
    found = choose_victims([idle("slow", 5, 50, load_seconds=60), idle("quick", 5, 50)], 5)
    assert names(found) == ["quick"]


def test_choose_victims_keeps_a_model_that_turns_out_to_be_unnecessary():
    # The small old one is cheapest per byte, but the large one alone is enough.
    assert names(choose_victims([idle("old", 1, 1000), idle("large", 8, 10)], 8)) == ["large"]


def test_choose_victims_returns_none_if_all_together_are_not_enough():
    assert choose_victims([idle("a", 3, 10), idle("b", 3, 10)], 7) is None
    assert choose_victims([], 1) is None


def test_choose_victims_ignores_models_without_memory():
    assert choose_victims([idle("empty", 0, 99)], 1) is None
    assert names(choose_victims([idle("empty", 0, 99), idle("a", 2, 1)], 1)) == ["a"]


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_eviction_cost_of_a_model_without_load_time_is_positive(seconds):
    assert idle("a", 1, 0, load_seconds=seconds).eviction_cost > 0


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1e4), st.floats(0, 60)), max_size=8),
    st.integers(-3, 40),
)
def test_choose_victims_covers_the_deficit_without_an_unnecessary_victim(rows, deficit):
    candidates = [idle(str(n), *row) for n, row in enumerate(rows)]
    found = choose_victims(candidates, deficit)
    total = sum(c.size_bytes for c in candidates)
    if found is None:
        assert total < deficit
        return
    freed = sum(victim.size_bytes for victim in found)
    assert freed >= deficit
    assert len(set(found)) == len(found)
    assert all(freed - victim.size_bytes < deficit for victim in found)
