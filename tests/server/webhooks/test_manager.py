"""Messages from what happened to whoever wants to know."""

import asyncio
import json
import sqlite3
import stat

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.errors import BadRequestError, NotFoundError
from wyoming_servers.core.events import ModelLoaded, ModelUnloaded
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.webhooks.deliveries import DeliveryStatus
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
def settle(clock):
    """Wait until no message is pending, or the count given has been tried."""

    async def wait(hooks: WebhookManager, count: int = 1) -> list:
        async with asyncio.timeout(10):
            while True:
                found = await hooks.deliveries()
                pending = [item for item in found if item.status is DeliveryStatus.PENDING]
                if len(found) >= count and not pending:
                    return found
                await clock.advance(0.5)
                await asyncio.sleep(0.01)

    return wait


async def test_the_end_of_a_job_is_told_once(make, listener, settle) -> None:
    async with make() as hooks:
        for _ in range(2):
            await hooks.notify_job_ended("j1", listener.url, {"id": "j1", "status": "done"})
        (delivery,) = await settle(hooks)
    assert (delivery.status, delivery.attempts, delivery.http_status) == ("delivered", 1, 200)
    assert [json.loads(body) for _, body in listener.heard] == [{"id": "j1", "status": "done"}]


async def test_a_refusal_is_tried_three_times(make, listener, settle) -> None:
    listener.statuses = [500, 404, 503, 200]
    async with make() as hooks:
        await hooks.notify_job_ended("j1", listener.url, {})
        (delivery,) = await settle(hooks)
    assert (delivery.status, delivery.attempts, delivery.http_status) == ("failed", 3, 503)
    assert "503" in delivery.error
    assert len({headers["webhook-id"] for headers, _ in listener.heard}) == 1


async def test_a_second_try_that_works_is_enough(make, listener, settle) -> None:
    listener.statuses = [500]
    async with make() as hooks:
        await hooks.notify_job_ended("j1", listener.url, {})
        (delivery,) = await settle(hooks)
    assert (delivery.status, delivery.attempts, delivery.error) == ("delivered", 2, "")


async def test_what_was_not_delivered_is_delivered_after_a_restart(make, listener, settle) -> None:
    listener.statuses = [500]
    async with make() as hooks:
        await hooks.notify_job_ended("j1", listener.url, {})
        async with asyncio.timeout(5):
            while not listener.heard:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    async with make() as hooks:
        (delivery,) = await settle(hooks)
    assert delivery.status is DeliveryStatus.DELIVERED


async def test_a_message_can_be_repeated(make, listener, settle) -> None:
    async with make() as hooks:
        await hooks.notify_job_ended("j1", listener.url, {"n": 1})
        (first,) = await settle(hooks)
        again = await hooks.redeliver(first.id)
        assert again.id != first.id
        await settle(hooks, 2)
        with pytest.raises(NotFoundError):
            await hooks.redeliver("nobody")
    assert listener.heard[0][1] == listener.heard[1][1]


async def test_who_sent_a_job_is_told_of_the_default_model(make, listener, settle, bus) -> None:
    async with make() as hooks:
        hooks.subscribe_to_models(listener.url)
        bus.publish(ModelLoaded(model="whisper/base", seconds=1, memory_bytes=1))
        bus.publish(ModelLoaded(model="piper/other", seconds=1, memory_bytes=1))
        bus.publish(ModelUnloaded(model="whisper/base", reason="idle"))
        await settle(hooks, 2)
    bodies = [json.loads(body) for _, body in listener.heard]
    assert sorted(body["type"] for body in bodies) == ["model_ready", "model_unloaded"]
    assert {body["model"] for body in bodies} == {"whisper/base"}
    ready = next(body for body in bodies if body["type"] == "model_ready")
    assert ready["loaded_at"].endswith("Z")


async def test_the_addresses_of_jobs_do_not_grow_without_end(make) -> None:
    async with make() as hooks:
        for number in range(MAX_SUBSCRIBERS + 10):
            hooks.subscribe_to_models(f"http://127.0.0.1/{number}")
        assert len(hooks._subscribers) == MAX_SUBSCRIBERS
        assert "http://127.0.0.1/0" not in hooks._subscribers


async def test_a_registered_address_is_told_what_it_asked_for(make, listener, settle, bus) -> None:
    async with make() as hooks:
        hook = await hooks.register(listener.url, ["model"])
        await hooks.notify_job_ended("j1", "", {})
        bus.publish(ModelUnloaded(model="piper/other", reason="idle"))
        (delivery,) = await settle(hooks)
        assert delivery.event == "model_unloaded"
    async with make() as hooks:
        assert [found.id for found in await hooks.webhooks()] == [hook.id]
        await hooks.remove(hook.id)
        assert await hooks.webhooks() == []
        with pytest.raises(NotFoundError):
            await hooks.remove(hook.id)


async def test_an_address_that_may_not_be_called_is_not_registered(make) -> None:
    async with make() as hooks:
        with pytest.raises(BadRequestError):
            await hooks.register("http://192.168.0.1/", [])
        with pytest.raises(BadRequestError, match="events"):
            await hooks.register("http://127.0.0.1/", ["weather"])


async def test_the_secret_is_its_owners_alone_and_stays(make, tmp_path) -> None:
    async with make():
        pass
    path = tmp_path / "webhook-secret"
    first = await asyncio.to_thread(path.read_text)
    assert stat.S_IMODE((await asyncio.to_thread(path.stat)).st_mode) == 0o600
    async with make():
        pass
    assert await asyncio.to_thread(path.read_text) == first


async def test_unreachable_addresses_do_not_delay_other_deliveries(
    make, listener, clock, until
) -> None:
    """Each waits for its next attempt without one of the slots for calls."""
    listener.statuses = [500] * 8
    async with make() as hooks:
        for number in range(8):
            await hooks.notify_job_ended(f"j{number}", listener.url, {})
        await until(lambda: len(listener.heard) == 8)
        await clock.run_ready_tasks()
        await hooks.notify_job_ended("j8", listener.url, {"last": True})
        await until(lambda: len(listener.heard) == 9)
    assert json.loads(listener.heard[-1][1]) == {"last": True}


async def test_model_events_are_delivered_after_a_database_error(
    make, listener, settle, bus, clock, monkeypatch
) -> None:
    async with make() as hooks:
        await hooks.register(listener.url, ["model"])
        storage, failures = hooks._opened_storage, [sqlite3.OperationalError("disk I/O error")]
        real = storage.webhooks

        async def fail_once():
            if failures:
                raise failures.pop()
            return await real()

        monkeypatch.setattr(storage, "webhooks", fail_once)
        bus.publish(ModelUnloaded(model="piper/a", reason="idle"))
        await clock.advance(2)
        bus.publish(ModelUnloaded(model="piper/b", reason="idle"))
        (delivery,) = await settle(hooks)
        assert json.loads(delivery.body)["model"] == "piper/b"


async def test_delivery_is_repeated_after_a_database_error(
    make, listener, settle, monkeypatch, caplog
) -> None:
    async with make() as hooks:
        storage, failures = hooks._opened_storage, [sqlite3.OperationalError("disk I/O error")]
        real = storage.record_attempt

        async def fail_once(*arguments, **options):
            if failures:
                raise failures.pop()
            await real(*arguments, **options)

        monkeypatch.setattr(storage, "record_attempt", fail_once)
        await hooks.notify_job_ended("j1", listener.url, {})
        (delivery,) = await settle(hooks)
        assert delivery.status is DeliveryStatus.DELIVERED
        assert "failed on this server" in caplog.text


async def test_allowed_targets_are_read_for_each_message(make) -> None:
    async with make() as hooks:
        config = hooks._config.current
        webhooks = config.webhooks.model_copy(update={"allowed_targets": ["10.0.0.0/8"]})
        with pytest.raises(BadRequestError):
            hooks.check_url("http://10.0.0.1/")
        changed = config.model_copy(update={"webhooks": webhooks})
        hooks._config.replace(changed, frozenset({"webhooks.allowed_targets"}))
        hooks.check_url("http://10.0.0.1/")
