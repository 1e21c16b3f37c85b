import asyncio

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config, RequestsSection
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BusyError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import RequestFinished, RequestRetried
from wyoming_servers.telemetry.request_records import (
    MAX_BYTES,
    MAX_REQUEST_BYTES,
    RequestArchive,
    RequestContent,
    RequestTimer,
)


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


def archive_with(clock: FakeClock, **settings: object) -> tuple[RequestArchive, ConfigHolder]:
    holder = ConfigHolder(Config(requests=RequestsSection.model_validate(settings)))
    return RequestArchive(holder, clock), holder


CONTENT = RequestContent("Turn on the light.", b"\0\0" * 100)


@pytest.mark.parametrize(
    ("settings", "text", "pcm"),
    [
        ({"keep_text": True}, CONTENT.text, b""),
        ({"keep_audio": True}, "", CONTENT.pcm),
        ({"keep_text": True, "keep_audio": True}, CONTENT.text, CONTENT.pcm),
    ],
)
def test_archive_keeps_what_the_owner_has_switched_on(
    clock: FakeClock, settings: dict[str, bool], text: str, pcm: bytes
) -> None:
    archive, _ = archive_with(clock, **settings)
    archive.add("a", CONTENT)
    content = archive.get("a")
    assert content is not None
    assert (content.text, content.pcm) == (text, pcm)


def test_archive_keeps_nothing_by_default(clock: FakeClock) -> None:
    archive, _ = archive_with(clock)
    archive.add("a", CONTENT)
    assert archive.get("a") is None


def test_archive_forgets_at_once_when_it_is_switched_off(clock: FakeClock) -> None:
    archive, holder = archive_with(clock, keep_text=True)
    archive.add("a", CONTENT)
    holder.replace(Config(), frozenset({"requests.keep_text"}))
    holder.replace(
        Config(requests=RequestsSection(keep_text=True)), frozenset({"requests.keep_text"})
    )
    assert archive.get("a") is None


async def test_archive_is_bounded_in_number_time_and_size(clock: FakeClock) -> None:
    archive, _ = archive_with(clock, keep_text=True, keep_audio=True, max_kept=2, retention=60)
    for name in ("a", "b", "c"):
        archive.add(name, CONTENT)
    assert [archive.get(name) is not None for name in ("a", "b", "c")] == [False, True, True]
    await clock.advance(61)
    assert archive.get("c") is None

    archive, _ = archive_with(clock, keep_audio=True)
    large = RequestContent(pcm=bytes(MAX_REQUEST_BYTES))
    count = MAX_BYTES // MAX_REQUEST_BYTES + 1
    for number in range(count):
        archive.add(str(number), large)
    assert [archive.get(str(number)) is not None for number in range(count)].count(False) == 1
    archive.add("too long", RequestContent(pcm=bytes(MAX_REQUEST_BYTES + 1)))
    assert archive.get("too long") is None


def test_one_request_or_all_are_forgotten_on_request(clock: FakeClock) -> None:
    archive, _ = archive_with(clock, keep_text=True)
    for name in ("a", "b"):
        archive.add(name, CONTENT)
    assert (archive.remove("a"), archive.remove("a")) == (True, False)
    assert archive.clear() == 1
    assert archive.get("b") is None
