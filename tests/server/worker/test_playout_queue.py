"""Nobody who listens falls silent, and whoever has heard nothing yet hears something soon."""

from typing import Any

import pytest

from wyoming_servers.audio.pcm import MAX_UNSENT_SECONDS
from wyoming_servers.protocol.messages import RunInference
from wyoming_servers.worker.run_queue import (
    MARGIN_SECONDS,
    MAX_FIRST_AUDIO_SECONDS,
    PlayoutQueue,
)
from wyoming_servers.worker.run_state import RunState

STEP = 0.1


class House:
    """An order with a clock that stands still until it is told otherwise."""

    def __init__(self, lanes: int = 2) -> None:
        self.now = 100.0
        self.order = PlayoutQueue(lambda: self.now, lanes)
        self._number = 0

    def come(self, *, priority: int = 10, slack: Any = None) -> RunState:
        self._number += 1
        request = {"text": "…", "slack": slack}
        message = RunInference(run=self._number, priority=priority, request=request)
        work = RunState(message, self.order.next_sequence())
        self.order.put(work)
        return work

    def step(self, makes: float, takes: float = STEP) -> RunState:
        """Make a step of whoever is next."""
        work = self.order.pop()
        assert work is not None
        self.now += takes
        self.order.record_output(work, makes)
        self.order.put(work)
        return work


@pytest.fixture
def house() -> House:
    return House()


def test_without_runs_there_is_nothing_to_do(house: House) -> None:
    assert not house.order
    assert house.order.pop() is None


def test_who_came_first_hears_first(house: House) -> None:
    one, other = house.come(), house.come()
    assert house.step(5.0) is one
    assert house.step(5.0) is other


def test_a_newcomer_goes_before_those_who_have_enough(house: House) -> None:
    one = house.come()
    assert house.step(3.0) is one
    other = house.come()
    assert house.step(3.0) is other
    assert house.step(3.0) is one


def test_who_runs_dry_first_goes_first(house: House) -> None:
    one = house.come()
    house.step(9.0)
    other = house.come()
    house.step(3.0)
    assert house.step(3.0) is other
    assert house.step(9.0) is other
    assert house.step(1.0) is one


def test_who_would_fall_silent_goes_before_a_newcomer(house: House) -> None:
    one = house.come()
    house.step(0.25)
    house.come()
    assert house.step(3.0) is one


def test_several_who_would_each_be_in_time_alone_go_before_a_newcomer(house: House) -> None:
    house.come()
    house.step(99.0)  # Now it is known how long a step takes.
    enough = MARGIN_SECONDS + 2.5 * STEP
    lone = house.come(slack=enough + STEP)
    new = house.come()
    assert house.step(9.0) is new
    several = [lone, *(house.come(slack=enough) for _ in range(3))]
    house.come()
    assert house.step(9.0) in several


def test_the_first_sound_is_not_all_on_its_way_yet(house: House) -> None:
    work = house.come()
    house.step(0.5)
    assert work.underrun_at == house.now + 0.5 - MAX_UNSENT_SECONDS
    house.step(0.5)
    assert work.underrun_at == pytest.approx(house.now - STEP + 1.0 - MAX_UNSENT_SECONDS)


def test_what_a_listener_still_has_to_hear_counts_from_the_beginning(house: House) -> None:
    house.come()
    house.step(9.0)
    rich, poor = house.come(slack=20.0), house.come(slack=0.2)
    assert house.step(9.0) is poor
    house.order.pop()
    house.order.pop()
    assert house.order.pop() is rich


def test_whoever_waits_too_long_is_not_held_back_any_more(house: House) -> None:
    busy = [house.come(slack=0.0) for _ in range(3)]
    new = house.come()
    assert house.step(0.3) is busy[0]
    house.now += MAX_FIRST_AUDIO_SECONDS
    for work in busy:
        work.underrun_at = house.now + 0.01
    assert house.step(0.3) is new


def test_priority_goes_before_all_of_that(house: House) -> None:
    job = house.come(priority=1, slack=0.0)
    live = house.come()
    assert house.step(9.0) is live
    assert house.step(9.0) is live
    live.done = True
    assert house.step(9.0) is job


def test_what_has_ended_is_not_taken(house: House) -> None:
    work = house.come()
    work.done = True
    assert house.order.pop() is None


def test_nobody_waits_twice(house: House) -> None:
    work = house.come()
    house.order.put(work)
    assert house.order.pop() is work
    assert house.order.pop() is None


def test_silence_that_was_is_not_made_up_for(house: House) -> None:
    """Who fell silent hears what is made from now on, and runs dry as much later."""
    work = house.come()
    house.step(0.2)
    house.now += 5.0
    house.step(1.0)
    assert work.underrun_at == house.now + 1.0
