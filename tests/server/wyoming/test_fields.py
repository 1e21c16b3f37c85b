from typing import Any

import pytest

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.wyoming import fields


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (fields.require_str, 1),
        (fields.require_str, None),
        (fields.optional_str, []),
        (fields.str_list, "a"),
        (fields.str_list, ["a", 1]),
        (fields.str_list, {"a": 1}),
        (fields.optional_bool, 1),
        (fields.optional_float, "1"),
        (fields.optional_float, True),
        (fields.optional_float, 10**400),
        (fields.mapping, "a"),
        (fields.mapping, [1]),
    ],
)
def test_a_field_of_another_type_is_named(read: Any, value: Any) -> None:
    with pytest.raises(BadRequestError, match="`field`"):
        read({"field": value}, "field")


def test_null_is_the_same_as_absent() -> None:
    for data in ({}, {"field": None}):
        assert fields.optional_str(data, "field") is None
        assert fields.str_list(data, "field") == ()
        assert fields.optional_bool(data, "field") is None
        assert fields.optional_float(data, "field") is None
        assert fields.mapping(data, "field") == {}
        assert fields.timestamp({"timestamp": None}) is None


@pytest.mark.parametrize(("value", "read"), [(5, 5), (5.9, 5), (-3, -3), (0, 0)])
def test_timestamps_may_be_fractions(value: float, read: int) -> None:
    assert fields.timestamp({"timestamp": value}) == read


@pytest.mark.parametrize("value", ["5", True, [], float("inf"), float("nan"), 1e300])
def test_a_timestamp_that_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(BadRequestError):
        fields.timestamp({"timestamp": value})


def test_what_a_chunk_does_not_say_is_as_before() -> None:
    known = AudioFormat(8_000, 1, 2)
    assert fields.audio_format({}, known) == known
    assert fields.audio_format({"rate": 16_000, "width": None}, known) == AudioFormat(16_000, 1, 2)
    with pytest.raises(BadRequestError, match="`width`"):
        fields.audio_format({"rate": 16_000})


def test_a_number_may_be_whole() -> None:
    assert fields.optional_float({"speed": 2}, "speed") == 2.0
    assert fields.optional_bool({"on": False}, "on") is False
