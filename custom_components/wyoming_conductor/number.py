"""Numbers: settings of the server with a range."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.number import NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import ConductorConfigEntry
from .entity import ConductorEntity
from .settings import Path, Reader, can_be_set, minutes, percent, plain, read, write

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class SettingNumberDescription(NumberEntityDescription):
    """A setting with a range."""

    path: Path
    reader: Reader = plain
    """Makes the number of the setting's value."""
    template: str | None = None
    """Makes the setting's text of the number."""
    factor: float = 1
    """What one unit here is there."""


SETTINGS: tuple[SettingNumberDescription, ...] = (
    SettingNumberDescription(
        key="speed",
        translation_key="speed",
        entity_category=EntityCategory.CONFIG,
        native_min_value=0.5,
        native_max_value=2.0,
        native_step=0.05,
        path=("tts", "speed"),
    ),
    SettingNumberDescription(
        key="beam_size",
        translation_key="beam_size",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        native_min_value=1,
        native_max_value=10,
        native_step=1,
        path=("asr", "beam_size"),
    ),
    SettingNumberDescription(
        key="silence",
        translation_key="silence",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        native_min_value=0.1,
        native_max_value=5,
        native_step=0.1,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        path=("asr", "end_silence"),
    ),
    SettingNumberDescription(
        key="wake_threshold",
        translation_key="wake_threshold",
        entity_category=EntityCategory.CONFIG,
        native_min_value=0.01,
        native_max_value=0.99,
        native_step=0.01,
        path=("wake", "threshold"),
    ),
    SettingNumberDescription(
        key="idle_unload",
        translation_key="idle_unload",
        entity_category=EntityCategory.CONFIG,
        native_min_value=0,
        native_max_value=1440,
        native_step=1,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        mode=NumberMode.BOX,
        path=("keep_alive",),
        reader=minutes,
        factor=60,
    ),
    SettingNumberDescription(
        key="memory_budget",
        translation_key="memory_budget",
        entity_category=EntityCategory.CONFIG,
        native_min_value=5,
        native_max_value=100,
        native_step=5,
        native_unit_of_measurement=PERCENTAGE,
        path=("memory", "budget"),
        reader=percent,
        template="{:.0f}%",
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the numbers, if the server can be configured over HTTP."""
    coordinator = entry.runtime_data
    if can_be_set(coordinator):
        async_add_entities(SettingNumber(coordinator, description) for description in SETTINGS)


class SettingNumber(ConductorEntity, NumberEntity):
    """A setting with a range."""

    entity_description: SettingNumberDescription

    @property
    @override
    def native_value(self) -> float | None:
        """Return the value in effect; None where it is none of this range (for ever, in bytes)."""
        description = self.entity_description
        return description.reader(read(self.coordinator.data, description.path))

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Change it."""
        description = self.entity_description
        there: Any = value * description.factor
        if description.native_step == 1:
            there = int(there)
        if description.template is not None:
            there = description.template.format(value)
        await write(self.coordinator, description.path, there)
