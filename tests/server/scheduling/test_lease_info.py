"""What a worker says of its voice is taken for what it is, and no more."""

from types import SimpleNamespace
from typing import Any

import pytest

from wyoming_servers.core.errors import InternalError
from wyoming_servers.scheduling.lease import (
    parallelism,
    sample_rate,
    streams_audio,
)


def lease(**info: Any) -> Any:
    return SimpleNamespace(info=info, spec=SimpleNamespace(id="tts/joe"))


def test_what_it_says_counts() -> None:
    said = lease(sample_rate=22_050, parallel_runs=2, streams_audio=True)
    assert (sample_rate(said), parallelism(said), streams_audio(said)) == (22_050, 2, True)


def test_without_a_word_it_makes_one_whole_sentence_at_a_time() -> None:
    assert (parallelism(lease()), streams_audio(lease())) == (1, False)


@pytest.mark.parametrize("rate", [None, 0, -1, "22050"])
def test_audio_without_a_rate_is_of_no_use(rate: Any) -> None:
    with pytest.raises(InternalError, match="tts/joe did not say its sample rate"):
        sample_rate(lease(sample_rate=rate))


@pytest.mark.parametrize("count", [0, -1, "2"])
def test_no_lanes_are_one(count: Any) -> None:
    assert parallelism(lease(parallel_runs=count)) == 1
