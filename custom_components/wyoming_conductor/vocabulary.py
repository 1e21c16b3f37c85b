"""Shares the names of entities, areas and floors with the server to improve speech-to-text.

Sends the names and aliases of entities exposed to Assist, of areas and of floors, after each change
and a short delay. The server stores the last list.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from homeassistant.components.homeassistant.exposed_entities import (
    async_listen_entity_updates,
    async_should_expose,
)
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
)
from homeassistant.helpers import (
    entity_registry as er,
)
from homeassistant.helpers import (
    floor_registry as fr,
)
from homeassistant.helpers.debounce import Debouncer

from .api import ConductorError, Feature
from .const import LOGGER
from .coordinator import ConductorCoordinator

ASSISTANT: Final = "conversation"

PUSH_COOLDOWN: Final = 5.0
"""Seconds; changes come in bursts, such as when Home Assistant starts or a user renames things."""

MAX_NAMES: Final = 5_000
MAX_NAME_LENGTH: Final = 200
"""Limits of the server, which rejects the whole list if they are exceeded."""

COMMANDED_DOMAINS: Final = frozenset(
    {
        *("automation", "climate", "cover", "fan", "humidifier", "lawn_mower", "light", "lock"),
        *("media_player", "scene", "script", "switch", "todo", "vacuum", "valve", "water_heater"),
    }
)
"""Entities of the others are asked about, which is rarer."""

CHANGE_EVENTS: Final = tuple(
    str(event_type)
    for event_type in (
        ar.EVENT_AREA_REGISTRY_UPDATED,
        er.EVENT_ENTITY_REGISTRY_UPDATED,
        fr.EVENT_FLOOR_REGISTRY_UPDATED,
        EVENT_HOMEASSISTANT_STARTED,
    )
)


@callback
def async_get_vocabulary(hass: HomeAssistant) -> dict[str, list[str]]:
    """Return the names of entities, areas and floors without duplicates, in a stable order.

    Entities that people give commands to come first.
    """
    registry = er.async_get(hass)
    entities: list[str] = []
    others: list[str] = []
    for state in hass.states.async_all():
        if not async_should_expose(hass, ASSISTANT, state.entity_id):
            continue
        entry = registry.async_get(state.entity_id)
        names = entities if state.domain in COMMANDED_DOMAINS else others
        names.append(state.name)
        if entry is not None:
            names += er.async_get_entity_aliases(hass, entry)
    areas = ar.async_get(hass).async_list_areas()
    floors = fr.async_get(hass).async_list_floors()
    return {
        "entities": list(dict.fromkeys([*_normalize(entities), *_normalize(others)])),
        "areas": _normalize(name for area in areas for name in (area.name, *area.aliases)),
        "floors": _normalize(name for floor in floors for name in (floor.name, *floor.aliases)),
    }


@callback
def async_push_vocabulary(hass: HomeAssistant, coordinator: ConductorCoordinator) -> None:
    """Keep the server's vocabulary up to date until the config entry is unloaded."""
    entry = coordinator.config_entry
    pushed: Mapping[str, list[str]] | None = None
    pushed_instance: str | None = None

    async def push() -> None:
        nonlocal pushed, pushed_instance
        vocabulary = async_get_vocabulary(hass)
        info = coordinator.data.info
        is_current = vocabulary == pushed and info.instance == pushed_instance
        if is_current or Feature.VOCABULARY not in info.features:
            return
        # Most important first: only the first few dozen fit into the prompt of a model. Rooms are
        # in nearly every sentence.
        rooms = [*vocabulary["areas"], *vocabulary["floors"]]
        names = list(dict.fromkeys([*rooms, *vocabulary["entities"]]))[:MAX_NAMES]
        try:
            await coordinator.client.set_vocabulary(names, [])
        except ConductorError as err:
            # Retried at the next change, or when the server is connected again.
            LOGGER.debug("Could not share the vocabulary: %s", err)
            return
        pushed, pushed_instance = vocabulary, info.instance

    debouncer = Debouncer(
        hass, LOGGER, cooldown=PUSH_COOLDOWN, immediate=False, function=push, background=True
    )

    @callback
    def schedule_push(_: Event[Any] | None = None) -> None:
        debouncer.async_schedule_call()

    @callback
    def handle_update() -> None:
        """Push again after a restart of the server, which may have lost the vocabulary."""
        if coordinator.last_update_success and coordinator.data.info.instance != pushed_instance:
            schedule_push()

    for event_type in CHANGE_EVENTS:
        entry.async_on_unload(hass.bus.async_listen(event_type, schedule_push))
    entry.async_on_unload(async_listen_entity_updates(hass, ASSISTANT, schedule_push))
    entry.async_on_unload(coordinator.async_add_listener(handle_update))
    entry.async_on_unload(debouncer.async_shutdown)
    schedule_push()


def _normalize(names: Iterable[str]) -> list[str]:
    """Return the names sorted, without duplicates (ignoring case) and without unusable ones."""
    collapsed = (" ".join(name.split()) for name in names)
    unique = {name.casefold(): name for name in collapsed if name.isprintable()}
    return [unique[key] for key in sorted(unique) if 0 < len(key) <= MAX_NAME_LENGTH][:MAX_NAMES]
