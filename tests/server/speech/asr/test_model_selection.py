import pytest

from wyoming_servers.config.schema import AsrSection
from wyoming_servers.core.errors import (
    ModelMissingError,
    UnsupportedLanguageError,
)
from wyoming_servers.speech.asr.transcriber import (
    AsrModelChoice,
    select_asr_model,
)
from wyoming_servers.speech.fake import SPECS

ENGLISH = AsrSection(model="asr/english")


def test_a_locale_becomes_the_models_own_code() -> None:
    chosen = select_asr_model(SPECS, AsrSection(model="asr/many"), None, "zh-CN")
    assert (chosen.spec.id, chosen.language) == ("asr/many", "zh")


def test_no_language_is_detected() -> None:
    assert select_asr_model(SPECS, AsrSection(model="asr/many"), None, None).language is None


@pytest.mark.parametrize("wanted", [None, "", "auto"])
def test_a_model_of_one_language_has_nothing_to_detect(wanted: str | None) -> None:
    assert select_asr_model(SPECS, ENGLISH, None, wanted).language == "en"


def test_the_configured_language_is_the_default() -> None:
    asr = AsrSection(model="asr/many", language="de")
    assert select_asr_model(SPECS, asr, None, None).language == "de"


@pytest.mark.parametrize("wanted", [None, "auto", "Auto", "und"])
def test_several_configured_languages_are_for_detection_to_choose_from(wanted: str | None) -> None:
    asr = AsrSection(model="asr/many", languages=["de_AT", "nb-NO"])
    assert select_asr_model(SPECS, asr, None, wanted).language is None


@pytest.mark.parametrize("languages", [["zh-CN"], ["zh", "zh-TW"], ["zh", "xx"]])
def test_a_single_configured_language_needs_no_detection(languages: list[str]) -> None:
    asr = AsrSection(model="asr/many", languages=languages)
    assert select_asr_model(SPECS, asr, None, None) == AsrModelChoice(SPECS["asr/many"], "zh")


def test_a_model_that_knows_no_configured_language_detects_any() -> None:
    asr = AsrSection(model="asr/many", languages=["xx"])
    assert select_asr_model(SPECS, asr, None, None) == AsrModelChoice(SPECS["asr/many"], None)


def test_a_language_that_is_asked_for_need_not_be_a_configured_one() -> None:
    asr = AsrSection(model="asr/many", languages=["de"])
    assert select_asr_model(SPECS, asr, None, "zh").language == "zh"


def test_another_model_helps_where_the_configured_one_does_not_understand() -> None:
    chosen = select_asr_model(SPECS, ENGLISH, None, "de-AT")
    assert (chosen.spec.id, chosen.language) == ("asr/many", "de")


def test_a_model_that_was_named_gets_no_help() -> None:
    with pytest.raises(
        UnsupportedLanguageError, match="asr/english does not support the language 'de'"
    ):
        select_asr_model(SPECS, ENGLISH, "asr/english", "de")


def test_an_unknown_language_is_refused_with_those_understood() -> None:
    with pytest.raises(UnsupportedLanguageError, match="Supported languages: de, en, no, zh"):
        select_asr_model(SPECS, ENGLISH, None, "xx")


def test_an_unknown_model_is_refused_with_those_installed() -> None:
    with pytest.raises(ModelMissingError, match="installed: asr/english, asr/many"):
        select_asr_model(SPECS, ENGLISH, "whisper/enormous", None)


def test_a_voice_is_no_model_to_listen_with() -> None:
    with pytest.raises(ModelMissingError):
        select_asr_model(SPECS, ENGLISH, "tts/joe", None)


def test_megabytes_as_a_language_do_not_come_back() -> None:
    with pytest.raises(UnsupportedLanguageError) as refused:
        select_asr_model(SPECS, ENGLISH, None, "x" * 1_000_000)
    assert len(str(refused.value)) < 300
