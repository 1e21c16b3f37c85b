import asyncio

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BusyError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import (
    RequestFinished,
    RequestRetried,
)
from wyoming_servers.telemetry.request_timer import RequestTimer


@pytest.fixture
def measure(bus: EventBus, clock: FakeClock) -> RequestTimer:
    return RequestTimer(Task.ASR, "10.0.0.7", bus, clock)


def finished(bus: EventBus) -> list[RequestFinished]:
    return [item.event for item in bus.recent() if isinstance(item.event, RequestFinished)]


async def test_stages_and_the_seconds_after_the_speech_are_told(
    measure: RequestTimer, bus: EventBus, clock: FakeClock
) -> None:
    measure.model = "asr/many"
    await clock.advance(3)
    measure.restart("speech")
    await clock.advance(0.5)
    measure.mark("queue")
    measure.mark("queue")
    for _ in range(2):
        with measure.stage("inference"):
            await clock.advance(1)
    measure.finish()
    (event,) = finished(bus)
    assert event.seconds == pytest.approx(2.5)
    assert event.stages == pytest.approx({"speech": 3, "queue": 0.5, "inference": 2})
    assert (event.kind, event.model, event.client) == ("asr", "asr/many", "10.0.0.7")
    assert event.code == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BusyError("full"), "BUSY"),
        (asyncio.CancelledError(), "CANCELLED"),
        (KeyError("oops"), "UNKNOWN"),
    ],
)
def test_an_end_with_an_error_is_told_with_its_code(
    measure: RequestTimer, bus: EventBus, error: BaseException, code: str
) -> None:
    measure.finish(error)
    assert [event.code for event in finished(bus)] == [code]


def test_only_the_first_end_counts(measure: RequestTimer, bus: EventBus) -> None:
    measure.finish()
    measure.finish(BusyError("late"))
    assert [event.code for event in finished(bus)] == [""]


async def test_a_retry_tells_what_the_first_try_failed_with(
    measure: RequestTimer, bus: EventBus
) -> None:
    measure.model = "asr/many"
    measure.publish_retry(BusyError("Full."))
    (event,) = [item.event for item in bus.recent()]
    assert event == RequestRetried(
        kind="asr", model="asr/many", client="10.0.0.7", code="BUSY", message="Full."
    )
