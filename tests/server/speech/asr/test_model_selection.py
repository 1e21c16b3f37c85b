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


def test_locale_is_matched_to_the_models_own_code() -> None:
    chosen = select_asr_model(SPECS, AsrSection(model="asr/many"), None, "zh-CN")
    assert (chosen.spec.id, chosen.language) == ("asr/many", "zh")


def test_missing_language_is_detected() -> None:
    assert select_asr_model(SPECS, AsrSection(model="asr/many"), None, None).language is None


@pytest.mark.parametrize("wanted", [None, "", "auto"])
def test_model_with_one_language_uses_it(wanted: str | None) -> None:
    assert select_asr_model(SPECS, ENGLISH, None, wanted).language == "en"


def test_configured_language_is_the_default() -> None:
    asr = AsrSection(model="asr/many", language="de")
    assert select_asr_model(SPECS, asr, None, None).language == "de"


@pytest.mark.parametrize("wanted", [None, "auto", "Auto", "und"])
def test_several_configured_languages_are_detected(wanted: str | None) -> None:
    asr = AsrSection(model="asr/many", languages=["de_AT", "nb-NO"])
    assert select_asr_model(SPECS, asr, None, wanted).language is None


@pytest.mark.parametrize("languages", [["zh-CN"], ["zh", "zh-TW"], ["zh", "xx"]])
def test_single_configured_language_is_used(languages: list[str]) -> None:
    asr = AsrSection(model="asr/many", languages=languages)
    assert select_asr_model(SPECS, asr, None, None) == AsrModelChoice(SPECS["asr/many"], "zh")


def test_model_that_supports_no_configured_language_detects_any() -> None:
    asr = AsrSection(model="asr/many", languages=["xx"])
    assert select_asr_model(SPECS, asr, None, None) == AsrModelChoice(SPECS["asr/many"], None)


def test_requested_language_need_not_be_configured() -> None:
    asr = AsrSection(model="asr/many", languages=["de"])
    assert select_asr_model(SPECS, asr, None, "zh").language == "zh"


def test_another_model_is_selected_for_an_unsupported_language() -> None:
    chosen = select_asr_model(SPECS, ENGLISH, None, "de-AT")
    assert (chosen.spec.id, chosen.language) == ("asr/many", "de")


def test_requested_model_is_not_replaced() -> None:
    with pytest.raises(
        UnsupportedLanguageError, match="asr/english does not support the language 'de'"
    ):
        select_asr_model(SPECS, ENGLISH, "asr/english", "de")


def test_unsupported_language_error_lists_the_supported_ones() -> None:
    with pytest.raises(UnsupportedLanguageError, match="Supported languages: de, en, no, zh"):
        select_asr_model(SPECS, ENGLISH, None, "xx")


def test_unknown_model_error_lists_the_installed_ones() -> None:
    with pytest.raises(ModelMissingError, match="installed: asr/english, asr/many"):
        select_asr_model(SPECS, ENGLISH, "whisper/enormous", None)


def test_voice_cannot_be_selected_for_asr() -> None:
    with pytest.raises(ModelMissingError):
        select_asr_model(SPECS, ENGLISH, "tts/joe", None)


def test_error_shortens_a_very_long_language() -> None:
    with pytest.raises(UnsupportedLanguageError) as refused:
        select_asr_model(SPECS, ENGLISH, None, "x" * 1_000_000)
    assert len(str(refused.value)) < 300
