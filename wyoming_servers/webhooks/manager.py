"""Decides which addresses get a message, and delivers each with up to three attempts.

A message is stored before it is sent, so that a restart of the server continues with it.
"""

import asyncio
import json
import logging
import secrets
import sqlite3
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.core.clock import Clock, iso_timestamp
from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
    NotFoundError,
    StorageError,
)
from wyoming_servers.core.event_bus import EventBus, SequencedEvent
from wyoming_servers.core.events import ModelLoaded, ModelUnloaded
from wyoming_servers.core.files import read_or_create_secret
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.data_dir.set_aside import DamagedFiles
from wyoming_servers.webhooks.deliveries import Delivery, DeliveryStatus, DeliveryStorage, Webhook
from wyoming_servers.webhooks.sender import Resolve, SendError, WebhookSender
from wyoming_servers.webhooks.ssrf_guard import AddressGuard

_LOGGER: Final = logging.getLogger(__name__)

SECRET_FILE: Final = "webhook-secret"  # noqa: S105  (a file's name)

EVENT_GROUPS: Final = ("job", "model")

MAX_ATTEMPTS: Final = 3
BACKOFF_SECONDS: Final = (1.0, 2.0)
"""Delays after the first and the second attempt."""

MAX_SUBSCRIBERS: Final = 256
"""Addresses of jobs that get the default model's events; the oldest are dropped."""

MAX_WEBHOOKS: Final = 256

_MIN_SECRET_BYTES: Final = 16
"""A shorter secret is the rest of a damaged file."""

_MAX_CONCURRENT: Final = 8
_RETENTION_SECONDS: Final = 604_800.0
_ERROR_RETRY_SECONDS: Final = 60.0
"""Delay before a delivery is tried again that failed on this server, such as in the database."""


class WebhookManager:
    """All webhooks and messages of one server; use it with `async with`."""

    def __init__(
        self,
        data_dir: Path,
        config: ConfigHolder,
        bus: EventBus,
        clock: Clock,
        tasks: TaskSupervisor,
        *,
        damaged: DamagedFiles | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        """The configuration is read for each message."""
        self._damaged = damaged or DamagedFiles(bus, clock)
        self._unavailable = ""
        """Why the storage is not open."""
        self._data_dir = data_dir
        self._config = config
        self._bus = bus
        self._clock = clock
        self._supervisor = tasks
        self._resolve = resolve
        self._subscribers: dict[str, set[str]] = {}
        """Addresses that jobs named, in the order of their last job, with the jobs' models."""
        self._storage: DeliveryStorage | None = None
        self._stack = AsyncExitStack()
        self._opened = AsyncExitStack()
        self._delivery_tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def __aenter__(self) -> Self:
        """Open the storage and continue with the messages that were not delivered.

        If the storage cannot be opened, it is tried again and again; until then every call raises
        StorageError.
        """
        async with AsyncExitStack() as stack:
            try:
                await self._open()
            except LoadFailedError as err:
                self._unavailable = err.message
            stack.push_async_callback(self._close)
            subscribed = asyncio.Event()
            watch = self._supervisor.start(lambda: self._watch_models(subscribed), "model webhooks")
            stack.push_async_callback(cancel_and_wait, watch)
            await subscribed.wait()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; messages that were not delivered are sent after the next start."""
        await self._stack.aclose()

    def check_url(self, url: str) -> None:
        """Check whether an address may be called, without resolving it. Raises BadRequestError."""
        self._guard.check_url(url)

    def subscribe_to_models(self, url: str, model: str = "") -> None:
        """Send the events of the default model, and of `model`, to an address.

        That ends with the server. Each call may name another model.
        """
        models = self._subscribers.pop(url, set())
        self._subscribers[url] = models | {model}
        while len(self._subscribers) > MAX_SUBSCRIBERS:
            del self._subscribers[next(iter(self._subscribers))]

    async def register(self, url: str, events: Sequence[str]) -> Webhook:
        """Register an address for events of jobs, models or both. Raises BadRequestError."""
        self.check_url(url)
        groups = tuple(dict.fromkeys(events or EVENT_GROUPS))
        if not set(groups) <= set(EVENT_GROUPS):
            raise BadRequestError(f"events must be some of {', '.join(EVENT_GROUPS)}")
        if len(await self._opened_storage.webhooks()) >= MAX_WEBHOOKS:
            raise BadRequestError(f"there are {MAX_WEBHOOKS} webhooks already")
        return await self._opened_storage.add_webhook(url, groups, self._clock.wall())

    async def webhooks(self) -> list[Webhook]:
        """Return the registered webhooks."""
        return await self._opened_storage.webhooks()

    async def remove(self, webhook: str) -> None:
        """Delete a registered webhook. Raises NotFoundError."""
        await self._opened_storage.remove_webhook(webhook)

    async def deliveries(self, limit: int = 100) -> list[Delivery]:
        """Return messages, newest first."""
        return await self._opened_storage.latest(limit)

    async def redeliver(self, delivery: str) -> Delivery:
        """Send a message once more, as a new delivery. Raises NotFoundError."""
        old = await self._opened_storage.get(delivery)
        new = await self._opened_storage.add(old.event, old.url, old.body, self._clock.wall())
        assert new is not None  # noqa: S101  (a new id)
        self._start_delivery(new)
        return await self._opened_storage.get(new)

    async def notify_job_ended(self, job: str, url: str, payload: Mapping[str, Any]) -> None:
        """Notify the job's own address and the registered ones; a repetition sends nothing."""
        urls = [url] if url else []
        webhooks = await self._opened_storage.webhooks()
        urls += [webhook.url for webhook in webhooks if "job" in webhook.events]
        for target in dict.fromkeys(urls):
            await self._queue_delivery("job", target, payload, key=_delivery_key(job, target))

    async def _open(self) -> None:
        """Open everything that a delivery needs. Raises LoadFailedError; repeat it then."""
        secret = await self._open_secret()
        async with AsyncExitStack() as stack:
            storage = await DeliveryStorage.open(self._data_dir / "webhooks.sqlite", self._damaged)
            stack.push_async_callback(storage.close)
            sender = WebhookSender(lambda: self._guard, secret, resolve=self._resolve)
            self._sender = await stack.enter_async_context(sender)
            stack.push_async_callback(self._stop_deliveries)
            try:
                await storage.prune(self._clock.wall() - _RETENTION_SECONDS)
                pending = await storage.pending_ids()
            except StorageError as err:
                raise LoadFailedError(err.message, hint=err.hint) from err
            self._storage = storage
            self._opened = stack.pop_all()
        for delivery in pending:
            self._start_delivery(delivery)

    async def _close(self) -> None:
        await self._opened.aclose()

    async def _open_secret(self) -> str:
        path = self._data_dir / SECRET_FILE
        new = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
        try:
            await self._damaged.check(path, _is_secret, "It contains no webhook signing secret.")
            return await asyncio.to_thread(read_or_create_secret, path, new)
        except OSError as err:
            raise LoadFailedError(
                f"The webhook signing secret in {path} cannot be used: {err}.",
                hint="Give the server permission to read and write the file.",
            ) from err

    async def _watch_models(self, subscribed: asyncio.Event) -> None:
        with self._bus.subscribe() as subscription:
            subscribed.set()
            if self._storage is None:
                await self._open()
            async for item in subscription:
                message = _model_message(item)
                if message is None:
                    continue
                model = message["model"]
                is_default = model == self._config.current.asr.model
                urls = [
                    url
                    for url, models in self._subscribers.items()
                    if is_default or model in models
                ]
                webhooks = await self._opened_storage.webhooks()
                urls += [webhook.url for webhook in webhooks if "model" in webhook.events]
                for url in dict.fromkeys(urls):
                    await self._queue_delivery(message["type"], url, message)

    async def _queue_delivery(
        self, event: str, url: str, payload: Mapping[str, Any], *, key: str = ""
    ) -> None:
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        delivery = await self._opened_storage.add(event, url, body, self._clock.wall(), key)
        if delivery is not None:
            self._start_delivery(delivery)

    def _start_delivery(self, delivery: str) -> None:
        task = asyncio.create_task(self._deliver(delivery), name="webhook delivery")
        self._delivery_tasks.add(task)
        task.add_done_callback(self._delivery_tasks.discard)

    async def _deliver(self, delivery: str) -> None:
        """Attempt a delivery until it ends; an error of the storage is logged and retried."""
        while True:
            try:
                await self._attempt_delivery(delivery)
            except NotFoundError:
                return
            except (StorageError, sqlite3.Error) as err:
                _LOGGER.warning(
                    "A webhook delivery failed on this server; retrying in %g s: %s",
                    _ERROR_RETRY_SECONDS,
                    err,
                )
                await self._clock.sleep(_ERROR_RETRY_SECONDS)
            else:
                return

    async def _attempt_delivery(self, delivery_id: str) -> None:
        """Send until it succeeds, cannot succeed, or was tried `MAX_ATTEMPTS` times."""
        delivery = await self._opened_storage.get(delivery_id)
        body = delivery.body.encode()
        for attempt in range(1, MAX_ATTEMPTS + 1):
            status, error, final = DeliveryStatus.DELIVERED, "", True
            http_status: int | None = None
            try:
                # Only during the call: addresses that do not answer must not delay the others.
                async with self._slots:
                    http_status = await self._sender.post(
                        delivery.url,
                        body,
                        message_id=delivery.id,
                        timestamp=int(self._clock.wall()),
                        timeout=self._config.current.webhooks.timeout,
                    )
            except SendError as err:
                status, error, http_status = DeliveryStatus.FAILED, str(err), err.status
                final = err.final or attempt == MAX_ATTEMPTS
            except Exception as err:
                # A delivery that this server cannot make must end too.
                _LOGGER.exception("A webhook delivery failed because of a bug")
                status, error = DeliveryStatus.FAILED, f"{type(err).__name__}: {err}"
                final = attempt == MAX_ATTEMPTS
            await self._opened_storage.record_attempt(
                delivery.id,
                status if final else DeliveryStatus.PENDING,
                attempts=attempt,
                http_status=http_status,
                error=error,
                completed=self._clock.wall() if final else None,
            )
            if final:
                if error:
                    _LOGGER.warning("webhook to %s failed: %s", _host(delivery.url), error)
                return
            await self._clock.sleep(BACKOFF_SECONDS[attempt - 1])

    @property
    def _guard(self) -> AddressGuard:
        return AddressGuard(self._config.current.webhooks.allowed_targets)

    @property
    def _opened_storage(self) -> DeliveryStorage:
        if self._storage is None:
            raise StorageError(f"Webhooks are not available. {self._unavailable}".rstrip())
        return self._storage

    async def _stop_deliveries(self) -> None:
        for task in list(self._delivery_tasks):
            await cancel_and_wait(task)


def _model_message(item: SequencedEvent) -> dict[str, Any] | None:
    """Return the message about a model event; None for other events."""
    match item.event:
        case ModelLoaded() as loaded:
            loaded_at = iso_timestamp(item.timestamp)
            return {"type": loaded.type, "loaded_at": loaded_at, "model": loaded.model}
        case ModelUnloaded() as unloaded:
            return {"type": unloaded.type, "model": unloaded.model}
        case _:
            return None


def _delivery_key(job: str, url: str) -> str:
    """Return the id of the message about the end of a job, the same for each repetition."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{job} {url}"))


def _is_secret(content: bytes) -> bool:
    """Whether a file contains a signing secret that the sender can use."""
    text = content.strip()
    try:
        return len(b64decode(text.removeprefix(b"whsec_"), validate=True)) >= _MIN_SECRET_BYTES
    except ValueError:
        return False


def _host(url: str) -> str:
    """Return the part of an address that may be logged: paths contain secrets."""
    return url.split("/")[2].rpartition("@")[2]
