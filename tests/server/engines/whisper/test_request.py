from collections.abc import Mapping
from typing import Any

import pytest

from wyoming_servers.core.errors import (
    BadRequestError,
    UnsupportedLanguageError,
)
from wyoming_servers.engines.whisper.decoder import WhisperRequest

MANY = ["en", "de", "fr", "no", "zh", "he"]


def test_empty_request_detects_the_language() -> None:
    assert WhisperRequest.parse({}, MANY) == WhisperRequest()


@pytest.mark.parametrize(
    ("requested", "whisper"),
    [("en-US", "en"), ("de_DE", "de"), ("nb-NO", "no"), ("zh-HK", "zh"), ("iw", "he")],
)
def test_locale_is_mapped_to_whispers_code(requested: str, whisper: str) -> None:
    assert WhisperRequest.parse({"language": requested}, MANY).language == whisper


@pytest.mark.parametrize("requested", [None, "", "auto"])
def test_single_language_model_never_detects(requested: str | None) -> None:
    assert WhisperRequest.parse({"language": requested}, ["en"]).language == "en"


def test_english_model_rejects_another_language_with_a_hint() -> None:
    with pytest.raises(UnsupportedLanguageError, match="only English") as rejected:
        WhisperRequest.parse({"language": "de"}, ["en"])
    assert "multilingual" in rejected.value.hint


def test_unsupported_language_is_rejected() -> None:
    with pytest.raises(UnsupportedLanguageError, match="tlh"):
        WhisperRequest.parse({"language": "tlh"}, MANY)


def test_detection_can_be_restricted_to_supported_languages() -> None:
    parsed = WhisperRequest.parse({"languages": ["de-AT", "tlh", "en", "de"]}, MANY)
    assert parsed.candidate_languages == ("de", "en")


def test_blank_prompt_is_none() -> None:
    assert WhisperRequest.parse({"initial_prompt": "  "}, MANY).initial_prompt is None
    assert WhisperRequest.parse({"initial_prompt": " Ecobee "}, MANY).initial_prompt == "Ecobee"


def test_names_and_terms_are_separate() -> None:
    parsed = WhisperRequest.parse({"names": ["Ecobee"], "terms": ["lumen"]}, MANY)
    assert parsed.names == ("Ecobee",)
    assert parsed.terms == ("lumen",)


@pytest.mark.parametrize(
    ("request_", "message"),
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
def test_invalid_field_is_named(request_: Mapping[str, Any], message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        WhisperRequest.parse(request_, MANY)
