"""Following the server's events: at once, through breaks, without believing everything."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from fakes.conductor import FakeConductor
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.wyoming_conductor.const import DOMAIN

Until = Callable[[Callable[[], Any]], Awaitable[None]]

STATE = "sensor.whisper_base_state"
CONNECTED = "binary_sensor.attic_connected"
LOADED = "sensor.attic_models_loaded"


def state(home: HomeAssistant, entity_id: str) -> str:
    """Return the state of an entity."""
    return home.states.get(entity_id).state


async def test_a_state_change_shows_at_once_without_a_question(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    conductor.answers["GET /models"] = RuntimeError("not asked")
    await conductor.publish("model_state_changed", model="whisper/base", state="unloading")
    await until(lambda: state(home, STATE) == "unloading")
    assert state(home, "binary_sensor.whisper_base_loaded") == STATE_OFF


@pytest.mark.parametrize(
    "nonsense",
    [
        {"model": "nobody", "state": "ready"},
        {"model": "whisper/base", "state": "dancing"},
        {"model": "whisper/base"},
        {},
    ],
)
async def test_an_event_that_makes_no_sense_changes_nothing(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    until: Until,
    nonsense: dict[str, str],
) -> None:
    await conductor.publish("model_state_changed", **nonsense)
    await conductor.publish("model_state_changed", model="openwakeword", state="loading")
    await until(lambda: state(home, "sensor.openwakeword_state") == "loading")
    assert state(home, STATE) == "ready"


@pytest.mark.parametrize(
    "kind",
    ["model_loading", "model_ready", "model_unloaded", "model_waiting_for_gpu", "events_lost"],
)
async def test_an_event_makes_everything_be_read_once_more(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until, kind: str
) -> None:
    conductor.models[1]["state"] = "unloaded"
    await conductor.publish(kind, model="piper/en_US-joe-medium", count=3, reason="idle")
    await until(lambda: state(home, LOADED) == "1")


async def test_a_stream_that_breaks_makes_entities_unavailable_until_it_is_back(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await conductor.publish("speech_started", client="kitchen")
    await conductor.publish("model_progress", model="openwakeword", phase="load", percent=3)
    await until(lambda: len(loaded.runtime_data.recent) == 2)

    await conductor.stop()
    await until(lambda: state(home, STATE) == STATE_UNAVAILABLE)
    assert state(home, CONNECTED) == STATE_OFF
    assert not loaded.runtime_data.is_streaming

    conductor.models[0]["state"] = "unloaded"
    await conductor.start()
    await until(lambda: state(home, CONNECTED) == STATE_ON)
    assert state(home, STATE) == "unloaded"
    assert conductor.resumed == [None, "2"]
    errors = [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    ours = [record for record in errors if "wyoming_conductor" in record.name]
    assert len(ours) == 1, [record.message for record in ours]


async def test_a_poll_brings_the_entities_back_where_events_cannot_come(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    until: Until,
) -> None:
    conductor.refuses_streams = True
    await conductor.break_streams()
    await until(lambda: state(home, CONNECTED) == STATE_OFF)
    async_fire_time_changed(home, dt_util.utcnow() + timedelta(seconds=62))
    await until(lambda: state(home, STATE) == "ready")


@pytest.mark.parametrize(
    "noise",
    [
        "data: not json\n\n",
        "data: []\n\n",
        'data: {"no": "type"}\n\n',
        "data: " + "x" * 1_100_000 + "\n\n",
        "data: " + "x" * 1_100_000,
    ],
)
async def test_a_stream_of_nonsense_is_left_and_opened_again(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until, noise: str
) -> None:
    await conductor.send_raw(noise)
    await until(lambda: len(conductor.resumed) > 1)
    await until(lambda: state(home, CONNECTED) == STATE_ON)


@pytest.mark.parametrize(
    ("path", "lie"),
    [
        ("GET /models", {"models": "none"}),
        ("GET /models", {"models": [{"id": "x"}]}),
        ("GET /status", {"ready": "perhaps"}),
        ("GET /info", {"name": ""}),
    ],
)
async def test_a_server_that_lies_makes_entities_unavailable_and_no_traceback(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    until: Until,
    caplog: pytest.LogCaptureFixture,
    path: str,
    lie: dict[str, Any],
) -> None:
    conductor.answers[path] = lie
    await loaded.runtime_data.async_refresh()
    assert state(home, STATE) == STATE_UNAVAILABLE
    assert not any(record.exc_info for record in caplog.records if record.levelname != "DEBUG")
    del conductor.answers[path]
    await loaded.runtime_data.async_refresh()
    assert state(home, STATE) == "ready"


async def test_a_token_that_is_revoked_asks_for_another_once(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    conductor.token = "changed"
    await conductor.break_streams()

    def flows() -> list[Any]:
        return home.config_entries.flow.async_progress_by_handler(DOMAIN)

    await until(flows)
    await home.async_block_till_done()
    assert [flow["context"]["source"] for flow in flows()] == [SOURCE_REAUTH]
    assert state(home, STATE) == STATE_UNAVAILABLE


async def test_what_each_model_has_served_is_read_after_a_request(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    conductor.models[0] |= {"requests": 13, "errors": 2}
    await conductor.publish("model_evicted", model="openwakeword", for_model="whisper/base")
    await conductor.publish(
        "request_finished", kind="asr", model="whisper/base", code="", seconds=0.25
    )
    snapshot = lambda: loaded.runtime_data.data  # noqa: E731
    await until(lambda: snapshot().requests == 13)
    assert (snapshot().errors, snapshot().evictions) == (2, 1)


async def test_a_pause_shows_at_once(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    accepts = "switch.attic_accept_requests"
    assert state(home, accepts) == STATE_ON
    await conductor.publish("accepting_changed", accepting=False)
    await until(lambda: state(home, accepts) == STATE_OFF)
    await conductor.publish("accepting_changed", accepting=True)
    await until(lambda: state(home, accepts) == STATE_ON)
