import asyncio

import pytest
from wyoming.event import Event

from wyoming_servers.core.errors import BusyError
from wyoming_servers.protocol.codec import FREE_BYTES, MAX_EXPANSION
from wyoming_servers.wyoming.session import MAX_JOINED_BYTES, EventQueue


async def test_queue_returns_events_in_order() -> None:
    queue = EventQueue(100, 1_000)
    for name in "abc":
        await queue.put(Event(name), 10)
    assert [(await queue.get()).type for _ in range(3)] == ["a", "b", "c"]
    assert len(queue) == 0


async def test_full_queue_waits_while_events_are_taken() -> None:
    queue = EventQueue(100, 1_000)
    await queue.put(Event("large"), 100)
    putting = asyncio.create_task(queue.put(Event("next"), 1))
    await asyncio.sleep(0)
    assert not putting.done()
    await queue.get()
    await putting
    assert (await queue.get()).type == "next"


async def test_queue_accepts_one_event_over_the_limit() -> None:
    queue = EventQueue(100, 1_000)
    await queue.put(Event("huge"), 10_000)
    assert (await queue.get()).type == "huge"


async def test_stalled_queue_accepts_events_up_to_the_hard_limit() -> None:
    queue = EventQueue(100, 1_000, stall_timeout=0.01)
    for _ in range(10):
        await queue.put(Event("a"), 100)
    with pytest.raises(BusyError):
        await queue.put(Event("one too many"), 100)


def sound(payload: bytes, **data: object) -> Event:
    return Event("audio-chunk", {"rate": 16_000, **data}, payload)


async def taken(*events: Event) -> list[Event]:
    """Put events into a queue and take all out."""
    queue = EventQueue()
    for event in events:
        await queue.put(event, 1)
    found = []
    while len(queue):
        found.append(await queue.get())
    return found


async def test_queue_joins_small_chunks_of_audio() -> None:
    chunks = [sound(bytes([number]) * 960) for number in range(20)]
    found = await taken(*chunks, Event("audio-stop"))
    assert [event.type for event in found] == ["audio-chunk"] * 3 + ["audio-stop"]
    assert b"".join(event.payload or b"" for event in found) == b"".join(
        chunk.payload or b"" for chunk in chunks
    )
    assert all(event.data == {"rate": 16_000} for event in found[:3])
    assert max(len(event.payload or b"") for event in found) <= MAX_JOINED_BYTES + 960


async def test_queue_does_not_join_audio_of_another_format_or_with_timestamps() -> None:
    events = [
        sound(b"ab"), sound(b"cd", channels=2), sound(b"ef", timestamp=1),
        sound(b"gh", timestamp=2), Event("audio-stop"), sound(b"ij"),
    ]  # fmt: skip
    assert await taken(*events) == events


async def test_joined_chunks_make_room_for_all_their_bytes() -> None:
    queue = EventQueue(100, 1_000)
    for _ in range(2):
        await queue.put(sound(b"ab"), 50)
    putting = asyncio.create_task(queue.put(sound(b"ab"), 50))
    await asyncio.sleep(0)
    assert not putting.done()
    await queue.get()
    await putting


async def test_empty_queue_waits() -> None:
    queue = EventQueue(100, 1_000)
    getting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not getting.done()
    await queue.put(Event("a"), 1)
    assert (await getting).type == "a"


async def test_queue_of_tiny_events_is_full_before_it_takes_more_memory_than_they_are_worth() -> (
    None
):
    queue = EventQueue(stall_timeout=0.01)

    async def fill() -> None:
        for _ in range(10_000):
            await queue.put(Event("tiny"), 22, 300)

    with pytest.raises(BusyError):
        await fill()
    assert queue.memory <= FREE_BYTES + MAX_EXPANSION * queue.size + 300


async def test_cleared_queue_holds_nothing() -> None:
    queue = EventQueue()
    await queue.put(Event("a"), 10, 20)
    queue.clear()
    assert (len(queue), queue.size, queue.memory) == (0, 0, 0)
