import pytest

from wyoming_servers.core.domain import Placement
from wyoming_servers.scheduling.planner.failure_policy import (
    BlockReason,
    FailurePolicy,
    RecoveryAction,
)
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy

CARD = InstanceKey("a", Placement("cuda:0", "float16"))
OTHER = InstanceKey("b", Placement("cuda:0", "float16"))
HOST = InstanceKey("a", Placement("cpu", "int8"))


def make_policy(draw: float = 0.5) -> FailurePolicy:
    return FailurePolicy(SchedulingPolicy(), lambda: draw)


def fail(
    policy: FailurePolicy, now: float, code: str = "LOAD_FAILED", key=CARD, **more
) -> RecoveryAction:
    more.setdefault("was_ready", False)
    more.setdefault("launched_at", now)
    return policy.record_failure(key, code, "It broke.", now, **more)


def test_first_failure_of_a_ready_worker_is_retried_at_once():
    policy = make_policy()
    assert fail(policy, 5.0, "INFERENCE_FAILED", was_ready=True) is RecoveryAction.RETRY_NOW
    assert policy.active_block(CARD, 5.0) is None


def test_failed_loads_back_off_for_1_2_and_4_seconds_and_then_open_the_circuit():
    policy, now, pauses = make_policy(), 0.0, []
    for _ in range(3):
        assert fail(policy, now) is RecoveryAction.RETRY_LATER
        block = policy.active_block(CARD, now)
        assert block.reason is BlockReason.BACKOFF
        pauses.append(block.until - now)
        now = block.until
        assert policy.active_block(CARD, now) is None
    assert pauses == [1.0, 2.0, 4.0]
    assert fail(policy, now) is RecoveryAction.OPEN_CIRCUIT
    block = policy.active_block(CARD, now)
    assert (block.reason, block.code, block.until) == (
        BlockReason.CIRCUIT,
        "LOAD_FAILED",
        now + 60,
    )


def test_ready_worker_that_dies_repeatedly_opens_the_circuit():
    policy = make_policy()
    actions = [fail(policy, 0.0, "INFERENCE_FAILED", was_ready=True) for _ in range(5)]
    assert actions == [
        RecoveryAction.RETRY_NOW,
        *[RecoveryAction.RETRY_LATER] * 3,
        RecoveryAction.OPEN_CIRCUIT,
    ]


@pytest.mark.parametrize(("draw", "pause"), [(0.0, 0.75), (1.0, 1.25)])
def test_jitter_changes_pauses_by_up_to_a_quarter(draw, pause):
    policy = make_policy(draw)
    fail(policy, 0.0)
    assert policy.active_block(CARD, 0.0).until == pause


def test_circuit_timeout_doubles_up_to_its_maximum():
    policy, now, spans = make_policy(), 0.0, []
    for _ in range(3):
        fail(policy, now)
    for _ in range(6):
        fail(policy, now)
        spans.append(policy.active_block(CARD, now).until - now)
        now = policy.active_block(CARD, now).until
    assert spans == [60, 120, 240, 480, 600, 600]


def test_success_resets_failures():
    policy = make_policy()
    for _ in range(3):
        fail(policy, 0.0)
    policy.record_success(CARD, 9.0)
    assert policy.active_block(CARD, 0.0) is None
    assert policy.failures(CARD) == 0
    assert fail(policy, 10.0, "INFERENCE_FAILED", was_ready=True) is RecoveryAction.RETRY_NOW


def test_non_retryable_code_opens_the_circuit_at_once():
    assert fail(make_policy(), 0.0, "MODEL_MISSING") is RecoveryAction.OPEN_CIRCUIT


def test_reset_forgets_all_failures_of_a_model():
    policy = make_policy()
    for _ in range(4):
        fail(policy, 0.0)
    fail(policy, 0.0, key=OTHER)
    policy.reset("a")
    assert policy.active_block(CARD, 0.0) is None
    assert policy.active_block(OTHER, 0.0) is not None


def test_oom_is_retried_once_and_then_uses_the_fallback():
    policy = make_policy()
    assert fail(policy, 0.0, "OOM") is RecoveryAction.EVICT_IDLE_AND_RETRY
    assert policy.active_block(CARD, 0.0) is None
    assert fail(policy, 1.0, "OOM") is RecoveryAction.USE_FALLBACK
    block = policy.active_block(CARD, 1.0)
    assert (block.reason, block.code, block.until) == (BlockReason.OOM_COOLDOWN, "OOM", 301.0)
    assert policy.active_block(HOST, 1.0) is None


def test_oom_of_a_load_nobody_waits_for_evicts_nothing():
    assert fail(make_policy(), 0.0, "OOM", retry_oom=False) is RecoveryAction.USE_FALLBACK


def test_oom_cooldown_doubles_and_is_short_for_the_last_placement():
    policy, now, spans = make_policy(), 0.0, []
    for _ in range(6):
        fail(policy, now, "OOM", retry_oom=False)
        spans.append(policy.active_block(CARD, now).until - now)
        now = policy.active_block(CARD, now).until
    assert spans == [300, 600, 1200, 2400, 3600, 3600]
    fail(policy, 0.0, "OOM", key=HOST, retry_oom=False, last_resort=True)
    assert policy.active_block(HOST, 0.0).until == 60.0


def test_success_does_not_end_an_oom_cooldown_early():
    policy = make_policy()
    fail(policy, 0.0, "OOM", retry_oom=False)
    policy.record_success(CARD, 10.0)
    assert policy.active_block(CARD, 10.0).reason is BlockReason.OOM_COOLDOWN
    policy.record_success(CARD, 301.0)
    assert policy.last_failure(CARD) is None


def test_second_oom_in_a_run_within_the_cooldown_uses_the_fallback():
    policy = make_policy()
    assert policy.record_run_oom(CARD, 0.0) is RecoveryAction.EVICT_IDLE_AND_RETRY
    policy.record_success(CARD, 5.0)
    assert policy.record_run_oom(CARD, 10.0) is RecoveryAction.USE_FALLBACK
    assert policy.record_run_oom(CARD, 1_000.0) is RecoveryAction.EVICT_IDLE_AND_RETRY
    assert policy.record_run_oom(CARD, 2_000.0) is RecoveryAction.EVICT_IDLE_AND_RETRY


def test_device_lost_once_is_retried_and_lost_twice_is_not_used():
    policy = make_policy()
    assert (
        fail(policy, 10.0, "DEVICE_LOST", launched_at=0.0, was_ready=True)
        is RecoveryAction.RETRY_NOW
    )
    assert not policy.is_device_lost("cuda:0")
    assert fail(policy, 11.0, "DEVICE_LOST", launched_at=10.5) is RecoveryAction.RETRY_LATER
    assert policy.is_device_lost("cuda:0")
    assert policy.active_block(OTHER, 11.0).reason is BlockReason.DEVICE_LOST
    assert policy.active_block(HOST, 11.0) is None
    policy.reset_device("cuda:0")
    assert policy.active_block(OTHER, 11.0) is None


def test_failures_of_several_models_count_as_one_device_loss():
    policy = make_policy()
    fail(policy, 10.0, "DEVICE_LOST", launched_at=0.0, was_ready=True)
    fail(policy, 10.2, "DEVICE_LOST", key=OTHER, launched_at=5.0, was_ready=True)
    assert not policy.is_device_lost("cuda:0")


def test_host_is_never_counted_as_lost():
    policy = make_policy()
    for now in (1.0, 2.0, 3.0):
        fail(policy, now, "DEVICE_LOST", key=HOST)
    assert not policy.is_device_lost("cpu")
