import asyncio

import pytest
from wyoming.event import Event

from wyoming_servers.errors import BusyError
from wyoming_servers.servers.inbox import Inbox


async def test_events_come_out_in_order() -> None:
    inbox = Inbox(100, 1_000)
    for name in "abc":
        await inbox.put(Event(name), 10)
    assert [(await inbox.get()).type for _ in range(3)] == ["a", "b", "c"]
    assert len(inbox) == 0


async def test_a_full_inbox_waits_while_somebody_works_it_off() -> None:
    inbox = Inbox(100, 1_000)
    await inbox.put(Event("large"), 100)
    putting = asyncio.create_task(inbox.put(Event("next"), 1))
    await asyncio.sleep(0)
    assert not putting.done()
    await inbox.get()
    await putting
    assert (await inbox.get()).type == "next"


async def test_one_event_over_the_limit_is_taken_alone() -> None:
    inbox = Inbox(100, 1_000)
    await inbox.put(Event("huge"), 10_000)
    assert (await inbox.get()).type == "huge"


async def test_if_nobody_works_it_off_reading_goes_on_up_to_the_limit() -> None:
    inbox = Inbox(100, 1_000, patience=0.01)
    for _ in range(10):
        await inbox.put(Event("a"), 100)
    with pytest.raises(BusyError):
        await inbox.put(Event("one too many"), 100)


async def test_an_empty_inbox_waits() -> None:
    inbox = Inbox(100, 1_000)
    getting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not getting.done()
    await inbox.put(Event("a"), 1)
    assert (await getting).type == "a"
