"""What things are called in this home, for the server that listens.

Names and aliases of what is exposed to Assist, of areas and of floors. Pushed when they change,
once things have settled; the server keeps the last list.
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
from .coordinator import ConductorConfigEntry

ASSISTANT: Final = "conversation"

SETTLE_SECONDS: Final = 5.0
"""A person renames several things in a row; a start of Home Assistant registers hundreds."""

MAX_WORDS: Final = 5_000
MAX_LENGTH: Final = 200
"""What a server takes; it refuses the whole list if there is more, or a longer word."""

CHANGED: Final = tuple(
    str(kind)
    for kind in (
        ar.EVENT_AREA_REGISTRY_UPDATED,
        er.EVENT_ENTITY_REGISTRY_UPDATED,
        fr.EVENT_FLOOR_REGISTRY_UPDATED,
        EVENT_HOMEASSISTANT_STARTED,
    )
)


@callback
def async_vocabulary(hass: HomeAssistant) -> dict[str, list[str]]:
    """Return the names by what they name, without repetitions, in a stable order."""
    registry = er.async_get(hass)
    entities: list[str] = []
    for state in hass.states.async_all():
        if not async_should_expose(hass, ASSISTANT, state.entity_id):
            continue
        entry = registry.async_get(state.entity_id)
        if entry is None:
            entities.append(state.name)
        else:
            entities += [state.name, *er.async_get_entity_aliases(hass, entry)]
    areas = [(area.name, area.aliases) for area in ar.async_get(hass).async_list_areas()]
    floors = [(floor.name, floor.aliases) for floor in fr.async_get(hass).async_list_floors()]
    return {
        "entities": _tidy(entities),
        "areas": _tidy(word for name, more in areas for word in (name, *more)),
        "floors": _tidy(word for name, more in floors for word in (name, *more)),
    }


@callback
def async_push_vocabulary(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Keep the server's vocabulary current until the entry is unloaded."""
    coordinator = entry.runtime_data
    pushed: Mapping[str, list[str]] | None = None
    run: str | None = None

    async def push() -> None:
        nonlocal pushed, run
        words = async_vocabulary(hass)
        info = coordinator.data.info
        is_known = words == pushed and info.instance == run
        if is_known or Feature.VOCABULARY not in info.features:
            return
        names = words["entities"]
        terms = [*words["areas"], *words["floors"]][:MAX_WORDS]
        try:
            await coordinator.client.set_vocabulary(names, terms)
        except ConductorError as err:
            # It is tried again at the next change, or when the server is back.
            LOGGER.debug("The vocabulary was not taken: %s", err)
            return
        pushed, run = words, info.instance

    debouncer = Debouncer(
        hass, LOGGER, cooldown=SETTLE_SECONDS, immediate=False, function=push, background=True
    )

    @callback
    def changed(_: Event[Any] | None = None) -> None:
        debouncer.async_schedule_call()

    @callback
    def server_changed() -> None:
        """Tell a server that was started anew; it may have lost what it was told."""
        if coordinator.last_update_success and coordinator.data.info.instance != run:
            changed()

    for kind in CHANGED:
        entry.async_on_unload(hass.bus.async_listen(kind, changed))
    entry.async_on_unload(async_listen_entity_updates(hass, ASSISTANT, changed))
    entry.async_on_unload(coordinator.async_add_listener(server_changed))
    entry.async_on_unload(debouncer.async_shutdown)
    changed()


def _tidy(words: Iterable[str]) -> list[str]:
    """Return the words sorted, each once, whatever its case, without what no server takes."""
    plain = (" ".join(word.split()) for word in words)
    unique = {word.casefold(): word for word in plain if word.isprintable()}
    return [unique[key] for key in sorted(unique) if 0 < len(key) <= MAX_LENGTH][:MAX_WORDS]
