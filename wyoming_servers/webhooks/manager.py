"""Who is told what, and that they are: three tries each, kept until then."""

import asyncio
import json
import logging
import secrets
import uuid
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.config.schema import WebhooksSection
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import BadRequestError, LoadFailedError, ShuttingDownError
from wyoming_servers.core.event_bus import EventBus, SequencedEvent, Subscription
from wyoming_servers.core.events import ModelLoaded, ModelUnloaded
from wyoming_servers.data_dir.secret import read_or_create_secret
from wyoming_servers.webhooks.deliveries import Delivery, DeliveryStatus, DeliveryStorage, Webhook
from wyoming_servers.webhooks.sender import Resolve, SendError, WebhookSender
from wyoming_servers.webhooks.ssrf_guard import AddressGuard

_LOGGER: Final = logging.getLogger(__name__)

SECRET_FILE: Final = "webhook-secret"  # noqa: S105  (a file's name)

EVENT_GROUPS: Final = ("job", "model")

MAX_ATTEMPTS: Final = 3
BACKOFF_SECONDS: Final = (1.0, 2.0)
"""After the first and the second try."""

MAX_SUBSCRIBERS: Final = 256
"""Addresses told of the default model because a job named them; the oldest go first."""

MAX_WEBHOOKS: Final = 256

_MAX_CONCURRENT: Final = 8
_RETENTION_SECONDS: Final = 604_800.0


class WebhookManager:
    """All messages of one server; use it with `async with`."""

    def __init__(
        self,
        data_dir: Path,
        config: WebhooksSection,
        bus: EventBus,
        clock: Clock,
        *,
        default_model: str,
        resolve: Resolve | None = None,
    ) -> None:
        """`default_model` is the one whose coming and going is told to those that sent jobs."""
        self._data_dir = data_dir
        self._config = config
        self._bus = bus
        self._clock = clock
        self._default_model = default_model
        self._resolve = resolve
        self._guard = AddressGuard(config.allowed_targets)
        self._subscribers: dict[str, None] = {}
        self._storage: DeliveryStorage | None = None
        self._stack = AsyncExitStack()
        self._delivery_tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def __aenter__(self) -> Self:
        """Open the storage and go on with what was not delivered."""
        secret = await asyncio.to_thread(_ensure_secret, self._data_dir)
        async with AsyncExitStack() as stack:
            self._storage = await DeliveryStorage.open(self._data_dir / "webhooks.sqlite")
            stack.push_async_callback(self._storage.close)
            sender = WebhookSender(self._guard, secret, self._config.timeout, resolve=self._resolve)
            self._sender = await stack.enter_async_context(sender)
            stack.push_async_callback(self._stop_deliveries)
            await self._storage.prune(self._clock.wall() - _RETENTION_SECONDS)
            for delivery in await self._storage.pending_ids():
                self._start_delivery(delivery)
            subscription = stack.enter_context(self._bus.subscribe())
            self._watch_task = asyncio.create_task(
                self._watch_models(subscription), name="webhooks"
            )
            stack.push_async_callback(self._stop_watching)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; what was not delivered is tried again at the next start."""
        await self._stack.aclose()

    def check_url(self, url: str) -> None:
        """See that an address may be called, as far as its text tells. Raises BadRequestError."""
        self._guard.check_url(url)

    def subscribe_to_models(self, url: str) -> None:
        """Tell an address when the default model is ready or unloaded, until the server ends."""
        self._subscribers.pop(url, None)
        self._subscribers[url] = None
        while len(self._subscribers) > MAX_SUBSCRIBERS:
            del self._subscribers[next(iter(self._subscribers))]

    async def register(self, url: str, events: Sequence[str]) -> Webhook:
        """Tell an address of all jobs, all models, or both, for good. Raises BadRequestError."""
        self.check_url(url)
        wanted = tuple(dict.fromkeys(events or EVENT_GROUPS))
        if not set(wanted) <= set(EVENT_GROUPS):
            raise BadRequestError(f"events must be some of {', '.join(EVENT_GROUPS)}")
        if len(await self._opened_storage.webhooks()) >= MAX_WEBHOOKS:
            raise BadRequestError(f"there are {MAX_WEBHOOKS} webhooks already")
        return await self._opened_storage.add_webhook(url, wanted, self._clock.wall())

    async def webhooks(self) -> list[Webhook]:
        """Return the registered addresses."""
        return await self._opened_storage.webhooks()

    async def remove(self, hook: str) -> None:
        """Forget a registered address. Raises NotFoundError."""
        await self._opened_storage.remove_webhook(hook)

    async def deliveries(self, limit: int = 100) -> list[Delivery]:
        """Return messages, the newest first."""
        return await self._opened_storage.latest(limit)

    async def redeliver(self, delivery: str) -> Delivery:
        """Send a message once more, as a new one. Raises NotFoundError."""
        old = await self._opened_storage.get(delivery)
        again = await self._opened_storage.add(old.event, old.url, old.body, self._clock.wall())
        assert again is not None  # noqa: S101  (a new id)
        self._start_delivery(again)
        return await self._opened_storage.get(again)

    async def notify_job_ended(self, job: str, url: str, payload: Mapping[str, Any]) -> None:
        """Tell the job's own address and the registered ones; asking again tells nobody twice."""
        urls = [url] if url else []
        urls += [hook.url for hook in await self._opened_storage.webhooks() if "job" in hook.events]
        for target in dict.fromkeys(urls):
            await self._queue_delivery("job", target, payload, key=_delivery_key(job, target))

    async def _watch_models(self, events: Subscription) -> None:
        async for item in events:
            message = _model_message(item)
            if message is None:
                continue
            urls = list(self._subscribers) if message["model"] == self._default_model else []
            urls += [
                hook.url for hook in await self._opened_storage.webhooks() if "model" in hook.events
            ]
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
        task = asyncio.create_task(self._deliver(delivery), name="deliver a webhook")
        self._delivery_tasks.add(task)
        task.add_done_callback(self._delivery_tasks.discard)

    async def _deliver(self, delivery_id: str) -> None:
        """Try until it is taken, pointless, or was tried three times."""
        async with self._slots:
            delivery = await self._opened_storage.get(delivery_id)
            body = delivery.body.encode()
            for attempt in range(1, MAX_ATTEMPTS + 1):
                status, error, final = DeliveryStatus.DELIVERED, "", True
                http_status: int | None = None
                try:
                    http_status = await self._sender.post(
                        delivery.url, body, call=delivery.id, timestamp=int(self._clock.wall())
                    )
                except SendError as err:
                    status, error, http_status = DeliveryStatus.FAILED, str(err), err.status
                    final = err.final or attempt == MAX_ATTEMPTS
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
    def _opened_storage(self) -> DeliveryStorage:
        if self._storage is None:
            raise ShuttingDownError("Webhooks are not served now.")
        return self._storage

    async def _stop_deliveries(self) -> None:
        await _cancel_all(self._delivery_tasks)

    async def _stop_watching(self) -> None:
        await _cancel_all({self._watch_task})


async def _cancel_all(tasks: set[asyncio.Task[None]]) -> None:
    waiting = set(tasks)
    for task in waiting:
        task.cancel()
    if waiting:
        await asyncio.wait(waiting)
    for task in waiting:
        if not task.cancelled() and (failure := task.exception()) is not None:
            _LOGGER.error("The %s task failed", task.get_name(), exc_info=failure)


def _model_message(item: SequencedEvent) -> dict[str, Any] | None:
    match item.event:
        case ModelLoaded() as loaded:
            at = datetime.fromtimestamp(item.timestamp, UTC).isoformat(timespec="milliseconds")
            when = at.replace("+00:00", "Z")
            return {"type": loaded.type, "loaded_at": when, "model": loaded.model}
        case ModelUnloaded() as unloaded:
            return {"type": unloaded.type, "model": unloaded.model}
        case _:
            return None


def _delivery_key(job: str, url: str) -> str:
    """Return an id that the same end of the same job gets again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{job} {url}"))


def _ensure_secret(data_dir: Path) -> str:
    path = data_dir / SECRET_FILE
    try:
        return read_or_create_secret(path, "whsec_" + b64encode(secrets.token_bytes(32)).decode())
    except (OSError, UnicodeDecodeError) as err:
        raise LoadFailedError(
            f"The secret that signs webhooks in {path} cannot be used: {err}.",
            hint="Give the server the right to read and write it.",
        ) from err


def _host(url: str) -> str:
    """Return what may be logged of an address: paths hold secrets."""
    return url.split("/")[2].rpartition("@")[2]
