import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.voice_expression import (
    VoiceVariant,
    format_options,
    parse_mix,
    parse_speed,
    parse_variant,
    voice_names,
)


@pytest.mark.parametrize(
    ("text", "mix"),
    [
        ("af_heart", [("af_heart", 1.0)]),
        ("af_heart+am_adam", [("af_heart", 1.0), ("am_adam", 1.0)]),
        ("af_heart*0.7 + am_adam*0.3", [("af_heart", 0.7), ("am_adam", 0.3)]),
    ],
)
def test_mix_is_parsed_with_its_weights(text: str, mix: list[tuple[str, float]]) -> None:
    assert parse_mix(text) == mix


@pytest.mark.parametrize(
    "text", ["", "a+", "a*", "a*0", "a*-1", "a*nan", "a*inf", "+".join("a" * 9)]
)
def test_invalid_mix_is_rejected(text: str) -> None:
    with pytest.raises(BadRequestError):
        parse_mix(text)


def test_speed_is_a_name_or_a_number() -> None:
    assert parse_speed("joe") == ("joe", 1.0)
    assert parse_speed("joe@slow") == ("joe", 0.8)
    assert parse_speed("joe@1.5") == ("joe", 1.5)


@pytest.mark.parametrize("text", ["joe@", "@slow", "joe@nan", "joe@2.1", "joe@quick"])
def test_invalid_speed_is_rejected(text: str) -> None:
    with pytest.raises(BadRequestError):
        parse_speed(text)


def test_plain_voices_of_an_expression_are_returned() -> None:
    assert voice_names("a*0.7+b@slow") == ["a", "b"]
    assert voice_names("joe@quick") == ["joe@quick"]


def test_options_of_the_engine_follow_the_voice() -> None:
    variant = parse_variant("joe@slow, noise_scale=0.4,volume=1.5")
    assert variant == VoiceVariant("joe", 0.8, {"noise_scale": 0.4, "volume": 1.5})
    assert format_options(variant.options) == "noise_scale=0.4,volume=1.5"
    assert parse_variant("a*0.7+b@length_scale=2").voice == "a*0.7+b"
    assert parse_variant("joe@1.2") == VoiceVariant("joe", 1.2)
    assert parse_variant("joe") == VoiceVariant("joe")
    assert voice_names("a+b@volume=2") == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    ["joe@volume=", "joe@volume=9", "joe@loud=1", "@volume=1", "joe@x,volume=1", "joe@volume=nan"],
)
def test_invalid_options_are_rejected_with_the_valid_ones(text: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_variant(text)
    assert caught.value.hint
