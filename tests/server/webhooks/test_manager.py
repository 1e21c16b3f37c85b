"""Messages about jobs and models, from the event to the receiver."""

import asyncio
import json
import sqlite3
import stat

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
    NotFoundError,
    StorageError,
)
from wyoming_servers.core.events import ModelLoaded, ModelUnloaded
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.webhooks.deliveries import DeliveryStatus, DeliveryStorage
from wyoming_servers.webhooks.manager import MAX_SUBSCRIBERS, WebhookManager


@pytest.fixture
def make(tmp_path, bus, clock):
    def build() -> WebhookManager:
        config = Config.model_validate(
            {
                "asr": {"model": "whisper/base"},
                "webhooks": {"allowed_targets": ["127.0.0.1"], "timeout": 5},
            }
        )
        return WebhookManager(tmp_path, ConfigHolder(config), bus, clock, TaskSupervisor(clock))

    return build


@pytest.fixture
def wait_delivered(clock):
    """Wait until `count` messages exist and none is pending."""

    async def wait(manager: WebhookManager, count: int = 1) -> list:
        async with asyncio.timeout(10):
            while True:
                found = await manager.deliveries()
                pending = [item for item in found if item.status is DeliveryStatus.PENDING]
                if len(found) >= count and not pending:
                    return found
                await clock.advance(0.5)
                await asyncio.sleep(0.01)

    return wait


async def test_job_end_is_delivered_once(make, receiver, wait_delivered) -> None:
    async with make() as manager:
        for _ in range(2):
            await manager.notify_job_ended("j1", receiver.url, {"id": "j1", "status": "done"})
        (delivery,) = await wait_delivered(manager)
    assert (delivery.status, delivery.attempts, delivery.http_status) == ("delivered", 1, 200)
    assert [json.loads(body) for _, body in receiver.received] == [{"id": "j1", "status": "done"}]


async def test_rejected_delivery_is_attempted_three_times(make, receiver, wait_delivered) -> None:
    receiver.statuses = [500, 404, 503, 200]
    async with make() as manager:
        await manager.notify_job_ended("j1", receiver.url, {})
        (delivery,) = await wait_delivered(manager)
    assert (delivery.status, delivery.attempts, delivery.http_status) == ("failed", 3, 503)
    assert "503" in delivery.error
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1


async def test_successful_second_attempt_ends_the_delivery(make, receiver, wait_delivered) -> None:
    receiver.statuses = [500]
    async with make() as manager:
        await manager.notify_job_ended("j1", receiver.url, {})
        (delivery,) = await wait_delivered(manager)
    assert (delivery.status, delivery.attempts, delivery.error) == ("delivered", 2, "")


async def test_pending_delivery_is_sent_after_a_restart(make, receiver, wait_delivered) -> None:
    receiver.statuses = [500]
    async with make() as manager:
        await manager.notify_job_ended("j1", receiver.url, {})
        async with asyncio.timeout(5):
            while not receiver.received:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    async with make() as manager:
        (delivery,) = await wait_delivered(manager)
    assert delivery.status is DeliveryStatus.DELIVERED


async def test_delivery_can_be_repeated(make, receiver, wait_delivered) -> None:
    async with make() as manager:
        await manager.notify_job_ended("j1", receiver.url, {"n": 1})
        (first,) = await wait_delivered(manager)
        again = await manager.redeliver(first.id)
        assert again.id != first.id
        await wait_delivered(manager, 2)
        with pytest.raises(NotFoundError):
            await manager.redeliver("nobody")
    assert receiver.received[0][1] == receiver.received[1][1]


async def test_address_of_a_job_gets_events_of_the_default_model(
    make, receiver, wait_delivered, bus
) -> None:
    async with make() as manager:
        manager.subscribe_to_models(receiver.url)
        bus.publish(ModelLoaded(model="whisper/base", seconds=1, memory_bytes=1))
        bus.publish(ModelLoaded(model="piper/other", seconds=1, memory_bytes=1))
        bus.publish(ModelUnloaded(model="whisper/base", reason="idle"))
        await wait_delivered(manager, 2)
    bodies = [json.loads(body) for _, body in receiver.received]
    assert sorted(body["type"] for body in bodies) == ["model_ready", "model_unloaded"]
    assert {body["model"] for body in bodies} == {"whisper/base"}
    ready = next(body for body in bodies if body["type"] == "model_ready")
    assert ready["loaded_at"].endswith("Z")


async def test_address_of_a_job_gets_events_of_its_own_models_too(
    make, receiver, wait_delivered, bus
) -> None:
    async with make() as manager:
        manager.subscribe_to_models(receiver.url, "whisper/small")
        manager.subscribe_to_models(receiver.url, "whisper/tiny")
        for model in ("whisper/small", "whisper/tiny", "whisper/large-v3", "whisper/base"):
            bus.publish(ModelLoaded(model=model, seconds=1, memory_bytes=1))
        await wait_delivered(manager, 3)
    told = {json.loads(body)["model"] for _, body in receiver.received}
    assert told == {"whisper/small", "whisper/tiny", "whisper/base"}


async def test_subscribers_are_limited(make) -> None:
    async with make() as manager:
        for number in range(MAX_SUBSCRIBERS + 10):
            manager.subscribe_to_models(f"http://127.0.0.1/{number}")
        assert len(manager._subscribers) == MAX_SUBSCRIBERS
        assert "http://127.0.0.1/0" not in manager._subscribers


async def test_registered_webhook_gets_its_events_only(make, receiver, wait_delivered, bus) -> None:
    async with make() as manager:
        hook = await manager.register(receiver.url, ["model"])
        await manager.notify_job_ended("j1", "", {})
        bus.publish(ModelUnloaded(model="piper/other", reason="idle"))
        (delivery,) = await wait_delivered(manager)
        assert delivery.event == "model_unloaded"
    async with make() as manager:
        assert [found.id for found in await manager.webhooks()] == [hook.id]
        await manager.remove(hook.id)
        assert await manager.webhooks() == []
        with pytest.raises(NotFoundError):
            await manager.remove(hook.id)


async def test_disallowed_address_is_not_registered(make) -> None:
    async with make() as manager:
        with pytest.raises(BadRequestError):
            await manager.register("http://192.168.0.1/", [])
        with pytest.raises(BadRequestError, match="events"):
            await manager.register("http://127.0.0.1/", ["weather"])


async def test_signing_secret_is_private_and_persistent(make, tmp_path) -> None:
    async with make():
        pass
    path = tmp_path / "webhook-secret"
    first = await asyncio.to_thread(path.read_text)
    assert stat.S_IMODE((await asyncio.to_thread(path.stat)).st_mode) == 0o600
    async with make():
        pass
    assert await asyncio.to_thread(path.read_text) == first


async def test_unreachable_addresses_do_not_delay_other_deliveries(
    make, receiver, clock, until
) -> None:
    """Each waits for its next attempt without one of the slots for calls."""
    receiver.statuses = [500] * 8
    async with make() as manager:
        for number in range(8):
            await manager.notify_job_ended(f"j{number}", receiver.url, {})
        await until(lambda: len(receiver.received) == 8)
        await clock.run_ready_tasks()
        await manager.notify_job_ended("j8", receiver.url, {"last": True})
        await until(lambda: len(receiver.received) == 9)
    assert json.loads(receiver.received[-1][1]) == {"last": True}


async def test_model_events_are_delivered_after_a_database_error(
    make, receiver, wait_delivered, bus, clock, monkeypatch
) -> None:
    async with make() as manager:
        await manager.register(receiver.url, ["model"])
        storage, failures = manager._opened_storage, [sqlite3.OperationalError("disk I/O error")]
        real = storage.webhooks

        async def fail_once():
            if failures:
                raise failures.pop()
            return await real()

        monkeypatch.setattr(storage, "webhooks", fail_once)
        bus.publish(ModelUnloaded(model="piper/a", reason="idle"))
        await clock.advance(2)
        bus.publish(ModelUnloaded(model="piper/b", reason="idle"))
        (delivery,) = await wait_delivered(manager)
        assert json.loads(delivery.body)["model"] == "piper/b"


async def test_delivery_is_repeated_after_a_database_error(
    make, receiver, wait_delivered, monkeypatch, caplog
) -> None:
    async with make() as manager:
        storage, failures = manager._opened_storage, [sqlite3.OperationalError("disk I/O error")]
        real = storage.record_attempt

        async def fail_once(*arguments, **options):
            if failures:
                raise failures.pop()
            await real(*arguments, **options)

        monkeypatch.setattr(storage, "record_attempt", fail_once)
        await manager.notify_job_ended("j1", receiver.url, {})
        (delivery,) = await wait_delivered(manager)
        assert delivery.status is DeliveryStatus.DELIVERED
        assert "failed on this server" in caplog.text


async def test_allowed_targets_are_read_for_each_message(make) -> None:
    async with make() as manager:
        config = manager._config.current
        webhooks = config.webhooks.model_copy(update={"allowed_targets": ["10.0.0.0/8"]})
        with pytest.raises(BadRequestError):
            manager.check_url("http://10.0.0.1/")
        changed = config.model_copy(update={"webhooks": webhooks})
        manager._config.replace(changed, frozenset({"webhooks.allowed_targets"}))
        manager.check_url("http://10.0.0.1/")


@pytest.mark.parametrize("url", ["http://127。0。0。1:9/a", "http://127.0.0.1:99999/", "ftp://a/"])
async def test_delivery_to_an_impossible_address_ends(url, make, wait_delivered, clock) -> None:
    """Older versions accepted such addresses: their deliveries must not be repeated for ever."""
    async with make() as manager:
        await manager._queue_delivery("job", url, {})
        (delivery,) = await wait_delivered(manager)
    assert (delivery.status, delivery.completed) == (
        DeliveryStatus.FAILED,
        pytest.approx(clock.wall(), abs=60),
    )
    assert delivery.error


async def test_delivery_with_a_bug_ends(make, wait_delivered, monkeypatch, receiver) -> None:
    async def fail(*arguments, **options):
        raise ZeroDivisionError("oops")

    async with make() as manager:
        monkeypatch.setattr(manager._sender, "post", fail)
        await manager.notify_job_ended("j1", receiver.url, {})
        (delivery,) = await wait_delivered(manager)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.FAILED, 3)


async def test_webhooks_open_later_if_the_database_cannot_be_opened(
    make, clock, monkeypatch, until
) -> None:
    failures = [LoadFailedError("disk I/O error"), LoadFailedError("disk I/O error")]
    real = DeliveryStorage.open

    async def fail_twice(*arguments):
        if failures:
            raise failures.pop()
        return await real(*arguments)

    monkeypatch.setattr(DeliveryStorage, "open", fail_twice)
    async with make() as manager:
        with pytest.raises(StorageError, match="disk I/O error"):
            await manager.webhooks()
        await until(lambda: not failures)
        await clock.advance(2)
        await until(lambda: manager._storage)
        assert await manager.webhooks() == []


@pytest.mark.parametrize("content", [b"", b"whsec_!", b"\xff" * 40, b"whsec_AAAA"])
async def test_damaged_signing_secret_is_replaced(content, make, tmp_path) -> None:
    path = tmp_path / "webhook-secret"
    await asyncio.to_thread(path.write_bytes, content)
    async with make() as manager:
        assert len(manager._damaged.problems()) == 1
    assert (await asyncio.to_thread(path.read_text)).startswith("whsec_")
