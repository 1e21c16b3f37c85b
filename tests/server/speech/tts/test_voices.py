from dataclasses import replace

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
    VoiceInfo,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    ModelMissingError,
    UnsupportedLanguageError,
)
from wyoming_servers.speech.fake import SPECS
from wyoming_servers.speech.tts.voices import (
    VoiceRegistry,
    resolve_speaker,
)

BOOK = VoiceRegistry(SPECS, "de_DE-eva")


def test_default_voice_comes_first() -> None:
    names = [voice.info.name for voice in BOOK]
    assert names == ["de_DE-eva", "en_US-joe", "en_GB-amy"]


def test_name_takes_precedence_over_the_language() -> None:
    assert BOOK.find("en_GB-amy", "de").info.name == "en_GB-amy"


def test_name_is_case_insensitive() -> None:
    assert BOOK.find("EN_gb-AMY").spec.id == "tts/others"


@pytest.mark.parametrize(
    ("language", "voice"),
    [("de", "de_DE-eva"), ("en", "en_US-joe"), ("en-GB", "en_GB-amy"), ("en_AU", "en_US-joe")],
)
def test_language_selects_a_voice(language: str, voice: str) -> None:
    assert BOOK.find(None, language).info.name == voice


def test_default_voice_is_used_without_name_and_language() -> None:
    assert BOOK.find(None).info.name == "de_DE-eva"


def test_unknown_voice_error_lists_the_installed_ones() -> None:
    with pytest.raises(ModelMissingError, match="installed: de_DE-eva, en_US-joe, en_GB-amy"):
        BOOK.find("fr_FR-siwis")


def test_unknown_language_error_lists_the_supported_ones() -> None:
    with pytest.raises(UnsupportedLanguageError, match="there are voices for de_DE, en_GB, en_US"):
        BOOK.find(None, "fr")


def test_default_voice_that_is_not_installed_is_none() -> None:
    book = VoiceRegistry(SPECS, "fr_FR-siwis")
    assert book.default is None
    with pytest.raises(ModelMissingError, match="fr_FR-siwis"):
        book.find(None)


def test_speaker_is_returned_as_the_voice_spells_it() -> None:
    joe = BOOK.find("en_US-joe")
    assert resolve_speaker(joe, "low") == "Low"
    assert resolve_speaker(joe, None) is None
    with pytest.raises(BadRequestError, match="Its speakers: Low, high"):
        resolve_speaker(joe, "middle")


KOKORO = (VoiceInfo("af_heart", "Heart", ("en-US",)), VoiceInfo("am_adam", "Adam", ("en-US",)))
ON_CPU = ModelSpec("kokoro/onnx", Task.TTS, "fake", voices=KOKORO, options={"mixes": True})
ON_GPU = replace(ON_CPU, id="kokoro/torch", placements=(Placement("cuda:0", "float16"),))
MIXES = VoiceRegistry({**SPECS, ON_CPU.id: ON_CPU}, "en_US-joe", ("af_heart@slow", "gone@slow"))


@pytest.mark.parametrize(
    ("name", "sound", "speed"),
    [
        ("en_US-joe@slow", "en_US-joe", 0.8),
        ("en_us-JOE@1.2", "en_US-joe", 1.2),
        ("af_heart*0.7+am_adam*0.3", "af_heart*0.7+am_adam*0.3", 1.0),
        ("AF_heart+am_adam@fast", "af_heart*1+am_adam*1", 1.25),
    ],
)
def test_name_can_contain_a_mix_and_a_speed(name: str, sound: str, speed: float) -> None:
    voice = MIXES.find(name)
    assert (voice.info.name, voice.name, voice.speed) == (name, sound, speed)


@pytest.mark.parametrize(
    "name", ["en_US-joe@9", "en_US-joe@", "en_US-joe+de_DE-eva", "af_heart*x+am_adam"]
)
def test_invalid_voice_expression_is_a_bad_request(name: str) -> None:
    with pytest.raises(BadRequestError):
        MIXES.find(name)


def test_mix_with_a_voice_that_is_not_installed_is_missing() -> None:
    with pytest.raises(ModelMissingError):
        MIXES.find("af_heart+af_bella")


def test_configured_presets_are_offered_if_their_model_is_installed() -> None:
    names = [voice.info.name for voice in MIXES]
    assert names[0] == "en_US-joe"
    assert "af_heart@slow" in names
    assert "gone@slow" not in names


def test_default_voice_may_have_a_speed() -> None:
    book = VoiceRegistry(SPECS, "de_DE-eva@slow")
    assert book.default is not None
    assert (book.default.name, book.default.speed) == ("de_DE-eva", 0.8)


@pytest.mark.parametrize("specs", [(ON_CPU, ON_GPU), (ON_GPU, ON_CPU)])
def test_voice_of_two_models_is_taken_from_the_one_on_a_gpu(specs: tuple[ModelSpec, ...]) -> None:
    book = VoiceRegistry({spec.id: spec for spec in specs}, "af_heart")
    assert [voice.spec.id for voice in book] == ["kokoro/torch", "kokoro/torch"]


def test_voice_of_two_models_without_a_gpu_is_taken_from_the_first() -> None:
    second = replace(ON_CPU, id="kokoro/other")
    book = VoiceRegistry({spec.id: spec for spec in (ON_CPU, second)}, "af_heart")
    assert {voice.spec.id for voice in book} == {"kokoro/onnx"}
