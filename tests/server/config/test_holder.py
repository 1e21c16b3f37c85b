"""ConfigHolder: the snapshot in effect and its listeners."""

import pytest

from wyoming_servers.config.holder import ConfigHolder, ConfigUpdate
from wyoming_servers.config.schema import Config, TtsSection

NEW = Config(tts=TtsSection(speed=1.5))


def test_holder_starts_at_revision_one_and_counts_replacements() -> None:
    holder = ConfigHolder(Config())
    assert (holder.revision, holder.current) == (1, Config())
    update = holder.replace(NEW, frozenset({"tts.speed"}))
    assert (holder.revision, holder.current) == (2, NEW)
    assert update == ConfigUpdate(2, Config(), NEW, frozenset({"tts.speed"}))


def test_holder_notifies_listeners_after_the_replacement_until_they_unsubscribe() -> None:
    holder = ConfigHolder(Config())
    seen: list[tuple[str, float]] = []
    unsubscribe = holder.subscribe(lambda _: seen.append(("first", holder.current.tts.speed)))
    holder.subscribe(lambda _: seen.append(("second", holder.current.tts.speed)))
    holder.replace(NEW, frozenset({"tts.speed"}))
    assert seen == [("first", 1.5), ("second", 1.5)]
    unsubscribe()
    holder.replace(Config(), frozenset({"tts.speed"}))
    assert seen[2:] == [("second", 1.0)]


def test_listener_of_some_keys_is_called_for_changes_of_these_alone() -> None:
    holder = ConfigHolder(Config())
    seen: list[str] = []
    holder.subscribe(lambda _: seen.append("tts"), "tts.", "keep_alive")
    holder.subscribe(lambda _: seen.append("wake"), "wake.threshold")
    for key in ("tts.speed", "wake.threshold", "keep_alive", "asr.model"):
        holder.replace(NEW, frozenset({key}))
    assert seen == ["tts", "wake", "tts"]


def test_listener_that_fails_is_logged_and_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    holder = ConfigHolder(Config())
    seen: list[int] = []

    def fail(update: ConfigUpdate) -> None:
        raise ZeroDivisionError

    holder.subscribe(fail)
    holder.subscribe(lambda update: seen.append(update.revision))
    holder.replace(NEW, frozenset({"tts.speed"}))
    assert seen == [2]
    assert holder.current == NEW
    (record,) = caplog.records
    assert record.exc_info is not None
