"""What a language's table holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

NounForms = tuple[str, str]
"""What follows one, and what follows any other number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRules:
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
    times: str
    """Behind a number: `3x`."""
    of: str
    """In `3/5`, where that is no fraction."""
    fractions: Mapping[str, str]
    """What is read in one: `1/2`."""
    units: Mapping[str, NounForms]
    """By symbol; one with a space before it needs one (`2700 K`, but a `4K` screen)."""
    nouns: tuple[NounForms, ...] = ()
    """Words that people count, beside those of units."""
    feminine: frozenset[str] = frozenset()
    """Which of all these nouns are, in the form that follows one."""
    ones_follow: bool = False
    """Whether 21 follows the noun as 1 does."""
    million_of: str = ""
    """Between a round million and what is counted."""
    money: Mapping[str, tuple[NounForms, NounForms]]
    """By sign: the whole and the hundredth."""
    money_and: str
    """Between both; empty for nothing."""
    scales: tuple[str, ...]
    """Words for large numbers behind figures: `3.5 million`."""
    months: tuple[str, ...]
    months_short: tuple[str, ...]
    """Without full stops, in the same order."""
    date: str
    """Order of {day}, {month} and {year} in speech."""
    day_first: bool = True
    """Whether the day is written first in `1/2/2026`."""
    short_dates: bool = False
    """Whether `21.11.` is a day."""
    first: str = ""
    """The first day of a month; empty if it is counted as all days are."""
    ordinal_days: bool = False
    """Whether days are `third` rather than `three`."""
    years_after: str
    """Pattern of the words before a year."""
    hour: str
    """{hour} o'clock."""
    minutes: str
    """{hour} and {minute}."""
    small_minutes: str = "{minute}"
    """Minutes below ten."""
    hour_one: str = ""
    """One o'clock, where that is another word than with other hours."""
    minutes_one: str = ""
    hour_gender: str = ""
    """Of the number of hours."""
    midnight: str = ""
    half_day: Mapping[str, str] = field(default_factory=dict)
    """`am` and `pm`, by what is said."""
    ordinal: str = "spellout-ordinal"
    """Unicode's name of the form of ordinal numbers used without anything else to go by."""
    cases: tuple[tuple[str, str], ...] = ()
    """Patterns of what stands before an ordinal number, with its form then."""
    suffixes: Mapping[str, str] = field(default_factory=dict)
    """Patterns of what follows a number to make it ordinal, with its form."""
    phone: str = ""
    """Pattern of phone numbers that no others would take for such."""
    phone_pairs: bool = False
    """Whether their digits are read in pairs."""
    abbreviations: Mapping[str, str] = field(default_factory=dict)
    """As written, case and full stop included."""
    before_numbers: Mapping[str, str] = field(default_factory=dict)
    """Those that are such only before a number."""
    signs: Mapping[str, str] = field(default_factory=dict)
    """Characters between spaces or at a number, by what is said."""
    dot: str = "dot"
    at: str = "at"
    slash: str = "slash"
    version: str = "version"
