"""Base entities: device, unique id and access to the snapshot."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, override

from homeassistant.components.assist_pipeline import Pipeline
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from . import assist_pipeline
from .api import Device, Model
from .const import ATTR_PENDING, CONF_PIPELINE_ID, DOMAIN, MANUFACTURER
from .coordinator import ConductorCoordinator
from .helpers import ConfigPath, async_call_server, async_set_config
from .model_names import device_key, device_name, voice_label


def server_identifier(uuid: str) -> tuple[str, str]:
    """Return the device identifier of a server."""
    return (DOMAIN, uuid)


def model_identifier(uuid: str, model: Model) -> tuple[str, str]:
    """Return the identifier of the device of a model, which voices of one engine share."""
    return (DOMAIN, f"{uuid}_{device_key(model.id, model.kind)}")


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
    """Entity of one model, on the model's device.

    On a device that several voices share, its name contains the voice: the translation of the
    entity's key with the prefix `voice_`.
    """

    def __init__(
        self, coordinator: ConductorCoordinator, description: EntityDescription, model: Model
    ) -> None:
        """Belong to `model`."""
        super().__init__(coordinator, description)
        self.model_id = model.id
        self._attr_unique_id = f"{self.uuid}_{model.id}_{description.key}"
        self._attr_device_info = _model_device_info(coordinator, model)
        if model.kind == "tts":
            self._attr_translation_key = f"voice_{description.translation_key}"
            self._attr_translation_placeholders = {"voice": voice_label(model.id)}

    @property
    def model(self) -> Model:
        """Current state of the model."""
        return self.coordinator.data.status.models[self.model_id]

    @property
    @override
    def available(self) -> bool:
        """Return whether the server is connected and has the model."""
        return super().available and self.model_id in self.coordinator.data.status.models


class ConductorModelDeviceEntity(ConductorEntity):
    """Entity of a model's device that describes all models of the device."""

    def __init__(
        self, coordinator: ConductorCoordinator, description: EntityDescription, model: Model
    ) -> None:
        """Belong to the device of `model`."""
        super().__init__(coordinator, description)
        self.device_key = device_key(model.id, model.kind)
        self._attr_unique_id = f"{self.uuid}_{self.device_key}_{description.key}"
        self._attr_device_info = _model_device_info(coordinator, model)

    @property
    def models(self) -> list[Model]:
        """Current state of the models."""
        return [
            model
            for model in self.coordinator.data.status.models.values()
            if device_key(model.id, model.kind) == self.device_key
        ]

    @property
    @override
    def available(self) -> bool:
        """Return whether the server is connected and has a model of the device."""
        return super().available and bool(self.models)


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
def async_remove_voices(coordinator: ConductorCoordinator) -> None:
    """Remove the entities of removed voices from the device that they shared with others."""
    registry = er.async_get(coordinator.hass)
    uuid, models = coordinator.data.info.uuid, coordinator.data.status.models
    entry_id = coordinator.config_entry.entry_id
    for entity in er.async_entries_for_config_entry(registry, entry_id):
        prefix, _, key = (entity.translation_key or "").partition("_")
        model = entity.unique_id.removeprefix(f"{uuid}_").removesuffix(f"_{key}")
        if prefix == "voice" and key and model not in models:
            registry.async_remove(entity.entity_id)


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


def get_model_devices(coordinator: ConductorCoordinator) -> Iterable[tuple[str, Model]]:
    """Return a model of each device by the device's key, for `async_add_dynamic_entities`."""
    models = coordinator.data.status.models.values()
    return {device_key(model.id, model.kind): model for model in models}.items()


def get_compute_devices(coordinator: ConductorCoordinator) -> Iterable[tuple[str, Device]]:
    """Return the compute devices by id, for `async_add_dynamic_entities`."""
    return coordinator.data.status.devices.items()


def _model_device_info(coordinator: ConductorCoordinator, model: Model) -> DeviceInfo:
    key = device_key(model.id, model.kind)
    is_shared = key != model.id
    return DeviceInfo(
        identifiers={model_identifier(coordinator.data.info.uuid, model)},
        manufacturer=model.engine,
        model=device_name(key) if is_shared else model.description or model.id,
        model_id=None if is_shared else model.id,
        name=device_name(key),
        sw_version=None if is_shared else model.version or None,
        entry_type=DeviceEntryType.SERVICE,
        via_device_id=_server_device_id(coordinator),
    )


def _server_device_id(coordinator: ConductorCoordinator) -> str:
    return dr.async_get_device_id_by_identifier(
        coordinator.hass,
        server_identifier(coordinator.data.info.uuid),
        config_entry_id=coordinator.config_entry.entry_id,
    )
