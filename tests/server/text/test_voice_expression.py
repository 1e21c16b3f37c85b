import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.voice_expression import parse_mix, parse_speed, voice_names


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
