"""Requests for wake word detection are validated."""

from typing import Any

import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.engines.wake.session import WakeRequest


def test_empty_request_has_all_words_and_default_threshold() -> None:
    request = WakeRequest.parse({})
    assert request == WakeRequest((), 0.5, {}, 1, {}, 0.0, vad=False, scores=False)
    assert WakeRequest.parse({"vad": True}).vad
    assert WakeRequest.parse({"scores": True}).scores


def test_word_without_own_threshold_has_the_default() -> None:
    request = WakeRequest.parse({"words": ["alexa", "ok"], "threshold": {"alexa": 0.9}})
    assert request.threshold_of("alexa") == 0.9
    assert request.threshold_of("ok") == 0.5
    assert WakeRequest.parse({"threshold": 0.3}).threshold_of("ok") == 0.3


def test_word_without_own_trigger_level_has_the_default() -> None:
    request = WakeRequest.parse({"trigger_level": {"alexa": 3}})
    assert (request.trigger_level_of("alexa"), request.trigger_level_of("ok")) == (3, 1)
    assert WakeRequest.parse({"trigger_level": 2}).trigger_level_of("ok") == 2


def test_duplicate_words_are_removed() -> None:
    assert WakeRequest.parse({"words": ["a", "b", "a"]}).words == ("a", "b")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"words": "alexa"}, "words"),
        ({"words": [1]}, "words"),
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": True}, "threshold"),
        ({"threshold": {"alexa": "high"}}, "threshold.alexa"),
        ({"trigger_level": 0}, "trigger_level"),
        ({"trigger_level": 1.5}, "trigger_level"),
        ({"trigger_level": {"alexa": 1.5}}, "trigger_level"),
        ({"trigger_level": {"alexa": 0}}, "trigger_level.alexa"),
        ({"scores": 1}, "scores"),
        ({"refractory": -1}, "refractory"),
        ({"refractory": float("nan")}, "refractory"),
        ({"vad": "yes"}, "vad"),
    ],
)
def test_invalid_field_is_named(request_: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestError, match=f"`{field}`"):
        WakeRequest.parse(request_)
