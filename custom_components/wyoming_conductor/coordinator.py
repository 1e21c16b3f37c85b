"""Coordinator that keeps the snapshot of a server current by events, with polling as fallback."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryError
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .api import (
    ConductorAuthError,
    ConductorClient,
    ConductorConnectionError,
    ConductorError,
    Feature,
    Info,
    ServerEvent,
)
from .const import API_VERSIONS, DOMAIN, LOGGER, POLL_INTERVAL
from .snapshot import Snapshot

REFRESH_COOLDOWN = 0.5
"""Seconds; events come in bursts, and one refresh after the burst is enough."""

MIN_RECONNECT_DELAY = 1.0
MAX_RECONNECT_DELAY = 60.0
"""Seconds between two attempts to open the event stream; doubled each time, with jitter."""

REFRESH_EVENTS = frozenset(
    {
        "config_changed",
        "events_lost",
        "file_set_aside",
        "memory_pressure",
        "model_evicted",
        "model_failed",
        "model_fell_back",
        "model_installed",
        "model_loading",
        "model_ready",
        "model_removed",
        "model_state_changed",
        "model_unloaded",
        "model_waiting_for_gpu",
        "request_finished",
    }
)
"""Events after which memory, errors or statistics have changed beyond what the event says."""

MAX_RECENT_EVENTS = 50
"""Number of events kept for diagnostics."""


class UnsupportedVersionError(ConfigEntryError):
    """Raised when the server's API version is not supported."""

    def __init__(self, version: str) -> None:
        """Store the API version of the server."""
        super().__init__(
            translation_domain=DOMAIN,
            translation_key="unsupported_version",
            translation_placeholders={"version": version},
        )
        self.version = version


class ConductorCoordinator(DataUpdateCoordinator[Snapshot]):
    """Owner of the snapshot of one server."""

    config_entry: ConfigEntry

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, client: ConductorClient) -> None:
        """Observe the server of `client`."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=timedelta(seconds=POLL_INTERVAL),
            always_update=False,
            request_refresh_debouncer=Debouncer(
                hass, LOGGER, cooldown=REFRESH_COOLDOWN, immediate=False
            ),
        )
        self.client = client
        self.recent_events: deque[ServerEvent] = deque(maxlen=MAX_RECENT_EVENTS)
        self.last_event_at: datetime | None = None
        """Time of the last event."""
        self.is_streaming = False
        """Whether the event stream is open."""
        self._event_listeners: set[Callable[[ServerEvent], None]] = set()
        self._last_event_id: str | None = None

    @callback
    def async_add_event_listener(self, listener: Callable[[ServerEvent], None]) -> CALLBACK_TYPE:
        """Call `listener` for each event, after the snapshot includes it."""
        self._event_listeners.add(listener)
        return lambda: self._event_listeners.discard(listener)

    @callback
    def async_start_event_stream(self) -> None:
        """Follow the server's events until the config entry is unloaded."""
        self.config_entry.async_create_background_task(
            self.hass, self._run_event_stream(), name=f"{DOMAIN} events of {self.name}"
        )

    @override
    async def _async_update_data(self) -> Snapshot:
        """Fetch a complete snapshot."""
        try:
            # Identity and version may have changed: the server may have been updated or replaced.
            info = await self.client.info()
            self._check_server(info)
            status = await self.client.status()
            config = await self.client.config() if Feature.CONFIG in info.features else None
        except ConductorAuthError as err:
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="invalid_auth"
            ) from err
        except ConductorError as err:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="update_failed",
                translation_placeholders={"error": str(err)},
            ) from err
        before = cast("Snapshot | None", self.data)
        if before is None:
            return Snapshot(info=info, status=status, config=config)
        return replace(before, info=info, status=status, config=config)

    async def async_refresh_config(self) -> None:
        """Fetch the configuration alone, which takes one request instead of four.

        A failure is left to the next refresh of everything.
        """
        if self.data.config is None:
            return
        try:
            config = await self.client.config()
        except ConductorError as err:
            self.logger.debug("Could not fetch the configuration: %s", err)
            return
        self.data = replace(self.data, config=config)
        self.async_update_listeners()

    def _check_server(self, info: Info) -> None:
        """Raise ConfigEntryError if the server is another one or its version is not supported."""
        if info.uuid != self.config_entry.unique_id:
            raise ConfigEntryError(translation_domain=DOMAIN, translation_key="wrong_server")
        if info.api_version not in API_VERSIONS:
            raise UnsupportedVersionError(info.api_version)

    async def _run_event_stream(self) -> None:
        """Keep the event stream open; entities become unavailable as soon as it breaks."""
        delay = MIN_RECONNECT_DELAY
        while True:
            try:
                async with aclosing(self.client.events(self._last_event_id)) as events:
                    async for event in events:
                        if not self.is_streaming:
                            delay = MIN_RECONNECT_DELAY
                            self.is_streaming = True
                            await self.async_refresh()
                        self._handle_event(event)
                raise ConductorConnectionError("the server closed the connection")
            except ConductorAuthError as err:
                self._set_disconnected(err)
                self.config_entry.async_start_reauth(self.hass)
                # The token does not change by itself; a new one reloads the entry.
                delay = MAX_RECONNECT_DELAY
            except ConductorError as err:
                self._set_disconnected(err)
            except Exception as err:  # noqa: BLE001  (a bug must not end the stream)
                LOGGER.exception("Unexpected error in the event stream of %s", self.name)
                self._set_disconnected(err)
            # Jitter: after a power cut many clients reconnect at the same time.
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311
            delay = min(delay * 2, MAX_RECONNECT_DELAY)

    @callback
    def _set_disconnected(self, err: Exception) -> None:
        self.is_streaming = False
        self.async_set_update_error(err)

    @callback
    def _handle_event(self, event: ServerEvent) -> None:
        """Apply an event to the snapshot and notify the listeners.

        An exception in a listener is logged and does not end the stream.
        """
        self.last_event_at = dt_util.utcnow()
        if event.id is not None:
            self._last_event_id = event.id
            self.recent_events.append(event)
        snapshot = self.data.apply_event(event)
        if snapshot is not self.data:
            self.data = snapshot
            self.async_update_listeners()
        for listener in tuple(self._event_listeners):
            try:
                listener(event)
            except Exception:  # noqa: BLE001  (a bug in one listener must not end the stream)
                LOGGER.exception("Unexpected error in an event listener of %s", self.name)
        if event.type == "config_changed":
            self.config_entry.async_create_background_task(
                self.hass, self.async_refresh_config(), name=f"{DOMAIN} config of {self.name}"
            )
        if event.type in REFRESH_EVENTS:
            self.config_entry.async_create_background_task(
                self.hass, self.async_request_refresh(), name=f"{DOMAIN} refresh of {self.name}"
            )
