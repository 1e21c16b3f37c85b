import itertools

import pytest

from wyoming_servers.coordinator.instance import Instance, InstanceKey
from wyoming_servers.coordinator.states import (
    ALIVE,
    SHOWN,
    TABLE,
    IllegalTransition,
    State,
    Trigger,
    advance,
    as_markdown,
    as_mermaid,
)
from wyoming_servers.domain import Kind, ModelSpec, ModelState, Placement

PAIRS = list(itertools.product(State, Trigger))


@pytest.mark.parametrize(("state", "trigger"), [pair for pair in PAIRS if pair in TABLE])
def test_a_legal_pair_leads_where_the_table_says(state, trigger):
    assert advance(state, trigger) is TABLE[state, trigger]


@pytest.mark.parametrize(("state", "trigger"), [pair for pair in PAIRS if pair not in TABLE])
def test_an_illegal_pair_raises_and_changes_nothing(state, trigger):
    spec = ModelSpec(id="a", kind=Kind.ASR, engine="fake")
    instance = Instance(InstanceKey("a", Placement()), spec, state=state)
    with pytest.raises(IllegalTransition) as caught:
        instance.move(trigger)
    assert instance.state is state
    assert (caught.value.state, caught.value.trigger) == (state, trigger)
    assert caught.value.code == "UNKNOWN"


def test_the_table_is_the_one_of_the_design():
    assert TABLE == {
        (State.COLD, Trigger.WANTED): State.QUEUED,
        (State.QUEUED, Trigger.ROOM_MADE): State.LOADING,
        (State.QUEUED, Trigger.ABANDONED): State.COLD,
        (State.LOADING, Trigger.WORKER_READY): State.READY,
        (State.LOADING, Trigger.STOP_ASKED): State.STOPPING,
        (State.LOADING, Trigger.WORKER_GONE): State.FAILED,
        (State.READY, Trigger.STOP_ASKED): State.DRAINING,
        (State.READY, Trigger.WORKER_GONE): State.FAILED,
        (State.DRAINING, Trigger.DRAINED): State.STOPPING,
        (State.DRAINING, Trigger.WORKER_GONE): State.COLD,
        (State.STOPPING, Trigger.WORKER_GONE): State.COLD,
        (State.FAILED, Trigger.WANTED): State.QUEUED,
    }


def test_every_state_can_be_reached_and_left():
    assert {state for state, _ in TABLE} == set(State)
    assert set(TABLE.values()) == set(State)


def test_a_process_is_gone_only_where_there_was_one():
    assert {state for state, trigger in TABLE if trigger is Trigger.WORKER_GONE} == ALIVE


def test_the_outside_sees_six_words():
    assert set(SHOWN) == set(State)
    assert set(SHOWN.values()) == set(ModelState)
    assert SHOWN[State.QUEUED] is ModelState.WAITING_FOR_GPU


def test_the_table_is_drawn_for_people():
    text = as_markdown()
    assert text.count("\n") == len(TABLE) + 2
    assert "| queued | room_made | loading | loading |" in text


def test_the_table_is_drawn_as_a_diagram():
    text = as_mermaid()
    assert text.startswith("stateDiagram-v2\n    [*] --> cold\n")
    assert "    ready --> draining: stop_asked\n" in text
    assert text.count("-->") == len(TABLE) + 1
