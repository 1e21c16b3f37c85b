from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.scheduling.planner.state import (
    TimerKey,
    TimerKind,
    TimerQueue,
)


def test_timers_expire_in_the_order_of_their_times():
    timers = TimerQueue()
    timers.set(TimerKey(TimerKind.PING, "b"), 2.0)
    timers.set(TimerKey(TimerKind.PING, "a"), 1.0)
    assert timers.next_due() == 1.0
    assert timers.pop_due(0.9) is None
    assert timers.pop_due(3.0) == TimerKey(TimerKind.PING, "a")
    assert timers.pop_due(3.0) == TimerKey(TimerKind.PING, "b")
    assert timers.pop_due(3.0) is None
    assert timers.next_due() is None


def test_timers_with_the_same_time_expire_in_the_order_they_were_set():
    timers = TimerQueue()
    for owner in "cab":
        timers.set(TimerKey(TimerKind.RETRY, owner), 1.0)
    assert [timers.pop_due(1.0).owner for _ in range(3)] == ["c", "a", "b"]


def test_setting_a_timer_again_moves_it():
    timers = TimerQueue()
    timers.set(TimerKey(TimerKind.PROBE), 1.0)
    timers.set(TimerKey(TimerKind.PROBE), 5.0)
    assert len(timers) == 1
    assert timers.due_at(TimerKey(TimerKind.PROBE)) == 5.0
    assert timers.pop_due(4.0) is None
    assert timers.pop_due(5.0) == TimerKey(TimerKind.PROBE)


def test_cancelled_timer_never_expires():
    timers = TimerQueue()
    timers.set(TimerKey(TimerKind.LOAD_TIMEOUT, "a"), 1.0)
    timers.cancel(TimerKey(TimerKind.LOAD_TIMEOUT, "a"))
    timers.cancel(TimerKey(TimerKind.LOAD_TIMEOUT, "never set"))
    assert timers.next_due() is None
    assert timers.pop_due(9.0) is None


def test_timer_that_is_moved_often_takes_bounded_memory():
    timers = TimerQueue()
    for n in range(10_000):
        timers.set(TimerKey(TimerKind.PING, "a"), float(n))
    assert len(timers._heap) < 200
    assert timers.next_due() == 9_999.0


@given(
    st.lists(
        st.tuples(st.sampled_from(["set", "cancel", "pop"]), st.integers(0, 4), st.integers(0, 9))
    )
)
def test_timers_behave_like_a_plain_dictionary(steps):
    timers, plain = TimerQueue(), {}
    for step, owner, at in steps:
        timer = TimerKey(TimerKind.PING, owner)
        if step == "set":
            timers.set(timer, float(at))
            plain[timer] = float(at)
        elif step == "cancel":
            timers.cancel(timer)
            plain.pop(timer, None)
        else:
            popped = timers.pop_due(float(at))
            due = {t: when for t, when in plain.items() if when <= at}
            assert (popped is None) == (not due)
            if popped is not None:
                assert plain.pop(popped) == min(due.values())
        assert timers.next_due() == min(plain.values(), default=None)
