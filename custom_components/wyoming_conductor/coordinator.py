"""Keeps one snapshot of the server: events push it forward, a slow poll is the safety net."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryError
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from . import issues
from .api import (
    ConductorAuthError,
    ConductorClient,
    ConductorConnectionError,
    ConductorError,
    Feature,
    ServerEvent,
)
from .const import CONF_INTERVAL, DEFAULT_INTERVAL, DOMAIN, LOGGER
from .snapshot import Snapshot

if TYPE_CHECKING:
    from .warmth import Warmth

type ConductorConfigEntry = ConfigEntry[ConductorCoordinator]

SETTLE_SECONDS = 0.5
"""Events come in groups; what they led to is read once, after the group."""

FIRST_RETRY = 1.0
LAST_RETRY = 60.0
"""Seconds between tries to reach the event stream again: doubled each time, with jitter."""

CHANGES = frozenset(
    {
        "config_changed",
        "events_lost",
        "memory_pressure",
        "model_evicted",
        "model_failed",
        "model_fell_back",
        "model_installed",
        "model_loading",
        "model_ready",
        "model_removed",
        "model_unloaded",
        "model_waiting_for_gpu",
        "request_finished",
    }
)
"""Events after which more has changed than they tell: memory, errors, times."""

KEPT_EVENTS = 50
"""The newest events, for diagnostics."""


class ConductorCoordinator(DataUpdateCoordinator[Snapshot]):
    """The one owner of what is known about a server."""

    config_entry: ConductorConfigEntry

    def __init__(
        self, hass: HomeAssistant, entry: ConductorConfigEntry, client: ConductorClient
    ) -> None:
        """Watch the server behind `client`."""
        interval = timedelta(seconds=entry.options.get(CONF_INTERVAL, DEFAULT_INTERVAL))
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=interval,
            always_update=False,
            request_refresh_debouncer=Debouncer(
                hass, LOGGER, cooldown=SETTLE_SECONDS, immediate=False
            ),
        )
        self.client = client
        self.recent: deque[ServerEvent] = deque(maxlen=KEPT_EVENTS)
        self.last_event_at: datetime | None = None
        """When the stream last said anything."""
        self.is_streaming = False
        self.warmth: Warmth
        """What is kept warm; there once the entry is set up."""
        self._event_listeners: set[Callable[[ServerEvent], None]] = set()
        self._last_id: str | None = None

    @callback
    def async_listen_events(self, listener: Callable[[ServerEvent], None]) -> CALLBACK_TYPE:
        """Call `listener` with each event, after the snapshot has followed it."""
        self._event_listeners.add(listener)
        return lambda: self._event_listeners.discard(listener)

    @callback
    def async_follow(self) -> None:
        """Begin to follow the server's events, until the entry is unloaded."""
        self.config_entry.async_create_background_task(
            self.hass, self._follow(), name=f"{DOMAIN} events of {self.name}"
        )

    @override
    async def _async_update_data(self) -> Snapshot:
        """Read everything. Raises what Home Assistant expects of an update."""
        try:
            # The server may have been updated or restarted, so who it is is asked each time.
            info = await self.client.info()
            self._check(info.uuid, info.api_version)
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

    def _check(self, uuid: str, api_version: str) -> None:
        """Raise if it is another server, or one whose language we do not speak."""
        entry = self.config_entry
        if uuid != entry.unique_id:
            raise ConfigEntryError(translation_domain=DOMAIN, translation_key="wrong_server")
        if not issues.async_check_version(self.hass, entry, api_version):
            raise ConfigEntryError(
                translation_domain=DOMAIN,
                translation_key="unsupported_version",
                translation_placeholders={"version": api_version},
            )

    async def _follow(self) -> None:
        """Follow the events for ever; each break makes the entities unavailable at once."""
        delay = FIRST_RETRY
        while True:
            try:
                async for event in self.client.events(self._last_id):
                    if not self.is_streaming:
                        delay = FIRST_RETRY
                        self.is_streaming = True
                        await self.async_refresh()
                    self._take(event)
                raise ConductorConnectionError("the server closed the connection")
            except ConductorAuthError as err:
                self.is_streaming = False
                self.async_set_update_error(err)
                self.config_entry.async_start_reauth(self.hass)
                return
            except ConductorError as err:
                self.is_streaming = False
                self.async_set_update_error(err)
            # Many homes come back at once after a power cut: spread them.
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311
            delay = min(delay * 2, LAST_RETRY)

    @callback
    def _take(self, event: ServerEvent) -> None:
        """Let the snapshot follow an event, then tell those who listen."""
        self.last_event_at = dt_util.utcnow()
        if event.id is not None:
            self._last_id = event.id
            self.recent.append(event)
        after = self.data.after(event)
        if after is not self.data:
            self.data = after
            self.async_update_listeners()
        for listener in tuple(self._event_listeners):
            listener(event)
        if event.type in CHANGES:
            self.config_entry.async_create_background_task(
                self.hass, self.async_request_refresh(), name=f"{DOMAIN} refresh of {self.name}"
            )
