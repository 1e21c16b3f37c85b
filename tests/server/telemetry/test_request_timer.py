import asyncio

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BusyError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import RequestFinished, RequestRetried
from wyoming_servers.telemetry.request_timer import RequestTimer


@pytest.fixture
def bus(clock: FakeClock) -> EventBus:
    return EventBus(clock)


@pytest.fixture
def timer(bus: EventBus, clock: FakeClock) -> RequestTimer:
    return RequestTimer(Task.ASR, "10.0.0.7", bus, clock)


def finished(bus: EventBus) -> list[RequestFinished]:
    return [item.event for item in bus.recent() if isinstance(item.event, RequestFinished)]


async def test_request_timer_publishes_stages_and_the_seconds_after_the_speech(
    timer: RequestTimer, bus: EventBus, clock: FakeClock
) -> None:
    timer.model = "asr/many"
    await clock.advance(3)
    timer.restart("speech")
    await clock.advance(0.5)
    timer.mark("queue")
    timer.mark("queue")
    for _ in range(2):
        with timer.stage("inference"):
            await clock.advance(1)
    timer.finish()
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
def test_request_timer_publishes_the_code_of_an_error(
    timer: RequestTimer, bus: EventBus, error: BaseException, code: str
) -> None:
    timer.finish(error)
    assert [event.code for event in finished(bus)] == [code]


def test_request_timer_publishes_only_the_first_end(timer: RequestTimer, bus: EventBus) -> None:
    timer.finish()
    timer.finish(BusyError("late"))
    assert [event.code for event in finished(bus)] == [""]


async def test_request_timer_publishes_a_retry_with_the_error_of_the_first_attempt(
    timer: RequestTimer, bus: EventBus
) -> None:
    timer.model = "asr/many"
    timer.publish_retry(BusyError("Full."))
    (event,) = [item.event for item in bus.recent()]
    assert event == RequestRetried(
        kind="asr", model="asr/many", client="10.0.0.7", code="BUSY", message="Full."
    )
