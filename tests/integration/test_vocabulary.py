"""What things are called in this home reaches the server, and only that."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import web
from fakes.conductor import FakeConductor
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
)
from homeassistant.helpers import (
    entity_registry as er,
)
from homeassistant.helpers import (
    floor_registry as fr,
)
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.wyoming_conductor.vocabulary import async_vocabulary

Until = Callable[[Callable[[], Any]], Awaitable[None]]


def told(conductor: FakeConductor) -> list[Any]:
    """Return the vocabularies that the server was told."""
    return [body for method, path, body in conductor.asked if path == "/vocabulary"]


@pytest.fixture
async def lamp(home: HomeAssistant) -> er.RegistryEntry:
    """A lamp that is exposed to Assist."""
    entity = er.async_get(home).async_get_or_create(
        "light", "test", "lamp", suggested_object_id="lamp", original_name="Lampe"
    )
    home.states.async_set(entity.entity_id, "on", {"friendly_name": "Lampe"})
    async_expose_entity(home, "conversation", entity.entity_id, True)
    return entity


@pytest.fixture
async def pushing(home: HomeAssistant, entry: MockConfigEntry, until: Until) -> MockConfigEntry:
    """The server's entry, with the option on."""
    home.config_entries.async_update_entry(
        entry, options={**entry.options, "push_vocabulary": True}
    )
    assert await home.config_entries.async_setup(entry.entry_id)
    await until(lambda: entry.runtime_data.last_event_at)
    return entry


async def test_names_aliases_areas_and_floors_are_told(
    home: HomeAssistant,
    lamp: er.RegistryEntry,
    pushing: MockConfigEntry,
    conductor: FakeConductor,
    until: Until,
) -> None:
    await until(lambda: told(conductor))
    assert told(conductor)[-1] == {"names": ["Lampe"], "terms": []}
    ar.async_get(home).async_create("Wohnzimmer", aliases={"Stube"})
    fr.async_get(home).async_create("Erdgeschoss")
    er.async_get(home).async_update_entity(lamp.entity_id, aliases=["Funzel", "lampe"])
    wanted = {"names": ["Funzel", "lampe"], "terms": ["Stube", "Wohnzimmer", "Erdgeschoss"]}
    await until(lambda: told(conductor)[-1] == wanted)


async def test_what_is_not_exposed_stays_at_home(
    home: HomeAssistant, lamp: er.RegistryEntry, pushing: MockConfigEntry
) -> None:
    home.states.async_set("light.secret", "on", {"friendly_name": "Safe"})
    async_expose_entity(home, "conversation", "light.secret", False)
    assert async_vocabulary(home)["entities"] == ["Lampe"]
    async_expose_entity(home, "conversation", "light.secret", True)
    assert async_vocabulary(home)["entities"] == ["Lampe", "Safe"]


async def test_a_server_that_was_started_anew_is_told_again(
    home: HomeAssistant,
    lamp: er.RegistryEntry,
    pushing: MockConfigEntry,
    conductor: FakeConductor,
    until: Until,
) -> None:
    await until(lambda: told(conductor))
    before = len(told(conductor))
    await conductor.stop()
    conductor.info["instance"] = "run-2"
    await conductor.start()
    await until(lambda: len(told(conductor)) > before)


async def test_a_refusal_is_no_harm(
    home: HomeAssistant,
    lamp: er.RegistryEntry,
    pushing: MockConfigEntry,
    conductor: FakeConductor,
    until: Until,
) -> None:
    await until(lambda: told(conductor))
    conductor.answers["PUT /vocabulary"] = web.Response(status=500)
    before = len(told(conductor))
    ar.async_get(home).async_create("Keller")
    await until(lambda: len(told(conductor)) > before)
    del conductor.answers["PUT /vocabulary"]
    ar.async_get(home).async_create("Dach")
    await until(lambda: told(conductor)[-1]["terms"] == ["Dach", "Keller"])


async def test_nothing_is_told_to_a_server_that_cannot_use_it_or_when_it_is_off(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    conductor.info["features"] = []
    home.config_entries.async_update_entry(
        entry, options={**entry.options, "push_vocabulary": True}
    )
    assert await home.config_entries.async_setup(entry.entry_id)
    await until(lambda: entry.runtime_data.last_event_at)
    await asyncio.sleep(0.1)
    assert told(conductor) == []


async def test_what_no_server_takes_is_left_out(
    home: HomeAssistant, lamp: er.RegistryEntry
) -> None:
    areas = ar.async_get(home)
    for name in ("Scullery", "x" * 201, "Attic\troom", "Bell\a"):
        areas.async_create(name)
    assert async_vocabulary(home)["areas"] == ["Attic room", "Scullery"]
    with patch("custom_components.wyoming_conductor.vocabulary.MAX_WORDS", 1):
        assert async_vocabulary(home)["areas"] == ["Attic room"]
