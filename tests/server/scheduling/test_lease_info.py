from typing import Any

import pytest

from wyoming_servers.core.errors import InternalError
from wyoming_servers.scheduling.lease import LoadedModelInfo


def make_info(**values: Any) -> LoadedModelInfo:
    return LoadedModelInfo("tts/joe", values)


def test_model_info_returns_what_the_engine_reported() -> None:
    info = make_info(sample_rate=22_050, streams_audio=True)
    assert (info.sample_rate, info.streams_audio) == (22_050, True)


def test_model_info_defaults_to_whole_sentences() -> None:
    assert not make_info().streams_audio


@pytest.mark.parametrize("rate", [None, 0, -1, "22050"])
def test_model_info_requires_a_sample_rate(rate: Any) -> None:
    with pytest.raises(InternalError, match="tts/joe did not report its sample rate"):
        _ = make_info(sample_rate=rate).sample_rate
