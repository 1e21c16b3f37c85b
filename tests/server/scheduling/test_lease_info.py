"""Facts that the worker of a voice reports about it."""

from types import SimpleNamespace
from typing import Any

import pytest

from wyoming_servers.core.errors import InternalError
from wyoming_servers.scheduling.lease import sample_rate, streams_audio


def lease(**info: Any) -> Any:
    return SimpleNamespace(info=info, spec=SimpleNamespace(id="tts/joe"))


def test_reported_facts_are_returned() -> None:
    voice = lease(sample_rate=22_050, streams_audio=True)
    assert (sample_rate(voice), streams_audio(voice)) == (22_050, True)


def test_voice_that_reports_nothing_computes_whole_sentences() -> None:
    assert not streams_audio(lease())


@pytest.mark.parametrize("rate", [None, 0, -1, "22050"])
def test_voice_without_a_sample_rate_is_rejected(rate: Any) -> None:
    with pytest.raises(InternalError, match="tts/joe did not say its sample rate"):
        sample_rate(lease(sample_rate=rate))
