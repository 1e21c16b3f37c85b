"""Services: what automations can ask, and what they are answered."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

import pytest
from fakes.conductor import FakeConductor
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from custom_components.wyoming_conductor.const import DOMAIN

Until = Callable[[Callable[[], Any]], Awaitable[None]]


async def ask(
    home: HomeAssistant, service: str, entry: MockConfigEntry, *, answers: bool = True, **data: Any
) -> Any:
    """Call one of our services."""
    return await home.services.async_call(
        DOMAIN,
        service,
        {"config_entry_id": entry.entry_id, **data},
        blocking=True,
        return_response=answers,
    )


async def test_a_model_that_is_ready_is_answered_at_once(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    answer = await ask(home, "load_model", loaded, model="whisper/base")
    assert answer["state"] == "ready"
    assert answer["memory_bytes"] == 600 * 2**20


async def test_loading_waits_until_the_model_is_ready(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    asking = asyncio.create_task(ask(home, "load_model", loaded, model="openwakeword"))
    await until(lambda: conductor.asked)
    await conductor.set_state("openwakeword", "loading")
    await conductor.publish("model_failed", model="openwakeword", message="x", retry_seconds=1.0)
    await conductor.set_state("openwakeword", "ready")
    await conductor.publish("model_ready", model="openwakeword", seconds=0.1, memory_bytes=1)
    await conductor.publish("model_ready", model="whisper/base", seconds=0.1, memory_bytes=1)
    assert (await asking)["state"] == "ready"


async def test_loading_need_not_wait(home: HomeAssistant, loaded: MockConfigEntry) -> None:
    answer = await ask(home, "load_model", loaded, model="openwakeword", wait=False)
    assert answer["state"] == "unloaded"


async def test_loading_that_fails_says_why(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    asking = asyncio.create_task(ask(home, "load_model", loaded, model="openwakeword"))
    await until(lambda: conductor.asked)
    await asyncio.sleep(0.1)
    await conductor.publish(
        "model_failed", model="openwakeword", code="LOAD_FAILED", message="Broken file."
    )
    with pytest.raises(HomeAssistantError, match="Broken file"):
        await asking


async def test_loading_that_never_ends_is_given_up(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    with (
        patch("custom_components.wyoming_conductor.services.WAIT_SECONDS", 0.05),
        pytest.raises(HomeAssistantError, match="still not loaded"),
    ):
        await ask(home, "load_model", loaded, model="openwakeword")


async def test_a_model_is_unloaded(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    await ask(home, "unload_model", loaded, answers=False, model="whisper/base")
    assert conductor.asked == [("POST", "/models/whisper/base/unload", None)]


@pytest.mark.parametrize(
    ("service", "data"),
    [("load_model", {"model": "nobody"}), ("unload_model", {"model": "nobody"})],
)
async def test_a_model_that_is_not_there_is_named_with_those_that_are(
    home: HomeAssistant, loaded: MockConfigEntry, service: str, data: dict[str, str]
) -> None:
    with pytest.raises(ServiceValidationError, match="whisper/base"):
        await ask(home, service, loaded, answers=False, **data)


async def test_a_server_that_is_not_loaded_is_refused(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError):
        await ask(home, "get_status", entry)


async def test_the_status_tells_everything(
    home: HomeAssistant, loaded: MockConfigEntry, snapshot: SnapshotAssertion
) -> None:
    assert await ask(home, "get_status", loaded) == snapshot


async def test_caches_are_cleared(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    await ask(home, "clear_cache", loaded, answers=False, cache="phrases")
    assert conductor.asked == [("DELETE", "/cache/phrases", None)]


async def test_a_server_without_caches_says_so(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["features"] = []
    await loaded.runtime_data.async_refresh()
    with pytest.raises(ServiceValidationError, match="does not keep"):
        await ask(home, "clear_cache", loaded, answers=False, cache="models")


async def test_warming_up_an_assistant_that_is_not_there_is_refused(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError, match="no voice assistant"):
        await ask(home, "warm_up", loaded, answers=False, pipeline="nobody")
