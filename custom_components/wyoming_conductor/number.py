"""Numbers: settings of the server with a range; they take effect at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.number import NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .data import ConductorConfigEntry
from .entity import ConductorSettingEntity
from .helpers import ConfigPath, supports_config

PARALLEL_UPDATES = 1

NEVER = -1
"""Number of minutes that stands for never."""


def identity(value: Any) -> float | None:
    """Return a number unchanged; None for any other value."""
    return value if isinstance(value, int | float) else None


def percentage(value: Any) -> float | None:
    """Return the number of a percentage such as `90%`; None for any other value."""
    text = str(value)
    number = text.removesuffix("%")
    return float(number) if text.endswith("%") and number.isdecimal() else None


def seconds_to_minutes(value: Any) -> float | None:
    """Return seconds as minutes; NEVER for a negative number of seconds, which means never."""
    if not isinstance(value, int | float):
        return None
    return value / 60 if value >= 0 else NEVER


def minutes_to_seconds(value: float) -> int:
    """Return minutes as seconds; a negative number, which means never, unchanged."""
    return int(value * 60) if value >= 0 else int(value)


@dataclass(frozen=True, kw_only=True)
class SettingNumberDescription(NumberEntityDescription):
    """Description of a setting with a range."""

    path: ConfigPath
    from_config: Callable[[Any], float | None] = identity
    """Converts the value of the configuration to the value of the entity."""
    to_config: Callable[[float], Any] = identity
    """Converts the value of the entity to that of the configuration."""


SETTING_NUMBERS: tuple[SettingNumberDescription, ...] = (
    SettingNumberDescription(
        key="speed",
        translation_key="speed",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
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
        to_config=int,
    ),
    SettingNumberDescription(
        key="end_silence",
        translation_key="end_silence",
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
        entity_registry_enabled_default=False,
        native_min_value=0.01,
        native_max_value=0.99,
        native_step=0.01,
        path=("wake", "threshold"),
    ),
    SettingNumberDescription(
        key="idle_unload",
        translation_key="idle_unload",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        native_min_value=NEVER,
        native_max_value=1440,
        native_step=1,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        mode=NumberMode.BOX,
        path=("keep_alive",),
        from_config=seconds_to_minutes,
        to_config=minutes_to_seconds,
    ),
    SettingNumberDescription(
        key="memory_budget",
        translation_key="memory_budget",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        native_min_value=5,
        native_max_value=100,
        native_step=5,
        native_unit_of_measurement=PERCENTAGE,
        path=("memory", "budget"),
        from_config=percentage,
        to_config="{:.0f}%".format,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the numbers, if the server's configuration can be changed."""
    coordinator = entry.runtime_data.coordinator
    if supports_config(coordinator):
        async_add_entities(
            SettingNumber(coordinator, description) for description in SETTING_NUMBERS
        )


class SettingNumber(ConductorSettingEntity, NumberEntity):
    """Setting of the server with a range."""

    entity_description: SettingNumberDescription

    @property
    @override
    def config_path(self) -> ConfigPath:
        """Path of the key."""
        return self.entity_description.path

    @override
    def from_config(self, value: Any) -> float | None:
        """Return the number in the unit of the entity; None if the entity cannot represent it."""
        return self.entity_description.from_config(value)

    @property
    @override
    def native_value(self) -> float | None:
        """Return the value in effect."""
        value: float | None = self.effective_value
        return value

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Change the setting."""
        await self.async_set_config(self.entity_description.to_config(value))
