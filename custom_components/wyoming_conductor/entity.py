"""What all entities share: a device, a stable id, and errors that say what to do."""

from collections.abc import Awaitable, Callable, Iterable
from typing import override

from homeassistant.components.assist_pipeline import Pipeline
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from . import assist
from .api import ConductorAuthError, ConductorError, Device, Model
from .const import CONF_PIPELINE_ID, DOMAIN, MANUFACTURER, SUBENTRY_PIPELINE
from .coordinator import ConductorConfigEntry, ConductorCoordinator


def server_identifier(uuid: str) -> tuple[str, str]:
    """Return how the registry knows the server's device."""
    return (DOMAIN, uuid)


def model_identifier(uuid: str, model: str) -> tuple[str, str]:
    """Return how the registry knows a model's device."""
    return (DOMAIN, f"{uuid}_{model}")


def pipeline_identifier(uuid: str, subentry_id: str) -> tuple[str, str]:
    """Return how the registry knows a managed assistant's device."""
    return (DOMAIN, f"{uuid}_pipeline_{subentry_id}")


class ConductorEntity(CoordinatorEntity[ConductorCoordinator]):
    """An entity of the server's own device."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: ConductorCoordinator, description: EntityDescription) -> None:
        """Belong to the server."""
        super().__init__(coordinator)
        self.entity_description = description
        info = coordinator.data.info
        self.uuid = info.uuid
        self._attr_unique_id = f"{info.uuid}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={server_identifier(info.uuid)})

    async def ask(self, request: Awaitable[object]) -> None:
        """Await a request to the server; its failure reaches the user in his language."""
        await ask(self.coordinator, request)


class ConductorModelEntity(ConductorEntity):
    """An entity of one model's device."""

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
            via_device_id=_server_device(coordinator),
        )

    @property
    def model(self) -> Model:
        """The model as it is now."""
        return self.coordinator.data.status.models[self.model_id]

    @property
    @override
    def available(self) -> bool:
        """Return whether the server answers and still has the model."""
        return super().available and self.model_id in self.coordinator.data.status.models


class ConductorPipelineEntity(ConductorEntity):
    """An entity of a voice assistant that is managed here."""

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
            via_device_id=_server_device(coordinator),
        )

    @property
    def pipeline(self) -> Pipeline | None:
        """The assistant as Assist has it now."""
        return assist.async_get(self.hass, self.pipeline_id)

    @property
    @override
    def available(self) -> bool:
        """Return whether the server answers and Assist still has the assistant."""
        return super().available and self.pipeline is not None

    @override
    async def async_added_to_hass(self) -> None:
        """Follow changes that are made in Assist's own settings."""
        await super().async_added_to_hass()
        self.async_on_remove(assist.async_listen(self.hass, self.async_write_ha_state))


class ConductorGaugeEntity(ConductorEntity):
    """An entity about one compute device: the CPU, or a GPU."""

    def __init__(
        self, coordinator: ConductorCoordinator, description: EntityDescription, device: Device
    ) -> None:
        """Belong to the server, about `device`."""
        super().__init__(coordinator, description)
        self.device_id = device.id
        self._attr_unique_id = f"{self.uuid}_{device.id}_{description.key}"
        self._attr_translation_placeholders = {"device": device_label(device.id)}

    @property
    def compute(self) -> Device:
        """The compute device as it is now."""
        return self.coordinator.data.status.devices[self.device_id]

    @property
    @override
    def available(self) -> bool:
        """Return whether the server answers and still sees the device."""
        devices = self.coordinator.data.status.devices
        return super().available and self.device_id in devices and self.compute.present


def device_label(device: str) -> str:
    """Return what people call a compute device: `CPU`, `GPU`, `GPU 1`."""
    name, _, number = device.partition(":")
    if name != "cuda":
        return name.upper()
    return "GPU" if number in ("", "0") else f"GPU {number}"


@callback
def async_add_as_they_come[ItemT](
    entry: ConductorConfigEntry,
    add: AddConfigEntryEntitiesCallback,
    present: Callable[[ConductorCoordinator], Iterable[tuple[str, ItemT]]],
    make: Callable[[ItemT], Iterable[Entity]],
) -> None:
    """Add the entities of what is present, and of whatever appears later."""
    coordinator = entry.runtime_data
    known: set[str] = set()

    @callback
    def look() -> None:
        now = dict(present(coordinator))
        new = [entity for key in now if key not in known for entity in make(now[key])]
        # What left and comes back gets new entities: its device has been removed with the old.
        known.clear()
        known.update(now)
        if new:
            add(new)

    look()
    entry.async_on_unload(coordinator.async_add_listener(look))


def models(coordinator: ConductorCoordinator) -> Iterable[tuple[str, Model]]:
    """Return the models that are present, for `async_add_as_they_come`."""
    return coordinator.data.status.models.items()


def devices(coordinator: ConductorCoordinator) -> Iterable[tuple[str, Device]]:
    """Return the compute devices that are present, for `async_add_as_they_come`."""
    return coordinator.data.status.devices.items()


def pipelines(entry: ConductorConfigEntry) -> list[ConfigSubentry]:
    """Return the assistants that are managed here."""
    return [
        subentry
        for subentry in entry.subentries.values()
        if subentry.subentry_type == SUBENTRY_PIPELINE
    ]


def _server_device(coordinator: ConductorCoordinator) -> str:
    return dr.async_get_device_id_by_identifier(
        coordinator.hass,
        server_identifier(coordinator.data.info.uuid),
        config_entry_id=coordinator.config_entry.entry_id,
    )


async def ask[AnswerT](coordinator: ConductorCoordinator, request: Awaitable[AnswerT]) -> AnswerT:
    """Await a request to the server. Raises HomeAssistantError with a translation."""
    try:
        return await request
    except ConductorAuthError as err:
        coordinator.config_entry.async_start_reauth(coordinator.hass)
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="invalid_auth") from err
    except ConductorError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="request_failed",
            translation_placeholders={"error": str(err)},
        ) from err
