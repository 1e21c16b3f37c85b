"""Who is spoken to next: pure decisions first, then the waiting."""

import asyncio
from collections.abc import Sequence

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.speech.tts.scheduler import (
    MAX_FIRST_AUDIO_SECONDS,
    MAX_FIRST_AUDIO_SECONDS_WHEN_LATE,
    CostModel,
    Playback,
    SynthesisScheduler,
    Ticket,
    choose,
    meets_deadlines,
)

NOW = 100.0

COSTS = CostModel(work=0.01, audio=0.1)
"""A piece of 42 characters takes half a second and is heard for 4.2 s."""

PIECE = 42


def listener(dry_in: float | None = None, *sizes: int) -> Playback:
    """One with pieces to come; `dry_in` seconds are left to hear, None if nothing was heard yet."""
    found = Playback(lambda: sizes or (PIECE,))
    found.dry_at = None if dry_in is None else NOW + dry_in
    return found


def ask(dry_in: float | None = None, *sizes: int, since: float = 0.0) -> Ticket:
    return Ticket(listener(dry_in, *sizes), NOW - since)


def running(dry_in: float | None, *sizes: int, since: float = 0.0) -> Ticket:
    """One whose first piece is being made since some seconds."""
    return Ticket(listener(dry_in, *sizes), NOW, begun=NOW - since, together=1)


def chosen(
    waiting: Sequence[Ticket], at_work: Sequence[Ticket] = (), lanes: int = 1
) -> Ticket | None:
    return choose(waiting, at_work, lanes, COSTS, NOW)


def test_a_lone_listener_begins_at_once() -> None:
    alone = ask()
    assert chosen([alone]) is alone


def test_nobody_begins_while_all_lanes_are_taken() -> None:
    assert chosen([ask()], [running(5.0)]) is None


def test_who_runs_dry_first_goes_first() -> None:
    later, sooner = ask(3.0), ask(1.0)
    assert chosen([later, sooner]) is sooner


def test_who_has_heard_nothing_goes_before_all_who_have_enough() -> None:
    new = ask()
    assert chosen([ask(3.0), ask(9.0), new]) is new


def test_those_who_have_heard_nothing_go_in_the_order_they_came() -> None:
    first, second = ask(since=0.2), ask(since=0.1)
    assert chosen([first, second]) is first


def test_nobody_falls_silent_for_a_new_listener() -> None:
    """The new one would take half a second, and the other needs as much within 1.1 s."""
    hearing = ask(1.1)
    assert chosen([ask(), hearing]) is hearing


def test_a_new_listener_does_not_begin_what_could_not_be_kept_up() -> None:
    """One word is soon heard, and the piece behind it takes five seconds."""
    hearing = ask(9.0)
    starving = ask(None, 2, 500)
    assert chosen([starving, hearing]) is hearing
    assert chosen([starving]) is starving  # nobody else is served by its waiting


def test_who_cannot_be_saved_still_goes_before_who_is_new() -> None:
    late = ask(-1.0)
    assert chosen([ask(since=0.5), late]) is late


def test_patience_ends_and_then_they_take_turns() -> None:
    waited = ask(since=MAX_FIRST_AUDIO_SECONDS + 0.1)
    assert chosen([waited, ask(0.1)]) is waited
    longer = ask(-MAX_FIRST_AUDIO_SECONDS - 1.0)
    assert chosen([waited, longer]) is longer


def test_the_last_lane_is_for_who_cannot_wait() -> None:
    at_work = [running(9.0), running(9.0)]
    calm, pressed, new = ask(5.0), ask(0.5), ask()
    assert chosen([calm], at_work, lanes=3) is None
    assert chosen([pressed], at_work, lanes=3) is pressed
    assert chosen([new], at_work, lanes=3) is new


def test_a_piece_that_is_nearly_made_costs_little_more() -> None:
    assert not meets_deadlines([running(0.6)], 1, COSTS, NOW)
    assert meets_deadlines([running(0.6, since=0.4)], 1, COSTS, NOW)


def test_costs_are_learned_from_what_was_made() -> None:
    costs = CostModel()
    assert costs.of(100) == 0.0
    for _ in range(30):
        costs.learn(92, work=1.0, audio=9.2)
    assert costs.of(92) == pytest.approx(1.0)
    assert costs.audio == pytest.approx(0.1, rel=1e-3)


def test_a_listener_who_ran_dry_hears_from_then_on() -> None:
    one = Playback(lambda: ())
    one.hear(1.0, now=10.0)
    one.hear(1.0, now=10.5)
    assert one.dry_at == 12.0
    one.hear(1.0, now=20.0)
    assert (one.dry_at, one.heard) == (21.0, 3.0)


def test_where_somebody_falls_silent_in_any_case_patience_is_short() -> None:
    late = ask(-0.5)
    waited = ask(since=MAX_FIRST_AUDIO_SECONDS_WHEN_LATE + 0.1)
    assert chosen([waited, late]) is waited


async def speak(
    turns: SynthesisScheduler, one: Playback, clock: FakeClock, order: list[str], name: str
) -> None:
    async with turns.turn(one):
        order.append(name)
        await clock.sleep(1.0)
        one.hear(2.0, clock.now())


async def test_turns_are_taken_one_after_the_other(clock: FakeClock) -> None:
    turns, order = SynthesisScheduler(clock), []
    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(speak(turns, Playback(lambda: (PIECE,)), clock, order, name))
        await clock.run_ready_tasks()
        assert order == ["a"]
        await clock.advance(1.0)
        assert order == ["a", "b"]
        await clock.advance(2.0)
    assert order == ["a", "b", "c"]
    assert turns.costs.of(PIECE) == pytest.approx(1.0)


async def test_as_many_as_there_are_lanes_are_made_at_once(clock: FakeClock) -> None:
    turns, order = SynthesisScheduler(clock), []
    turns.parallel_runs = 2
    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(speak(turns, Playback(lambda: (PIECE,)), clock, order, name))
        await clock.run_ready_tasks()
        assert order == ["a", "b"]
        await clock.advance(2.0)
    assert order == ["a", "b", "c"]


async def test_who_leaves_frees_the_turn_whether_it_was_taken_or_not(clock: FakeClock) -> None:
    turns, order = SynthesisScheduler(clock), []
    tasks = [
        asyncio.create_task(speak(turns, Playback(lambda: (PIECE,)), clock, order, name))
        for name in "abc"
    ]
    await clock.run_ready_tasks()
    tasks[1].cancel()
    tasks[0].cancel()
    await clock.run_ready_tasks()
    assert order == ["a", "c"]
    await clock.advance(1.0)
    await tasks[2]
    for left in tasks[:2]:
        assert left.cancelled()


async def test_the_next_piece_of_who_had_the_turn_is_known_before_another_is_chosen(
    clock: FakeClock,
) -> None:
    """The one who hears must not wait for one who would make it fall silent."""
    turns, order = SynthesisScheduler(clock), []
    turns.costs.learn(PIECE, 1.0, 4.2)
    one = Playback(lambda: (PIECE, PIECE))

    async def twice() -> None:
        await speak(turns, one, clock, order, "one")
        await speak(turns, one, clock, order, "one")

    async with asyncio.TaskGroup() as group:
        group.create_task(twice())
        await clock.run_ready_tasks()
        group.create_task(speak(turns, Playback(lambda: (PIECE,)), clock, order, "other"))
        await clock.advance(1.0)
        await clock.advance(1.0)
        await clock.advance(1.0)
    assert order == ["one", "one", "other"]


@pytest.mark.parametrize("slow", [1.0, 2.0], ids=["a quiet machine", "one half as fast"])
@pytest.mark.parametrize("clients", [2, 4, 8])
async def test_a_crowd_that_the_machine_can_keep_up_with_hears_no_gap(
    clock: FakeClock, clients: int, slow: float
) -> None:
    """Two cores, three lanes; a thread takes 3.5 ms for a character that is heard for 65 ms.

    Each client asks for the next text as soon as it has all of the last.
    """
    turns = SynthesisScheduler(clock)
    turns.parallel_runs = 3
    running, gaps, firsts = 0, [], []

    async def client(texts: int) -> None:
        nonlocal running
        for _ in range(texts):
            sizes = [30, 75]
            one = Playback(lambda sizes=sizes: sizes)
            asked = clock.now()
            for size in list(sizes):
                async with turns.turn(one):
                    running += 1
                    # A lone text has all threads, and they wait for each other.
                    await clock.sleep(0.0035 * (size + 8) * slow * max(0.6, running / 2))
                    running -= 1
                    if one.dry_at is None:
                        firsts.append(clock.now() - asked)
                    else:
                        gaps.append(clock.now() - one.dry_at)
                    one.hear(0.065 * size, clock.now())
                    sizes.pop(0)

    async def crowd() -> None:
        await client(1)
        firsts.clear()
        await asyncio.gather(*(client(4) for _ in range(clients)))

    task = asyncio.create_task(crowd())
    while not task.done():
        await clock.advance(0.01)
    await task
    assert len(firsts) == 4 * clients
    assert max(gaps) <= 0
    if slow == 1.0:
        # Of what a client waits for if whole texts are spoken one after the other.
        assert max(firsts) < 0.35 * clients * 0.0035 * 121 * 0.6
