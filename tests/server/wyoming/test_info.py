from dataclasses import replace
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.speech.fake import SPECS
from wyoming_servers.speech.tts.voices import VoiceRegistry
from wyoming_servers.speech.wake.registry import WakeWordRegistry
from wyoming_servers.wyoming.info import (
    InfoCache,
    asr_info,
    tts_info,
    wake_info,
)


def config(**asr: Any) -> Config:
    return Config.model_validate({"asr": {"model": "asr/many"} | asr})


def holder(**wake: Any) -> ConfigHolder:
    return ConfigHolder(Config.model_validate({"wake": wake}))


def test_configured_model_comes_first_with_its_languages() -> None:
    (program,) = asr_info(SPECS, config().asr, "attic").asr
    assert program.name == "Speech-to-text on attic"
    assert program.installed
    assert [model.name for model in program.models] == ["asr/many", "asr/english"]
    assert program.models[0].languages == ["de", "en", "no", "zh"]
    assert all(model.installed and model.description for model in program.models)


def test_model_of_a_port_has_a_program_of_its_own_first() -> None:
    first, second = asr_info(SPECS, config().asr, "attic", "asr/english").asr
    assert (first.name, [model.name for model in first.models]) == (
        "asr/english on attic",
        ["asr/english"],
    )
    assert second.name == "Speech-to-text on attic"
    (only,) = asr_info(SPECS, config().asr, "attic", "not/installed").asr
    assert only.name == "Speech-to-text on attic"


@pytest.mark.parametrize(
    ("asr", "required"),
    [
        ({}, True),
        ({"external_vad": False}, False),
        ({"external_vad": False, "turn_detection": False}, True),
    ],
    ids=str,
)
def test_external_vad_is_required_unless_the_server_alone_ends_turns(
    asr: dict[str, bool], required: bool
) -> None:
    (program,) = asr_info(SPECS, config(**asr).asr, "attic").asr
    assert program.requires_external_vad is required
    assert program.supports_transcript_streaming is True


def test_speech_to_text_prefers_audio_as_it_was_recorded() -> None:
    (program,) = asr_info(SPECS, config().asr, "attic").asr
    assert not program.prefers_auto_gain_enabled
    assert not program.prefers_noise_reduction_enabled


def test_default_voice_sorts_first_by_description() -> None:
    (program,) = tts_info(VoiceRegistry(SPECS, "en_US-joe"), "attic").tts
    assert program.supports_synthesize_streaming
    first, *_ = sorted(program.voices, key=lambda voice: voice.description or "")
    assert first.name == program.voices[0].name == "en_US-joe"
    assert [speaker.name for speaker in first.speakers or []] == ["Low", "high"]
    assert [voice.languages for voice in program.voices] == [["en_US"], ["de_DE"], ["en_GB"]]


def test_wake_words_have_a_phrase() -> None:
    (program,) = wake_info(
        WakeWordRegistry(SPECS, holder(words=["alexa", "hey_jarvis"])), "attic"
    ).wake
    assert [(model.name, model.phrase) for model in program.models] == [
        ("alexa", "alexa"),
        ("hey_jarvis", "hey jarvis"),
    ]


def test_info_is_empty_without_models() -> None:
    assert asr_info({}, config().asr, "attic").asr == []
    assert tts_info(VoiceRegistry({}, "en_US-joe"), "attic").tts == []
    assert wake_info(WakeWordRegistry({}, holder()), "attic").wake == []


def test_info_changes_only_with_the_models() -> None:
    specs: dict[str, ModelSpec] = dict(SPECS)
    cache = InfoCache(lambda: asr_info(specs, config().asr, "attic"))
    before = cache.frame
    specs["asr/many"] = replace(specs["asr/many"], keep_alive=1.0)
    assert cache.refresh() is False
    assert cache.frame == before
    del specs["asr/english"]
    assert cache.refresh() is True
    assert b"asr/english" not in cache.frame
