"""Positions in a stream are converted to the client's time."""

import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.engines.wake.session import ClientTimestamps

STEP = 1280


def _at(clock: ClientTimestamps, sample: int) -> int | None:
    clock.advance(sample)
    return clock.current


def test_no_timestamp_means_no_time() -> None:
    clock = ClientTimestamps(16_000)
    clock.add(0, None)
    assert _at(clock, STEP) is None


def test_time_advances_with_samples_from_the_last_timestamp() -> None:
    clock = ClientTimestamps(16_000)
    clock.add(0, 5_000)
    clock.add(1600, 9_000)
    assert _at(clock, 800) == 5_050
    assert _at(clock, 1600) == 5_100
    assert _at(clock, 3200) == 9_100


def test_late_first_timestamp_applies_to_earlier_samples() -> None:
    clock = ClientTimestamps(16_000)
    clock.add(1600, 2_000)
    assert _at(clock, 800) == 1_950


def test_long_stream_keeps_few_timestamps() -> None:
    clock = ClientTimestamps(16_000)
    for chunk in range(1000):
        clock.add(chunk * STEP, chunk * 80)
        clock.advance((chunk + 1) * STEP)
    assert clock.current == 80_000
    assert len(clock._stamps) <= 2


@pytest.mark.parametrize("timestamp", ["noon", float("nan"), float("inf"), [1]])
def test_invalid_timestamp_is_rejected(timestamp: object) -> None:
    with pytest.raises(BadRequestError, match="milliseconds"):
        ClientTimestamps(16_000).add(0, timestamp)
