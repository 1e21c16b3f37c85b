"""Pins of clients, and what the scheduler is told."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from wyoming_servers.core.errors import CapacityError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import ModelInstalled, PinsChanged, ReferencesChanged
from wyoming_servers.models.residency import (
    MAX_OWNERS,
    PINS_FILE,
    Pins,
    follow_residency,
    is_pins_file,
)


async def test_pins_survive_a_restart_and_belong_to_their_owner(tmp_path: Path) -> None:
    bus = EventBus()
    pins = await Pins.open(tmp_path / PINS_FILE, bus)
    await pins.pin("home", ["a", "b", "a"])
    await pins.pin("page", ["b"])
    pins = await Pins.open(tmp_path / PINS_FILE, bus)
    assert pins.all() == {"home": ("a", "b"), "page": ("b",)}
    assert pins.by_model() == {"a": ("home",), "b": ("home", "page")}
    await pins.pin("home", [])
    assert (await Pins.open(tmp_path / PINS_FILE, bus)).by_model() == {"b": ("page",)}
    assert (tmp_path / PINS_FILE).stat().st_mode & 0o077 == 0


async def test_pins_that_do_not_change_are_neither_written_nor_published(tmp_path: Path) -> None:
    bus = EventBus()
    pins = await Pins.open(tmp_path / PINS_FILE, bus)
    await pins.pin("home", ["a"])
    (tmp_path / PINS_FILE).unlink()
    await pins.pin("home", ["a"])
    assert not (tmp_path / PINS_FILE).exists()
    assert [item.event for item in bus.recent()] == [PinsChanged(owner="home", models=("a",))]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 2, "pins": {}}', b"\xff"])
async def test_damaged_pins_count_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PINS_FILE).write_bytes(content)
    assert not is_pins_file(content)
    assert (await Pins.open(tmp_path / PINS_FILE, EventBus())).all() == {}


async def test_owners_of_pins_are_limited(tmp_path: Path) -> None:
    pins = await Pins.open(tmp_path / PINS_FILE, EventBus())
    pins._owners = {str(number): ("a",) for number in range(MAX_OWNERS)}
    with pytest.raises(CapacityError, match="64 clients"):
        await pins.pin("one more", ["a"])
    await pins.pin("1", ["b"])


class Target:
    """Records what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[set[str], Mapping[str, tuple[str, ...]]]] = []
        self.changed = asyncio.Event()

    def set_residency(self, in_use: Iterable[str], pins: Mapping[str, tuple[str, ...]]) -> None:
        self.told.append((set(in_use), pins))
        self.changed.set()

    async def next(self) -> None:
        async with asyncio.timeout(5):
            await self.changed.wait()
        self.changed.clear()


async def test_scheduler_is_told_at_start_and_after_each_change(tmp_path: Path) -> None:
    bus, target, used = EventBus(), Target(), ["a"]
    pins = await Pins.open(tmp_path / PINS_FILE, bus)
    following = asyncio.create_task(follow_residency(bus, pins, lambda: used, target))
    await target.next()
    assert target.told == [({"a"}, {})]
    await pins.pin("home", ["b"])
    await target.next()
    assert target.told[1:] == [({"a"}, {"b": ("home",)})]
    for event in (ReferencesChanged(owner="home"), ModelInstalled(model="c")):
        used.append("c")
        bus.publish(event)
        await target.next()
        assert target.told[-1][0] == {"a", "c"}
    following.cancel()
