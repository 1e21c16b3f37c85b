import pytest

from wyoming_servers.errors import (
    BadRequestError,
    ModelMissingError,
    UnsupportedLanguageError,
)
from wyoming_servers.pipelines.fake import SPECS
from wyoming_servers.pipelines.voices import VoiceBook, check_speaker

BOOK = VoiceBook(SPECS, "de_DE-eva")


def test_the_default_voice_comes_first() -> None:
    names = [voice.offer.name for voice in BOOK]
    assert names == ["de_DE-eva", "en_US-joe", "en_GB-amy"]


def test_a_name_decides_whatever_the_language() -> None:
    assert BOOK.find("en_GB-amy", "de").offer.name == "en_GB-amy"


def test_a_name_may_be_in_other_case() -> None:
    assert BOOK.find("EN_gb-AMY").spec.id == "tts/others"


@pytest.mark.parametrize(
    ("language", "voice"),
    [("de", "de_DE-eva"), ("en", "en_US-joe"), ("en-GB", "en_GB-amy"), ("en_AU", "en_US-joe")],
)
def test_a_language_alone_chooses_a_voice(language: str, voice: str) -> None:
    assert BOOK.find(None, language).offer.name == voice


def test_nothing_asked_for_is_the_default_voice() -> None:
    assert BOOK.find(None).offer.name == "de_DE-eva"


def test_an_unknown_voice_is_refused_with_those_installed() -> None:
    with pytest.raises(ModelMissingError, match="installed: de_DE-eva, en_US-joe, en_GB-amy"):
        BOOK.find("fr_FR-siwis")


def test_an_unknown_language_is_refused_with_those_spoken() -> None:
    with pytest.raises(UnsupportedLanguageError, match="there are voices for de_DE, en_GB, en_US"):
        BOOK.find(None, "fr")


def test_a_default_that_is_not_installed_is_no_default() -> None:
    book = VoiceBook(SPECS, "fr_FR-siwis")
    assert book.default is None
    with pytest.raises(ModelMissingError, match="fr_FR-siwis"):
        book.find(None)


def test_a_speaker_is_spelled_as_the_voice_has_it() -> None:
    joe = BOOK.find("en_US-joe")
    assert check_speaker(joe, "low") == "Low"
    assert check_speaker(joe, None) is None
    with pytest.raises(BadRequestError, match="Its speakers: Low, high"):
        check_speaker(joe, "middle")
