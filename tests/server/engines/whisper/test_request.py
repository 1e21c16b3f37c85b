from collections.abc import Mapping
from typing import Any

import pytest

from wyoming_servers.core.errors import (
    BadRequestError,
    UnsupportedLanguageError,
)
from wyoming_servers.engines.whisper.request import WhisperRequest

MANY = ["en", "de", "fr", "no", "zh", "he"]


def test_an_empty_request_detects_the_language() -> None:
    assert WhisperRequest.parse({}, MANY) == WhisperRequest()


@pytest.mark.parametrize(
    ("asked", "whisper"),
    [("en-US", "en"), ("de_DE", "de"), ("nb-NO", "no"), ("zh-HK", "zh"), ("iw", "he")],
)
def test_locales_become_whispers_codes(asked: str, whisper: str) -> None:
    assert WhisperRequest.parse({"language": asked}, MANY).language == whisper


@pytest.mark.parametrize("asked", [None, "", "auto"])
def test_a_model_of_one_language_need_not_detect_it(asked: str | None) -> None:
    assert WhisperRequest.parse({"language": asked}, ["en"]).language == "en"


def test_an_english_model_refuses_another_language_and_says_what_helps() -> None:
    with pytest.raises(UnsupportedLanguageError, match="only English") as refused:
        WhisperRequest.parse({"language": "de"}, ["en"])
    assert "multilingual" in refused.value.hint


def test_a_language_that_no_whisper_knows_is_refused() -> None:
    with pytest.raises(UnsupportedLanguageError, match="tlh"):
        WhisperRequest.parse({"language": "tlh"}, MANY)


def test_detection_can_be_restricted_to_known_languages() -> None:
    parsed = WhisperRequest.parse({"languages": ["de-AT", "tlh", "en", "de"]}, MANY)
    assert parsed.candidate_languages == ("de", "en")


def test_a_blank_prompt_is_none() -> None:
    assert WhisperRequest.parse({"initial_prompt": "  "}, MANY).initial_prompt is None
    assert WhisperRequest.parse({"initial_prompt": " Ecobee "}, MANY).initial_prompt == "Ecobee"


def test_names_and_terms_are_kept_apart() -> None:
    parsed = WhisperRequest.parse({"names": ["Ecobee"], "terms": ["lumen"]}, MANY)
    assert parsed.names == ("Ecobee",)
    assert parsed.terms == ("lumen",)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"language": 5}, "language"),
        ({"languages": "en"}, "languages"),
        ({"languages": [1]}, "languages"),
        ({"beam_size": 0}, "beam_size"),
        ({"beam_size": 11}, "beam_size"),
        ({"beam_size": True}, "beam_size"),
        ({"beam_size": 2.5}, "beam_size"),
        ({"task": "sing"}, "task"),
        ({"initial_prompt": ["a"]}, "initial_prompt"),
        ({"names": "Ecobee"}, "names"),
        ({"terms": [1]}, "terms"),
    ],
)
def test_a_field_that_is_wrong_is_named(request_: Mapping[str, Any], says: str) -> None:
    with pytest.raises(BadRequestError, match=says):
        WhisperRequest.parse(request_, MANY)
