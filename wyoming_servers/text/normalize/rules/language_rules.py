"""The fields of a language's rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field

NounForms = tuple[str, str]
"""The noun after one, and after any other number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRules:
    """How one language reads numbers, dates, units and symbols."""

    language: str
    """Language code of Unicode's rule-based number formats (RBNF)."""
    decimal_word: str
    """Spoken between a number and its decimals."""
    decimal_mark: str
    """`.` or `,`."""
    group_marks: str
    """Characters that may group thousands."""
    minus_word: str
    range_word: str
    """Spoken between the ends of a range."""
    times_word: str
    """Spoken after the number in `3x`."""
    fraction_word: str
    """Spoken in `3/5`, if it is not in `fractions`."""
    fractions: Mapping[str, str]
    """Fractions with words of their own, such as `1/2`."""
    units: Mapping[str, NounForms]
    """By symbol. A symbol that begins with a space needs one: `2700 K`, but a `4K` screen."""
    nouns: tuple[NounForms, ...] = ()
    """Other nouns that are counted."""
    feminine_nouns: frozenset[str] = frozenset()
    """Feminine ones among units and nouns, in singular."""
    ones_inflect: bool = False
    """Whether 21 agrees with its noun as 1 does."""
    million_linker: str = ""
    """Spoken between a round million and its noun."""
    currencies: Mapping[str, tuple[NounForms, NounForms]]
    """By symbol: the unit and its hundredth."""
    currency_linker: str
    """Spoken between both; may be empty."""
    scale_words: tuple[str, ...]
    """Words for large numbers after digits: `3.5 million`."""
    months: tuple[str, ...]
    short_months: tuple[str, ...]
    """Without full stops, in the same order."""
    date_format: str
    """Order of {day}, {month} and {year} in speech."""
    day_first: bool = True
    """Whether `1/2/2026` begins with the day."""
    short_dates: bool = False
    """Whether `21.11.` is a day."""
    first_day: str = ""
    """Word for the first day of a month; empty if it is counted like the others."""
    ordinal_days: bool = False
    """Whether a day is spoken as `third` rather than `three`."""
    year_contexts: str
    """Pattern of the words before a year."""
    hour_format: str
    """A full hour, such as `{hour} o'clock`."""
    time_format: str
    """{hour} and {minute}."""
    small_minute_format: str = "{minute}"
    """Minutes below ten."""
    one_hour_format: str = ""
    """One o'clock, if it differs from other hours."""
    one_time_format: str = ""
    """A time after one o'clock, if it differs from other hours."""
    hour_gender: str = ""
    """Gender of the number of hours."""
    midnight: str = ""
    """Word for 0:00; empty if it is read like other times."""
    day_halves: Mapping[str, str] = field(default_factory=dict)
    """Words for `am` and `pm`."""
    ordinal_ruleset: str = "spellout-ordinal"
    """Unicode's name of the ordinal form that is used without context."""
    ordinal_contexts: tuple[tuple[str, str], ...] = ()
    """Patterns of the words before an ordinal number, with the form they require."""
    ordinal_suffixes: Mapping[str, str] = field(default_factory=dict)
    """Patterns of suffixes that make a number ordinal, with the form."""
    phone_pattern: str = ""
    """Pattern of phone numbers in addition to the common ones."""
    phone_pairs: bool = False
    """Whether phone numbers are read in pairs of digits."""
    abbreviations: Mapping[str, str] = field(default_factory=dict)
    """By their spelling, including case and full stop."""
    number_abbreviations: Mapping[str, str] = field(default_factory=dict)
    """Abbreviations only before a number."""
    symbols: Mapping[str, str] = field(default_factory=dict)
    """Words for characters between spaces or at a number."""
    dot_word: str = "dot"
    at_word: str = "at"
    slash_word: str = "slash"
    version_word: str = "version"
