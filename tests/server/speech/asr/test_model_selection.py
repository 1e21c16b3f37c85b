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


@pytest.mark.parametrize(
    "name",
    [
        "whisper-1",
        "gpt-transcribe",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
        "gpt-4o-transcribe-diarize",
    ],
)
def test_name_of_openai_selects_the_default_model(name: str) -> None:
    chosen = select_asr_model(SPECS, ENGLISH, name, None)
    assert chosen.spec.id == "asr/english"
    # As for a request without a name, another model may know the language.
    assert select_asr_model(SPECS, ENGLISH, name, "de").spec.id == "asr/many"


@pytest.mark.parametrize(
    "name",
    ["many", "Many", "many-int8", "faster-whisper-many", "Systran/faster-whisper-many", "x/many"],
)
def test_name_of_another_server_selects_the_same_model(name: str) -> None:
    assert select_asr_model(SPECS, ENGLISH, name, None).spec.id == "asr/many"


@pytest.mark.parametrize("name", ["gpt-4o", "whisper-2", "any", "many.en", ""])
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(ModelMissingError):
        select_asr_model(SPECS, AsrSection(model="missing"), name or None, None)


def test_voice_cannot_be_selected_for_asr() -> None:
    with pytest.raises(ModelMissingError):
        select_asr_model(SPECS, ENGLISH, "tts/joe", None)


def test_error_shortens_a_very_long_language() -> None:
    with pytest.raises(UnsupportedLanguageError) as refused:
        select_asr_model(SPECS, ENGLISH, None, "x" * 1_000_000)
    assert len(str(refused.value)) < 300
