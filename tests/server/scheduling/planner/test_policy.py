import pytest

from wyoming_servers.config.schema import LimitsSection, MemorySection
from wyoming_servers.core.domain import (
    Priority,
    Task,
)
from wyoming_servers.scheduling.coordinator import policy_from_config
from wyoming_servers.scheduling.planner.policy import (
    PRIORITIES,
    SchedulingPolicy,
)

GIB = 2**30


@pytest.mark.parametrize(
    ("budget", "cap"),
    [("90%", int(0.9 * 8 * GIB)), ("2GiB", 2 * GIB), ("100%", 8 * GIB), ("64GiB", 8 * GIB)],
)
def test_policy_budget_is_a_share_or_a_size_up_to_the_device(budget, cap):
    assert SchedulingPolicy(budget=budget).memory_limit(8 * GIB) == cap


@pytest.mark.parametrize("budget", ["most of it", "140%", "-5%", "x%"])
def test_policy_rejects_an_invalid_budget(budget):
    with pytest.raises(ValueError):  # noqa: PT011  (pydantic shows whatever it says)
        SchedulingPolicy(budget=budget).memory_limit(8 * GIB)


def test_policy_takes_its_limits_from_the_configuration():
    policy = policy_from_config(
        LimitsSection(request_timeout=7, load_timeout=9, max_queued_requests=3),
        MemorySection(budget="1GiB", reserve=5),
    )
    assert (policy.request_timeout, policy.load_timeout, policy.max_queued_requests) == (7, 9, 3)
    assert (policy.budget, policy.reserve) == ("1GiB", 5)


def test_priorities_order_tts_before_asr_before_wake():
    assert PRIORITIES[Task.TTS] > PRIORITIES[Task.ASR] > PRIORITIES[Task.WAKE]
    assert PRIORITIES[Task.WAKE] is Priority.BACKGROUND
