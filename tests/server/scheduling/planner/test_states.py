import itertools

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    ModelState,
    Placement,
    Task,
)
from wyoming_servers.scheduling.planner.instance import (
    ALIVE_STATES,
    PUBLIC_STATES,
    TRANSITIONS,
    IllegalTransitionError,
    InstanceKey,
    InstanceState,
    InstanceTrigger,
    next_state,
)
from wyoming_servers.scheduling.planner.state import Instance

PAIRS = list(itertools.product(InstanceState, InstanceTrigger))


@pytest.mark.parametrize(("state", "trigger"), [pair for pair in PAIRS if pair in TRANSITIONS])
def test_legal_transition_follows_the_table(state, trigger):
    assert next_state(state, trigger) is TRANSITIONS[state, trigger]


@pytest.mark.parametrize(("state", "trigger"), [pair for pair in PAIRS if pair not in TRANSITIONS])
def test_illegal_transition_raises_and_changes_nothing(state, trigger):
    spec = ModelSpec(id="a", task=Task.ASR, engine="fake")
    instance = Instance(InstanceKey("a", Placement()), spec, state=state)
    with pytest.raises(IllegalTransitionError) as caught:
        instance.transition(trigger)
    assert instance.state is state
    assert (caught.value.state, caught.value.trigger) == (state, trigger)
    assert caught.value.code == "UNKNOWN"


def test_transition_table_is_as_documented():
    assert TRANSITIONS == {
        (InstanceState.COLD, InstanceTrigger.LOAD_REQUESTED): InstanceState.QUEUED,
        (InstanceState.QUEUED, InstanceTrigger.MEMORY_RESERVED): InstanceState.LOADING,
        (InstanceState.QUEUED, InstanceTrigger.ABANDONED): InstanceState.COLD,
        (InstanceState.LOADING, InstanceTrigger.WORKER_READY): InstanceState.READY,
        (InstanceState.LOADING, InstanceTrigger.STOP_REQUESTED): InstanceState.STOPPING,
        (InstanceState.LOADING, InstanceTrigger.WORKER_EXITED): InstanceState.FAILED,
        (InstanceState.READY, InstanceTrigger.STOP_REQUESTED): InstanceState.DRAINING,
        (InstanceState.READY, InstanceTrigger.WORKER_EXITED): InstanceState.FAILED,
        (InstanceState.DRAINING, InstanceTrigger.DRAINED): InstanceState.STOPPING,
        (InstanceState.DRAINING, InstanceTrigger.WORKER_EXITED): InstanceState.COLD,
        (InstanceState.STOPPING, InstanceTrigger.WORKER_EXITED): InstanceState.COLD,
        (InstanceState.FAILED, InstanceTrigger.LOAD_REQUESTED): InstanceState.QUEUED,
    }


def test_every_state_can_be_reached_and_left():
    assert {state for state, _ in TRANSITIONS} == set(InstanceState)
    assert set(TRANSITIONS.values()) == set(InstanceState)


def test_worker_exits_only_from_states_with_a_process():
    assert {
        state for state, trigger in TRANSITIONS if trigger is InstanceTrigger.WORKER_EXITED
    } == ALIVE_STATES


def test_public_states_are_the_model_states():
    assert set(PUBLIC_STATES) == set(InstanceState)
    # What is being installed has no instance yet, and what is unfit has one that is cold or failed.
    assert set(PUBLIC_STATES.values()) == set(ModelState) - {
        ModelState.DOWNLOADING,
        ModelState.UNFIT,
    }
    assert PUBLIC_STATES[InstanceState.QUEUED] is ModelState.WAITING_FOR_MEMORY
