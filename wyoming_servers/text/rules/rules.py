"""What a language's table holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Forms = tuple[str, str]
"""What follows one, and what follows any other number."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How one language reads what is not written in words."""

    numbers: str
    """Code of the language in Unicode's rules for numbers."""
    point: str
    """Said between a number and its decimals."""
    decimal: str
    """Written there: `.` or `,`."""
    thousands: str
    """Characters that may group thousands."""
    minus: str
    to: str
    """Between the ends of a range."""
    units: Mapping[str, Forms]
    """By symbol."""
    money: Mapping[str, tuple[Forms, Forms]]
    """By sign: the whole and the hundredth."""
    money_and: str
    """Between both; empty for nothing."""
    one: Mapping[str, str]
    """What `1` is in front of a unit, where the noun decides; by the word behind it."""
    months: tuple[str, ...]
    date: str
    """Order of {day}, {month} and {year} in speech."""
    day_first: bool
    """Whether the day is written first in `1/2/2026`."""
    first: str
    """The first day of a month; empty if it is counted as all days are."""
    ordinal_days: bool
    """Whether days are `third` rather than `three`."""
    hour: str
    """{hour} o'clock."""
    minutes: str
    """{hour} and {minute}."""
    half_day: Mapping[str, str] = field(default_factory=dict)
    """`am` and `pm`, by what is said."""
    ordinal: str = ""
    """Pattern of what follows a number to make it ordinal."""
    abbreviations: Mapping[str, str] = field(default_factory=dict)
    """As written, case and full stop included."""
    signs: Mapping[str, str] = field(default_factory=dict)
    """Characters between spaces or at a number, by what is said."""
    dot: str = "dot"
    at: str = "at"
    slash: str = "slash"
