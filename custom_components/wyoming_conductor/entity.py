"""Base entities: device, unique id and access to the snapshot."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, override

from homeassistant.components.assist_pipeline import Pipeline
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from . import assist_pipeline
from .api import Device, Model
from .const import ATTR_PENDING, CONF_PIPELINE_ID, DOMAIN, MANUFACTURER
from .coordinator import ConductorCoordinator
from .helpers import ConfigPath, async_call_server, async_set_config


def server_identifier(uuid: str) -> tuple[str, str]:
    """Return the device identifier of a server."""
    return (DOMAIN, uuid)


def model_identifier(uuid: str, model: str) -> tuple[str, str]:
    """Return the device identifier of a model."""
    return (DOMAIN, f"{uuid}_{model}")


def pipeline_identifier(uuid: str, subentry_id: str) -> tuple[str, str]:
    """Return the device identifier of a managed assistant."""
    return (DOMAIN, f"{uuid}_pipeline_{subentry_id}")


class ConductorEntity(CoordinatorEntity[ConductorCoordinator]):
    """Entity of the server's device."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: ConductorCoordinator, description: EntityDescription) -> None:
        """Belong to the server."""
        super().__init__(coordinator)
        self.entity_description = description
        info = coordinator.data.info
        self.uuid = info.uuid
        self._attr_unique_id = f"{info.uuid}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={server_identifier(info.uuid)})

    async def async_call(self, request: Awaitable[object]) -> None:
        """Await a request to the server. Raises HomeAssistantError with a translated message."""
        await async_call_server(self.coordinator, request)


class ConductorSettingEntity(ConductorEntity):
    """Entity that shows and changes a key of the server's configuration.

    Its state is the value in effect. The attribute `pending` has the saved value while that is
    another one, and is absent otherwise.
    """

    @property
    @abstractmethod
    def config_path(self) -> ConfigPath:
        """Path of the key."""

    def from_config(self, value: Any) -> Any:
        """Return a value of the configuration as the entity shows it."""
        return value

    @property
    def effective_value(self) -> Any:
        """Value in effect; None if the server does not have the key."""
        return self.from_config(self.coordinator.data.get_config(*self.config_path))

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return the value that takes effect when the server restarts."""
        snapshot, path = self.coordinator.data, self.config_path
        if not snapshot.is_config_pending(*path):
            return None
        return {ATTR_PENDING: self.from_config(snapshot.get_saved_config(*path))}

    async def async_set_config(self, value: Any) -> None:
        """Change the key. Raises HomeAssistantError with a translated message."""
        await async_set_config(self.coordinator, self.config_path, value)


class ConductorModelEntity(ConductorEntity):
    """Entity of a model's device."""

    def __init__(
        self, coordinator: ConductorCoordinator, description: EntityDescription, model: Model
    ) -> None:
        """Belong to `model`."""
        super().__init__(coordinator, description)
        self.model_id = model.id
        self._attr_unique_id = f"{self.uuid}_{model.id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={model_identifier(self.uuid, model.id)},
            manufacturer=model.engine,
            model=model.description or model.id,
            model_id=model.id,
            name=model.id,
            sw_version=model.version or None,
            entry_type=DeviceEntryType.SERVICE,
            via_device_id=_server_device_id(coordinator),
        )

    @property
    def model(self) -> Model:
        """Current state of the model."""
        return self.coordinator.data.status.models[self.model_id]

    @property
    @override
    def available(self) -> bool:
        """Return whether the server is connected and has the model."""
        return super().available and self.model_id in self.coordinator.data.status.models


class ConductorPipelineEntity(ConductorEntity):
    """Entity of a managed assistant's device."""

    def __init__(
        self,
        coordinator: ConductorCoordinator,
        description: EntityDescription,
        subentry: ConfigSubentry,
    ) -> None:
        """Belong to the assistant of `subentry`."""
        super().__init__(coordinator, description)
        self.subentry_id = subentry.subentry_id
        self.pipeline_id: str = subentry.data[CONF_PIPELINE_ID]
        self._attr_unique_id = f"{self.uuid}_{subentry.subentry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={pipeline_identifier(self.uuid, subentry.subentry_id)},
            manufacturer=MANUFACTURER,
            model="Assist",
            name=subentry.title,
            entry_type=DeviceEntryType.SERVICE,
            via_device_id=_server_device_id(coordinator),
        )

    @property
    def pipeline(self) -> Pipeline | None:
        """Current settings of the assistant; None if it does not exist in Assist."""
        return assist_pipeline.async_get(self.hass, self.pipeline_id)

    @property
    @override
    def available(self) -> bool:
        """Return whether the server is connected and the assistant exists."""
        return super().available and self.pipeline is not None

    @override
    async def async_added_to_hass(self) -> None:
        """Update when the assistant is changed in Assist's settings."""
        await super().async_added_to_hass()
        self.async_on_remove(
            assist_pipeline.async_add_listener(self.hass, self.async_write_ha_state)
        )


class ConductorComputeDeviceEntity(ConductorEntity):
    """Entity of the server's device that describes its CPU or one of its GPUs."""

    def __init__(
        self, coordinator: ConductorCoordinator, description: EntityDescription, device: Device
    ) -> None:
        """Describe `device`."""
        super().__init__(coordinator, description)
        self.compute_device_id = device.id
        self._attr_unique_id = f"{self.uuid}_{device.id}_{description.key}"
        self._attr_translation_placeholders = {"device": compute_device_label(device.id)}

    @property
    def compute_device(self) -> Device:
        """Current state of the CPU or GPU."""
        return self.coordinator.data.status.devices[self.compute_device_id]

    @property
    @override
    def available(self) -> bool:
        """Return whether the server is connected and has the device."""
        devices = self.coordinator.data.status.devices
        return (
            super().available and self.compute_device_id in devices and self.compute_device.present
        )


def compute_device_label(device: str) -> str:
    """Return a short name: `CPU`, `GPU` for the first card, `GPU 1` for the second, …"""
    name, _, number = device.partition(":")
    if name != "cuda":
        return name.upper()
    return "GPU" if number in ("", "0") else f"GPU {number}"


@callback
def async_add_dynamic_entities[ItemT](
    coordinator: ConductorCoordinator,
    async_add_entities: AddConfigEntryEntitiesCallback,
    get_items: Callable[[ConductorCoordinator], Iterable[tuple[str, ItemT]]],
    create_entities: Callable[[ItemT], Iterable[Entity]],
) -> None:
    """Add the entities of all items, and those of items that appear later."""
    known: set[str] = set()

    @callback
    def handle_update() -> None:
        items = dict(get_items(coordinator))
        new = [
            entity for key in items if key not in known for entity in create_entities(items[key])
        ]
        # An item that disappears and returns needs new entities: they were removed with its device.
        known.clear()
        known.update(items)
        if new:
            async_add_entities(new)

    handle_update()
    coordinator.config_entry.async_on_unload(coordinator.async_add_listener(handle_update))


def get_models(coordinator: ConductorCoordinator) -> Iterable[tuple[str, Model]]:
    """Return the models by id, for `async_add_dynamic_entities`."""
    return coordinator.data.status.models.items()


def get_compute_devices(coordinator: ConductorCoordinator) -> Iterable[tuple[str, Device]]:
    """Return the compute devices by id, for `async_add_dynamic_entities`."""
    return coordinator.data.status.devices.items()


def _server_device_id(coordinator: ConductorCoordinator) -> str:
    return dr.async_get_device_id_by_identifier(
        coordinator.hass,
        server_identifier(coordinator.data.info.uuid),
        config_entry_id=coordinator.config_entry.entry_id,
    )
