import pytest

from wyoming_servers.config.schema import AsrSection
from wyoming_servers.errors import ModelMissingError, UnsupportedLanguageError
from wyoming_servers.pipelines.fake import SPECS
from wyoming_servers.pipelines.listener import choose_listener

ENGLISH = AsrSection(model="asr/english")


def test_a_locale_becomes_the_models_own_code() -> None:
    chosen = choose_listener(SPECS, AsrSection(model="asr/many"), None, "zh-CN")
    assert (chosen.spec.id, chosen.language) == ("asr/many", "zh")


def test_no_language_is_detected() -> None:
    assert choose_listener(SPECS, AsrSection(model="asr/many"), None, None).language is None


@pytest.mark.parametrize("wanted", [None, "", "auto"])
def test_a_model_of_one_language_has_nothing_to_detect(wanted: str | None) -> None:
    assert choose_listener(SPECS, ENGLISH, None, wanted).language == "en"


def test_the_configured_language_is_the_default() -> None:
    asr = AsrSection(model="asr/many", language="de")
    assert choose_listener(SPECS, asr, None, None).language == "de"


def test_another_model_helps_where_the_configured_one_does_not_understand() -> None:
    chosen = choose_listener(SPECS, ENGLISH, None, "de-AT")
    assert (chosen.spec.id, chosen.language) == ("asr/many", "de")


def test_a_model_that_was_named_gets_no_help() -> None:
    with pytest.raises(UnsupportedLanguageError, match="asr/english does not understand 'de'"):
        choose_listener(SPECS, ENGLISH, "asr/english", "de")


def test_an_unknown_language_is_refused_with_those_understood() -> None:
    with pytest.raises(UnsupportedLanguageError, match="Understood: de, en, no, zh"):
        choose_listener(SPECS, ENGLISH, None, "xx")


def test_an_unknown_model_is_refused_with_those_installed() -> None:
    with pytest.raises(ModelMissingError, match="installed: asr/english, asr/many"):
        choose_listener(SPECS, ENGLISH, "whisper/enormous", None)


def test_a_voice_is_no_model_to_listen_with() -> None:
    with pytest.raises(ModelMissingError):
        choose_listener(SPECS, ENGLISH, "tts/joe", None)


def test_megabytes_as_a_language_do_not_come_back() -> None:
    with pytest.raises(UnsupportedLanguageError) as refused:
        choose_listener(SPECS, ENGLISH, None, "x" * 1_000_000)
    assert len(str(refused.value)) < 300
