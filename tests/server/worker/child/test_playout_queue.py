"""Playing clients must not run out of audio, and new clients should get audio soon."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.core.domain import MAX_UNSENT_SECONDS
from wyoming_servers.engines.base import Output
from wyoming_servers.protocol.messages import RunInference
from wyoming_servers.worker.child.run_queue import (
    CONTINUATION_SECONDS,
    MARGIN_SECONDS,
    MAX_HOLD_SECONDS,
    MAX_HOLD_SECONDS_WHEN_LATE,
    CostModel,
    PlayoutQueue,
    RunState,
)

RATE = 1_000
UNIT = 0.1
"""Seconds that a unit takes, unless a test says otherwise."""


class Voice:
    """A queue with a clock that stands still until a unit is computed."""

    def __init__(self, *, streams_audio: bool = True, parallel_runs: int = 2) -> None:
        self.now = 100.0
        self.queue = PlayoutQueue(
            lambda: self.now,
            sample_rate=RATE,
            streams_audio=streams_audio,
            parallel_runs=parallel_runs,
        )
        self._number = 0

    def arrive(
        self, *, priority: int = 10, characters: int = 42, buffered: Any = None, **request: Any
    ) -> RunState:
        self._number += 1
        request |= {"text": "x" * characters, "buffered_seconds": buffered}
        message = RunInference(run=self._number, priority=priority, request=request)
        run = RunState(message, self.queue.next_sequence())
        self.queue.put(run)
        return run

    def compute(self, audio: float, seconds: float = UNIT, *, last: bool = False) -> RunState:
        """Compute a unit of the run that the queue chooses; return the run."""
        run = self.queue.pop()
        assert run is not None
        self.now += seconds
        self.queue.record_output(run, Output(payload=bytes(round(audio * 2 * RATE))))
        if last:
            self.end(run)
        else:
            self.queue.put(run)
        return run

    def end(self, run: RunState, *, completed: bool = True) -> None:
        run.done = True
        self.queue.forget(run, completed=completed)


@pytest.fixture
def voice() -> Voice:
    """A voice that streams."""
    return Voice()


@pytest.fixture
def sentences() -> Voice:
    """A voice that computes whole sentences; one of 42 characters takes half a second."""
    voice = Voice(streams_audio=False, parallel_runs=1)
    voice.arrive()
    voice.compute(4.2, 0.5, last=True)
    return voice


def test_empty_queue_has_no_work(voice: Voice) -> None:
    assert voice.queue.delay is None
    assert voice.queue.pop() is None


def test_new_runs_go_in_order_of_arrival(voice: Voice) -> None:
    first, second = voice.arrive(), voice.arrive()
    assert voice.queue.delay == 0.0
    assert voice.compute(5.0) is first
    assert voice.compute(5.0) is second


def test_new_run_goes_before_playing_runs_with_enough_audio(voice: Voice) -> None:
    playing = voice.arrive()
    assert voice.compute(3.0) is playing
    new = voice.arrive()
    assert voice.compute(3.0) is new
    assert voice.compute(3.0) is playing


def test_playing_run_with_the_earliest_underrun_goes_first(voice: Voice) -> None:
    one = voice.arrive()
    voice.compute(9.0)
    other = voice.arrive()
    voice.compute(3.0)
    assert voice.compute(3.0) is other
    assert voice.compute(9.0) is other
    assert voice.compute(1.0) is one


def test_run_about_to_underrun_goes_before_a_new_run(voice: Voice) -> None:
    playing = voice.arrive()
    voice.compute(0.25)
    voice.arrive()
    assert voice.compute(3.0) is playing


def test_new_run_waits_if_the_playing_runs_together_would_underrun(voice: Voice) -> None:
    voice.arrive()
    voice.compute(99.0)  # The cost of a unit is known now.
    enough = MARGIN_SECONDS + 2.5 * UNIT
    lone = voice.arrive(buffered=enough + UNIT)
    new = voice.arrive()
    assert voice.compute(9.0) is new
    several = [lone, *(voice.arrive(buffered=enough) for _ in range(3))]
    voice.arrive()
    assert voice.compute(9.0) in several


def test_end_of_the_first_audio_counts_as_not_sent_yet(voice: Voice) -> None:
    """A run that has 0.3 s less the unsent part goes before one with 0.25 s of sent audio."""
    one = voice.arrive()
    voice.compute(0.3)
    voice.arrive(buffered=0.3 - MAX_UNSENT_SECONDS + 0.05)
    assert voice.compute(9.0) is one


def test_audio_that_a_client_has_still_to_play_counts_from_the_start(voice: Voice) -> None:
    voice.arrive()
    voice.compute(9.0)
    rich, poor = voice.arrive(buffered=20.0), voice.arrive(buffered=0.2)
    assert voice.compute(9.0) is poor
    voice.queue.pop()
    voice.queue.pop()
    assert voice.queue.pop() is rich


@pytest.mark.parametrize(
    ("buffered", "hold"),
    [(0.3, MAX_HOLD_SECONDS), (0.0, MAX_HOLD_SECONDS_WHEN_LATE)],
    ids=["all in time", "late"],
)
def test_new_run_is_held_back_for_a_limited_time(
    sentences: Voice, buffered: float, hold: float
) -> None:
    new, arrived_at = sentences.arrive(), sentences.now
    while sentences.now - arrived_at < hold - 1.0:
        run = sentences.arrive(buffered=buffered)
        sentences.now += 0.001
        assert sentences.compute(4.2, 0.499, last=True) is run
    sentences.now = arrived_at + hold + 0.01
    sentences.arrive(buffered=buffered)
    sentences.now += 0.001
    assert sentences.compute(4.2, 0.5) is new


def test_priority_goes_first(voice: Voice) -> None:
    job = voice.arrive(priority=1, buffered=0.0)
    live = voice.arrive()
    assert voice.compute(9.0) is live
    assert voice.compute(9.0) is live
    voice.end(live)
    assert voice.compute(9.0) is job


def test_run_that_has_ended_leaves_the_queue(voice: Voice) -> None:
    run = voice.arrive()
    voice.end(run, completed=False)
    assert voice.queue.delay is None
    assert voice.queue.pop() is None


def test_run_is_queued_once(voice: Voice) -> None:
    run = voice.arrive()
    voice.queue.put(run)
    assert voice.queue.pop() is run
    assert voice.queue.pop() is None


def test_underrun_shifts_the_playback(voice: Voice) -> None:
    """A player that was silent goes on with the next audio: it has all of that left to play."""
    run = voice.arrive()
    voice.compute(0.2)
    voice.now += 5.0
    voice.compute(1.0)
    other = voice.arrive(buffered=0.9)
    assert voice.compute(1.0) is other
    assert voice.compute(1.0) is run


def test_long_sentence_costs_more_than_a_short_one(sentences: Voice) -> None:
    """With 0.8 s left there is time for a new sentence of 5 characters, not for one of 42."""
    playing = sentences.arrive(buffered=0.8)
    short = sentences.arrive(characters=5)
    assert sentences.compute(0.5, 0.13, last=True) is short
    playing_again = sentences.arrive(buffered=0.8)
    sentences.arrive()
    assert sentences.compute(4.2, 0.5, last=True) is playing
    assert sentences.compute(4.2, 0.5) is playing_again


def test_new_run_waits_if_its_own_next_sentence_would_be_late(sentences: Voice) -> None:
    """One word plays for 0.2 s, and the sentence after it takes five seconds."""
    new = sentences.arrive(characters=2, next_characters=[500])
    playing = sentences.arrive(buffered=9.0)
    assert sentences.compute(4.2, 0.5, last=True) is playing
    assert sentences.compute(0.2, 0.1) is new  # No other client gains by waiting.


def test_next_sentence_of_a_playing_client_is_waited_for(sentences: Voice) -> None:
    playing = sentences.arrive(buffered=0.0, stream=1, next_characters=[42])
    new = sentences.arrive()
    assert sentences.compute(0.6, 0.5, last=True) is playing
    delay = sentences.queue.delay
    assert delay == pytest.approx(CONTINUATION_SECONDS)
    assert sentences.queue.pop() is None
    sentences.now += 0.004
    continuation = sentences.arrive(buffered=0.6, stream=1)
    assert sentences.queue.delay == 0.0
    assert sentences.compute(4.2, 0.5, last=True) is continuation
    assert sentences.compute(4.2, 0.5) is new


def test_next_sentence_is_not_waited_for_if_there_is_time_for_another(sentences: Voice) -> None:
    sentences.arrive(stream=1, next_characters=[42])
    new = sentences.arrive()
    sentences.compute(4.2, 0.5, last=True)
    assert sentences.queue.delay == 0.0
    assert sentences.compute(4.2, 0.5) is new


def test_next_sentence_that_does_not_arrive_is_given_up(sentences: Voice) -> None:
    sentences.arrive(buffered=0.0, stream=1, next_characters=[42])
    new = sentences.arrive()
    sentences.compute(0.6, 0.5, last=True)
    sentences.now += CONTINUATION_SECONDS
    assert sentences.queue.delay == 0.0
    assert sentences.compute(4.2, 0.5) is new


def test_client_that_was_cancelled_is_not_waited_for(sentences: Voice) -> None:
    cancelled = sentences.arrive(buffered=0.0, stream=1, next_characters=[42])
    new = sentences.arrive()
    assert sentences.compute(0.6, 0.5) is cancelled
    sentences.end(cancelled, completed=False)
    assert sentences.compute(4.2, 0.5) is new


def test_job_waits_for_the_next_sentence_of_a_live_client(sentences: Voice) -> None:
    sentences.arrive(stream=1, next_characters=[42])
    job = sentences.arrive(priority=1)
    sentences.compute(4.2, 0.5, last=True)
    assert sentences.queue.pop() is None
    live = sentences.arrive(buffered=4.2, stream=1)
    assert sentences.compute(4.2, 0.5, last=True) is live
    assert sentences.compute(4.2, 0.5) is job


def test_sentence_that_was_started_is_finished_first(sentences: Voice) -> None:
    """Its client has enough audio, another has none left: the next output ends the sentence."""
    started = sentences.arrive()
    assert sentences.compute(4.2, 0.5) is started
    sentences.arrive(buffered=0.0)
    sentences.arrive()
    assert sentences.compute(0.1, 0.0, last=True) is started


def test_cost_of_a_sentence_is_learned() -> None:
    costs = CostModel(streams_audio=False)
    assert costs.cost(100) == 0.0
    for _ in range(30):
        costs.learn_unit(92, 1.0, 9.2)
        costs.learn_text(92, 9.2)
    assert costs.cost(92) == pytest.approx(1.0)
    assert costs.cost(42) == pytest.approx(0.5)
    assert costs.audio(10) == pytest.approx(1.0, rel=1e-3)


def test_cost_of_a_chunk_is_a_high_quantile_of_the_last_ones() -> None:
    costs = CostModel(streams_audio=True)
    for number in range(1, 201):
        costs.learn_unit(1, number / 100, 1.0)
    # The last hundred chunks are remembered: 1.0 s to 2.0 s.
    assert costs.cost(500) == pytest.approx(1.95)


@given(
    streams_audio=st.booleans(),
    actions=st.lists(
        st.tuples(
            st.sampled_from(["arrive", "compute", "end", "cancel", "wait"]),
            st.integers(0, 9),
            st.sampled_from([1, 10]),
        ),
        max_size=60,
    ),
)
def test_every_run_is_computed_and_none_is_remembered_after_its_end(
    streams_audio: bool, actions: list[tuple[str, int, int]]
) -> None:
    voice = Voice(streams_audio=streams_audio, parallel_runs=2 if streams_audio else 1)
    active: list[RunState] = []

    def compute(*, last: bool) -> None:
        delay = voice.queue.delay
        if delay:
            assert delay <= CONTINUATION_SECONDS
            assert voice.queue.pop() is None
            voice.now += delay
        if active:
            run = voice.compute(0.5, last=last)
            assert run in active
            if last:
                active.remove(run)
        else:
            assert delay is None

    for action, number, priority in actions:
        match action:
            case "arrive":
                buffered = None if number % 2 else number / 10
                more = [42] * (number % 3)
                active.append(
                    voice.arrive(
                        priority=priority, buffered=buffered, stream=number, next_characters=more
                    )
                )
            case "compute" | "end":
                compute(last=action == "end")
            case "cancel" if active:
                voice.end(active.pop(number % len(active)), completed=False)
            case _:
                voice.now += number / 10
    while active:
        compute(last=True)
    assert voice.queue.delay is None
    assert not voice.queue._playouts
