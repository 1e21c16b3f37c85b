"""Durations, sizes and budgets with units."""

import pytest

from wyoming_servers.config.units import parse_budget, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("500ms", 0.5),
        ("1.5 s", 1.5),
        ("5m", 300),
        ("1h", 3600),
        ("-1", -1),
        ("2d", 172800),
    ],
)
def test_durations_are_parsed_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("512", 512), ("1kB", 1000), ("512MiB", 512 * 2**20), ("1.5g", 3 * 2**29)]
)
def test_sizes_are_parsed_with_units(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "5 parsecs", "1 000", "--1"])
def test_invalid_durations_and_sizes_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not valid"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "budget"),
    [("90%", 900), ("12.5 %", 125), ("100%", 1000), ("1GiB", 1000), ("250", 250)],
)
def test_budget_is_a_percentage_or_a_size_within_the_device(text: str, budget: int) -> None:
    assert parse_budget(text, 1000) == budget
