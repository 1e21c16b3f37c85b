"""Vocabulary: content, and when it is pushed."""

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

from custom_components.wyoming_conductor.vocabulary import async_get_vocabulary

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]


def pushed_vocabularies(conductor: FakeConductor) -> list[Any]:
    """Return the vocabularies that the server received."""
    return [body for method, path, body in conductor.requests if path == "/vocabulary"]


@pytest.fixture
async def lamp(home: HomeAssistant) -> er.RegistryEntry:
    """A light that is exposed to Assist."""
    entity = er.async_get(home).async_get_or_create(
        "light", "test", "lamp", suggested_object_id="lamp", original_name="Lampe"
    )
    home.states.async_set(entity.entity_id, "on", {"friendly_name": "Lampe"})
    async_expose_entity(home, "conversation", entity.entity_id, True)
    return entity


@pytest.fixture
async def pushing_entry(
    home: HomeAssistant, entry: MockConfigEntry, wait_until: WaitUntil
) -> MockConfigEntry:
    """The loaded config entry, with the vocabulary option enabled."""
    home.config_entries.async_update_entry(
        entry, options={**entry.options, "push_vocabulary": True}
    )
    assert await home.config_entries.async_setup(entry.entry_id)
    await wait_until(lambda: entry.runtime_data.coordinator.last_event_at)
    return entry


async def test_vocabulary_contains_names_and_aliases(
    home: HomeAssistant,
    lamp: er.RegistryEntry,
    pushing_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    await wait_until(lambda: pushed_vocabularies(conductor))
    assert pushed_vocabularies(conductor)[-1] == {"names": ["Lampe"], "terms": []}
    ar.async_get(home).async_create("Wohnzimmer", aliases={"Stube"})
    fr.async_get(home).async_create("Erdgeschoss")
    er.async_get(home).async_update_entity(lamp.entity_id, aliases=["Funzel", "lampe"])
    wanted = {"names": ["Stube", "Wohnzimmer", "Erdgeschoss", "Funzel", "lampe"], "terms": []}
    await wait_until(lambda: pushed_vocabularies(conductor)[-1] == wanted)


async def test_vocabulary_contains_only_exposed_entities(
    home: HomeAssistant, lamp: er.RegistryEntry, pushing_entry: MockConfigEntry
) -> None:
    home.states.async_set("light.secret", "on", {"friendly_name": "Safe"})
    async_expose_entity(home, "conversation", "light.secret", False)
    assert async_get_vocabulary(home)["entities"] == ["Lampe"]
    async_expose_entity(home, "conversation", "light.secret", True)
    assert async_get_vocabulary(home)["entities"] == ["Lampe", "Safe"]


async def test_vocabulary_is_pushed_after_server_restart(
    home: HomeAssistant,
    lamp: er.RegistryEntry,
    pushing_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    await wait_until(lambda: pushed_vocabularies(conductor))
    before = len(pushed_vocabularies(conductor))
    await conductor.stop()
    conductor.info["instance"] = "run-2"
    await conductor.start()
    await wait_until(lambda: len(pushed_vocabularies(conductor)) > before)


async def test_vocabulary_is_pushed_again_after_rejection(
    home: HomeAssistant,
    lamp: er.RegistryEntry,
    pushing_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    await wait_until(lambda: pushed_vocabularies(conductor))
    conductor.responses["PUT /vocabulary"] = web.Response(status=500)
    before = len(pushed_vocabularies(conductor))
    ar.async_get(home).async_create("Keller")
    await wait_until(lambda: len(pushed_vocabularies(conductor)) > before)
    del conductor.responses["PUT /vocabulary"]
    ar.async_get(home).async_create("Dach")
    await wait_until(lambda: pushed_vocabularies(conductor)[-1]["names"][:2] == ["Dach", "Keller"])


async def test_vocabulary_is_not_pushed_without_feature(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor, wait_until: WaitUntil
) -> None:
    conductor.info["features"] = []
    home.config_entries.async_update_entry(
        entry, options={**entry.options, "push_vocabulary": True}
    )
    module = "custom_components.wyoming_conductor.vocabulary"
    with patch(f"{module}.async_get_vocabulary", wraps=async_get_vocabulary) as get_vocabulary:
        assert await home.config_entries.async_setup(entry.entry_id)
        await wait_until(lambda: get_vocabulary.called)
    await home.async_block_till_done()
    assert pushed_vocabularies(conductor) == []


async def test_vocabulary_omits_unusable_names(home: HomeAssistant, lamp: er.RegistryEntry) -> None:
    areas = ar.async_get(home)
    for name in ("Scullery", "x" * 201, "Attic\troom", "Bell\a"):
        areas.async_create(name)
    assert async_get_vocabulary(home)["areas"] == ["Attic room", "Scullery"]
    with patch("custom_components.wyoming_conductor.vocabulary.MAX_NAMES", 1):
        assert async_get_vocabulary(home)["areas"] == ["Attic room"]


async def test_rooms_and_what_people_command_come_first(
    home: HomeAssistant,
    pushing_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    for number in range(60):
        home.states.async_set(f"sensor.a{number}", "1", {"friendly_name": f"A sensor {number}"})
        async_expose_entity(home, "conversation", f"sensor.a{number}", True)
    home.states.async_set("light.z", "on", {"friendly_name": "Zenith lamp"})
    async_expose_entity(home, "conversation", "light.z", True)
    ar.async_get(home).async_create("Workshop")
    await wait_until(lambda: "Workshop" in str(pushed_vocabularies(conductor)))
    names = pushed_vocabularies(conductor)[-1]["names"]
    assert names[:3] == ["Workshop", "Zenith lamp", "A sensor 0"]
    assert len(names) == 62
