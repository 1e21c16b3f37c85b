from typing import Any

import pytest

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.wyoming import session


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (session.require_str, 1),
        (session.require_str, None),
        (session.optional_str, []),
        (session.optional_str_list, "a"),
        (session.optional_str_list, ["a", 1]),
        (session.optional_str_list, {"a": 1}),
        (session.optional_bool, 1),
        (session.optional_float, "1"),
        (session.optional_float, True),
        (session.optional_float, 10**400),
        (session.optional_mapping, "a"),
        (session.optional_mapping, [1]),
    ],
)
def test_error_names_a_field_of_a_wrong_type(read: Any, value: Any) -> None:
    with pytest.raises(BadRequestError, match="`field`"):
        read({"field": value}, "field")


def test_null_means_absent() -> None:
    for data in ({}, {"field": None}):
        assert session.optional_str(data, "field") is None
        assert session.optional_str_list(data, "field") == ()
        assert session.optional_bool(data, "field") is None
        assert session.optional_float(data, "field") is None
        assert session.optional_mapping(data, "field") == {}
        assert session.optional_timestamp({"timestamp": None}) is None


@pytest.mark.parametrize(("value", "read"), [(5, 5), (5.9, 5), (-3, -3), (0, 0)])
def test_timestamp_may_be_a_fraction(value: float, read: int) -> None:
    assert session.optional_timestamp({"timestamp": value}) == read


@pytest.mark.parametrize("value", ["5", True, [], float("inf"), float("nan"), 1e300])
def test_timestamp_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(BadRequestError):
        session.optional_timestamp({"timestamp": value})


def test_audio_format_fields_default_to_the_known_format() -> None:
    known = AudioFormat(8_000, 1, 2)
    assert session.parse_audio_format({}, known) == known
    assert session.parse_audio_format({"rate": 16_000, "width": None}, known) == AudioFormat(
        16_000, 1, 2
    )
    with pytest.raises(BadRequestError, match="`width`"):
        session.parse_audio_format({"rate": 16_000})


def test_float_field_may_be_a_whole_number() -> None:
    assert session.optional_float({"speed": 2}, "speed") == 2.0
    assert session.optional_bool({"on": False}, "on") is False


@pytest.mark.parametrize(
    ("context", "label"),
    [
        ({}, "10.0.0.7:5"),
        ({"satellite": None, "assistant": " "}, "10.0.0.7:5"),
        ({"satellite": " Kitchen\nsatellite "}, "Kitchen satellite"),
        ({"assistant": "Office"}, "Office"),
        ({"satellite": "Kitchen", "assistant": "Office"}, "Kitchen (Office)"),
        ({"satellite": "a" * 200}, "a" * 100),
        ({"satellite": "\ud800", "assistant": "Office"}, "Office"),
    ],
)
def test_client_is_named_by_its_satellite_and_assistant(
    context: dict[str, Any], label: str
) -> None:
    assert session.client_label("10.0.0.7:5", context) == label


def test_name_of_a_satellite_must_be_a_text() -> None:
    with pytest.raises(BadRequestError, match="`satellite`"):
        session.client_label("10.0.0.7:5", {"satellite": 1})
