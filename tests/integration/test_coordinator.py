"""Event stream and polling: updates, reconnects and malformed data."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from fakes.conductor import FakeConductor
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.snapshot import Snapshot

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]

pytestmark = pytest.mark.usefixtures("entity_registry_enabled_by_default")

STATE = "sensor.whisper_base_state"
CONNECTED = "binary_sensor.attic_connected"
LOADED = "sensor.attic_loaded_models"


def state(home: HomeAssistant, entity_id: str) -> str:
    """Return the state of an entity."""
    return home.states.get(entity_id).state


@pytest.mark.quality_scale("appropriate-polling")
async def test_state_event_updates_entities_without_request(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    conductor.responses["GET /models"] = RuntimeError("not asked")
    await conductor.publish("model_state_changed", model="whisper/base", state="unloading")
    await wait_until(lambda: state(home, STATE) == "unloading")
    assert state(home, "switch.whisper_base_loaded") == STATE_OFF


@pytest.mark.parametrize(
    "data",
    [
        {"model": "unknown", "state": "ready"},
        {"model": "whisper/base", "state": "dancing"},
        {"model": "whisper/base"},
        {},
    ],
)
async def test_malformed_state_event_is_ignored(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    data: dict[str, str],
) -> None:
    await conductor.publish("model_state_changed", **data)
    await conductor.publish("model_state_changed", model="openwakeword", state="loading")
    await wait_until(lambda: state(home, "sensor.openwakeword_state") == "loading")
    assert state(home, STATE) == "ready"


@pytest.mark.parametrize(
    "kind",
    ["model_loading", "model_ready", "model_unloaded", "model_waiting_for_gpu", "events_lost"],
)
async def test_event_triggers_refresh(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    kind: str,
) -> None:
    conductor.models[1]["state"] = "unloaded"
    await conductor.publish(kind, model="piper/en_US-joe-medium", count=3, reason="idle")
    await wait_until(lambda: state(home, LOADED) == "1")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {
                "state": "waiting_for_gpu",
                "waiting": {
                    "device": "cuda:0",
                    "needed_bytes": 6_000,
                    "free_bytes": 2_000,
                    "held_by": [{"kind": "program", "name": "other programs", "bytes": 9_000}],
                    "retry_in_secs": 5.0,
                },
            },
            {"needed_bytes": 6_000, "free_bytes": 2_000, "held_by": ["other programs"]},
        ),
        (
            {
                "state": "unfit",
                "unfit": {"device": "cuda:0", "needed_bytes": 6_000, "budget_bytes": 4_000},
            },
            {"needed_bytes": 6_000, "budget_bytes": 4_000},
        ),
        (
            {
                "state": "downloading",
                "installed": False,
                "device": "",
                "progress": {"phase": "download", "percent": 40},
            },
            {"percent": 40},
        ),
    ],
)
async def test_state_sensor_says_why_model_is_not_loaded(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    fields: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    before = home.states.get(STATE).attributes
    conductor.models[0] |= fields
    await conductor.set_state("whisper/base", fields["state"])
    await wait_until(lambda: home.states.get(STATE).attributes != before)
    after = home.states.get(STATE)
    assert after.state == fields["state"]
    added = {name: after.attributes[name] for name in after.attributes.keys() - before.keys()}
    assert added == expected


async def test_state_sensor_shows_cause_and_next_attempt(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    error = {"code": "LOAD_FAILED", "message": "It did not work.", "retry_in_secs": 90.0}
    conductor.models[0] |= {"state": "failed", "error": error}
    earliest = dt_util.utcnow() + timedelta(seconds=89)
    await loaded_entry.runtime_data.coordinator.async_refresh()
    attributes = home.states.get(STATE).attributes
    assert attributes["cause"] == "It did not work."
    assert earliest <= attributes["retry_at"] <= dt_util.utcnow() + timedelta(seconds=90)


@pytest.mark.quality_scale("entity-unavailable", "log-when-unavailable")
async def test_broken_event_stream_makes_entities_unavailable(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await conductor.publish("speech_started", client="kitchen")
    await conductor.publish("model_progress", model="openwakeword", phase="load", percent=3)
    await wait_until(lambda: len(loaded_entry.runtime_data.coordinator.recent_events) == 2)

    await conductor.stop()
    await wait_until(lambda: state(home, STATE) == STATE_UNAVAILABLE)
    assert state(home, CONNECTED) == STATE_OFF
    assert not loaded_entry.runtime_data.coordinator.is_streaming

    conductor.models[0]["state"] = "unloaded"
    await conductor.start()
    await wait_until(lambda: state(home, CONNECTED) == STATE_ON)
    assert state(home, STATE) == "unloaded"
    assert conductor.last_event_ids == [None, "2"]
    errors = [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    ours = [record for record in errors if "wyoming_conductor" in record.name]
    assert len(ours) == 1, [record.message for record in ours]


async def test_poll_restores_entities_without_event_stream(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    conductor.refuses_streams = True
    await conductor.break_streams()
    await wait_until(lambda: state(home, CONNECTED) == STATE_OFF)
    async_fire_time_changed(home, dt_util.utcnow() + timedelta(seconds=62))
    await wait_until(lambda: state(home, STATE) == "ready")


@pytest.mark.parametrize(
    "text",
    [
        "data: not json\n\n",
        "data: []\n\n",
        'data: {"no": "type"}\n\n',
        "data: " + "x" * 1_100_000 + "\n\n",
        "data: " + "x" * 1_100_000,
    ],
)
async def test_malformed_event_stream_is_reopened(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    text: str,
) -> None:
    await conductor.send_raw(text)
    await wait_until(lambda: len(conductor.last_event_ids) > 1)
    await wait_until(lambda: state(home, CONNECTED) == STATE_ON)


@pytest.mark.parametrize(
    ("path", "response"),
    [
        ("GET /models", {"models": "none"}),
        ("GET /models", {"models": [{"id": "x"}]}),
        ("GET /status", {"ready": "perhaps"}),
        ("GET /info", {"name": ""}),
    ],
)
async def test_malformed_response_makes_entities_unavailable(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    caplog: pytest.LogCaptureFixture,
    path: str,
    response: dict[str, Any],
) -> None:
    conductor.responses[path] = response
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert state(home, STATE) == STATE_UNAVAILABLE
    assert not any(record.exc_info for record in caplog.records if record.levelname != "DEBUG")
    del conductor.responses[path]
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert state(home, STATE) == "ready"


async def test_revoked_token_starts_one_reauth_flow(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    conductor.token = "changed"
    await conductor.break_streams()

    def flows() -> list[Any]:
        return home.config_entries.flow.async_progress_by_handler(DOMAIN)

    await wait_until(flows)
    await home.async_block_till_done()
    assert [flow["context"]["source"] for flow in flows()] == [SOURCE_REAUTH]
    assert state(home, STATE) == STATE_UNAVAILABLE


async def test_statistics_are_refreshed_after_request(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    conductor.models[0] |= {"requests": 13, "errors": 2}
    await conductor.publish("model_evicted", model="openwakeword", for_model="whisper/base")
    await conductor.publish(
        "request_finished", kind="asr", model="whisper/base", code="", seconds=0.25
    )
    snapshot = lambda: loaded_entry.runtime_data.coordinator.data  # noqa: E731
    await wait_until(lambda: snapshot().requests == 13)
    assert (snapshot().errors, snapshot().evictions) == (2, 1)


async def test_pause_event_updates_switch(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    entity_id = "switch.attic_pause"
    assert state(home, entity_id) == STATE_OFF
    await conductor.publish("accepting_changed", accepting=False)
    await wait_until(lambda: state(home, entity_id) == STATE_ON)
    await conductor.publish("accepting_changed", accepting=True)
    await wait_until(lambda: state(home, entity_id) == STATE_OFF)


async def test_failing_listeners_do_not_end_event_stream(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    caplog: pytest.LogCaptureFixture,
) -> None:
    coordinator = loaded_entry.runtime_data.coordinator
    received: list[str] = []

    def fail(*_: Any) -> None:
        raise KeyError("whisper/base")

    remove_listeners = [
        coordinator.async_add_listener(fail),
        coordinator.async_add_event_listener(fail),
        coordinator.async_add_event_listener(lambda event: received.append(event.type)),
    ]
    await conductor.set_state("whisper/base", "unloading")
    await wait_until(lambda: received)
    for remove_listener in remove_listeners:
        remove_listener()
    await conductor.set_state("whisper/base", "unloaded")
    await wait_until(lambda: state(home, STATE) == "unloaded")
    assert conductor.last_event_ids == [None]
    assert "Unexpected error in an event listener of Attic" in caplog.text


async def test_unexpected_error_reopens_event_stream(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with patch.object(Snapshot, "apply_event", side_effect=ValueError("bug")):
        await conductor.publish("model_progress", model="openwakeword", phase="load", percent=3)
        await wait_until(lambda: "Unexpected error in the event stream" in caplog.text)
    await wait_until(lambda: len(conductor.last_event_ids) > 1)
    await conductor.wait_for_stream()
    await wait_until(lambda: loaded_entry.runtime_data.coordinator.is_streaming)
    await conductor.set_state("whisper/base", "unloaded")
    await wait_until(lambda: state(home, STATE) == "unloaded")


async def test_event_stream_is_reopened_when_token_is_accepted_again(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    conductor.token = "changed"
    await conductor.break_streams()
    await wait_until(lambda: home.config_entries.flow.async_progress_by_handler(DOMAIN))
    conductor.token = None
    await wait_until(lambda: loaded_entry.runtime_data.coordinator.is_streaming)
    await wait_until(lambda: state(home, CONNECTED) == STATE_ON)
