import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config, RequestsSection
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.telemetry.request_archive import (
    MAX_BYTES,
    MAX_REQUEST_BYTES,
    RequestArchive,
    RequestContent,
)


def archive_with(clock: FakeClock, **settings: object) -> tuple[RequestArchive, ConfigHolder]:
    holder = ConfigHolder(Config(requests=RequestsSection.model_validate(settings)))
    return RequestArchive(holder, clock), holder


SAID = RequestContent("Turn on the light.", b"\0\0" * 100)


@pytest.mark.parametrize(
    ("settings", "text", "pcm"),
    [
        ({"keep_text": True}, SAID.text, b""),
        ({"keep_audio": True}, "", SAID.pcm),
        ({"keep_text": True, "keep_audio": True}, SAID.text, SAID.pcm),
    ],
)
def test_archive_keeps_what_the_owner_has_switched_on(
    clock: FakeClock, settings: dict[str, bool], text: str, pcm: bytes
) -> None:
    archive, _ = archive_with(clock, **settings)
    archive.add("a", SAID)
    content = archive.get("a")
    assert content is not None
    assert (content.text, content.pcm) == (text, pcm)


def test_archive_keeps_nothing_by_default(clock: FakeClock) -> None:
    archive, _ = archive_with(clock)
    archive.add("a", SAID)
    assert archive.get("a") is None


def test_archive_forgets_at_once_when_it_is_switched_off(clock: FakeClock) -> None:
    archive, holder = archive_with(clock, keep_text=True)
    archive.add("a", SAID)
    holder.replace(Config(), frozenset({"requests.keep_text"}))
    holder.replace(
        Config(requests=RequestsSection(keep_text=True)), frozenset({"requests.keep_text"})
    )
    assert archive.get("a") is None


async def test_archive_is_bounded_in_number_time_and_size(clock: FakeClock) -> None:
    archive, _ = archive_with(clock, keep_text=True, keep_audio=True, max_kept=2, retention=60)
    for name in ("a", "b", "c"):
        archive.add(name, SAID)
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
        archive.add(name, SAID)
    assert (archive.remove("a"), archive.remove("a")) == (True, False)
    assert archive.clear() == 1
    assert archive.get("b") is None
