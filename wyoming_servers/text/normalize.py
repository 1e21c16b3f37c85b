"""What is not written in words, in words: numbers, units, money, dates, times, addresses, signs.

Works on a segment of a text as on the whole. A language without a table is left alone, since the
voices read plain numbers of their languages by themselves.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from wyoming_servers.text.addresses import Addresses
from wyoming_servers.text.dates import Dates
from wyoming_servers.text.numbers import Numbers
from wyoming_servers.text.plain import plain
from wyoming_servers.text.rules import ALL, rules_for
from wyoming_servers.text.rules.rules import Forms, Rules

_RAW: Final = re.compile(r"\[\[.*?\]\]")
"""A voice's own symbols, such as those of a lexicon; they stay as they are."""

_PHONE: Final = (
    r"\+\d{1,3}(?:[ ./-]?\(?\d{1,5}\)?){2,6}"
    r"|\(?0\d{1,5}\)?(?:[ /-]\d{2,8}){1,5}"
    r"|\(?\d{3}\)?[ -]\d{3}[ -]\d{4}"
    r"|\d{3}-\d{4}"
)

Pass = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
"""What to look for, and what is said for it."""


def normalize(text: str, language: str) -> str:
    """Return a text in words, without markup and emoji; `language` is a BCP 47 code."""
    reader = _reader(language)
    readable = plain(text)
    return readable if reader is None else reader.read(readable)


class _Reader:
    """One language's passes, in the order in which they must be made."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._numbers = numbers = Numbers(rules)
        self._addresses = Addresses(rules, numbers)
        self._dates = Dates(rules, numbers)
        self._nouns = {form: forms for forms in self._countable() for form in forms}
        self._abbreviations = re.compile(rf"(?<![\w.])(?:{_any(rules.abbreviations)})(?![\w])")
        phone = f"{_PHONE}|{rules.phone}" if rules.phone else _PHONE
        self._phones = re.compile(rf"(?<![\w.,/:-])(?<!\d\s)(?:{phone})(?![\w]|[.,/:-]\d)")
        self._amounts = [*self._before_numbers(), *self._money_passes(), *self._counts()]
        self._rest = [*self._ordinals(), *self._plain_numbers()]

    def read(self, text: str) -> str:
        """Make all passes, around what is in a voice's own symbols."""
        result = ""
        start = 0
        for raw in _RAW.finditer(text):
            result += self._pass(text[start : raw.start()]) + raw.group()
            start = raw.end()
        return result + self._pass(text[start:])

    def _pass(self, text: str) -> str:
        text = self._abbreviations.sub(self._abbreviated, text)
        text = self._addresses.read(text)
        # A phone number may look like a date, and an amount like a year.
        text = self._dates.read(self._phones.sub(self._phone, text))
        for pattern, read in self._amounts:
            text = pattern.sub(read, text)
        text = self._dates.years(text)
        for pattern, read in self._rest:
            text = pattern.sub(read, text)
        return text.replace("  ", " ")

    def _before_numbers(self) -> list[Pass]:
        """What stands before numbers, or between them."""
        rules, number = self._rules, self._numbers.number
        signs = "".join(map(re.escape, rules.signs))
        return [
            (
                re.compile(rf"(?<![\w.])({_any(rules.before_numbers)})(?=\s?\d)"),
                lambda at: f"{rules.before_numbers[at[1]]} ",
            ),
            (
                re.compile(rf"(?<![^\s(])[{signs}](?=\s|\d|[$€£¥]|$)"),
                lambda at: f"{rules.signs[at[0]]} ",
            ),
            (
                re.compile(r"(?<![\w.,])(\d+)\s?[x×]\s?(\d+)(?![\w]|[.,]\d)"),
                lambda at: f"{at[1]} {rules.signs['×']} {at[2]}",
            ),
            (
                re.compile(rf"({number})[x×](?!\w)"),
                lambda at: f"{self._numbers.read(at[1])} {rules.times}",
            ),
        ]

    def _money_passes(self) -> list[Pass]:
        number, signed = self._numbers.number, self._numbers.signed
        money = "".join(map(re.escape, self._rules.money))
        scales = _any(self._rules.scales)
        return [
            (
                re.compile(rf"([{money}])\s?({number})\s({scales})\b"),
                lambda at: self._scaled(at[2], at[3], at[1]),
            ),
            (
                re.compile(rf"({number})\s({scales})\s?([{money}])"),
                lambda at: self._scaled(at[1], at[2], at[3]),
            ),
            (
                re.compile(rf"([-\u2212]?)([{money}])\s?({number})(?!\w)"),
                lambda at: self._money(at[1] + at[3], at[2]),
            ),
            (re.compile(rf"({signed})\s?([{money}])"), lambda at: self._money(at[1], at[2])),
        ]

    def _counts(self) -> list[Pass]:
        """Fractions, and numbers with what they count."""
        rules, numbers = self._rules, self._numbers
        units = rf"(?:{_any(rules.units)})(?![\w²³/])"
        nouns = rf"(?:{_any(self._nouns)})\b"
        return [
            (re.compile(r"(?<![\w.,/])(\d{1,4})/(\d{1,4})(?![\w/]|[.,]\d)"), self._fraction),
            (
                re.compile(
                    rf"({numbers.signed})(?:\s?{units})?\s?[-–]\s?"
                    rf"(?={numbers.number}(?:\s?{units}|\s{nouns}))"
                ),
                lambda at: f"{numbers.read(at[1])} {rules.to} ",
            ),
            (
                re.compile(rf"({numbers.signed})\s?({units})"),
                lambda at: numbers.counted(at[1], rules.units[at[2]]),
            ),
            (
                re.compile(rf"({numbers.signed})\s({nouns})"),
                lambda at: numbers.counted(at[1], self._nouns[at[2]]),
            ),
        ]

    def _ordinals(self) -> list[Pass]:
        numbers = self._numbers
        passes: list[Pass] = [
            (
                re.compile(rf"({numbers.whole})(?:{suffix})(?!\w)", re.IGNORECASE),
                partial(_ordinal, numbers, form),
            )
            for suffix, form in self._rules.suffixes.items()
        ]
        if self._rules.cases:
            passes.append((re.compile(r"(?<![\w.,])(\d{1,3})\.(?=\s+[^\W\d])"), self._in_case))
        return passes

    def _plain_numbers(self) -> list[Pass]:
        numbers = self._numbers
        return [
            (
                re.compile(rf"({numbers.number})\s?[-–]\s?({numbers.number})(?![\w-])"),
                lambda at: f"{numbers.read(at[1])} {self._rules.to} {numbers.read(at[2])}",
            ),
            # `1,5` in English is no number of this language.
            (
                re.compile(rf"({numbers.signed})(?![\w]|[.,]\d)"),
                lambda at: numbers.read(at[1]),
            ),
        ]

    def _countable(self) -> list[Forms]:
        """Return all nouns that are one word each, so that `1 hour` is read as `1 h`."""
        units = [forms for forms in self._rules.units.values() if " " not in forms[0]]
        return [*units, *self._rules.nouns]

    def _abbreviated(self, at: re.Match[str]) -> str:
        # One that is the last word ends the sentence, too.
        last = at[0].endswith(".") and not at.string[at.end() :].strip()
        return self._rules.abbreviations[at[0]] + ("." if last else "")

    def _phone(self, at: re.Match[str]) -> str:
        plus = f"{self._rules.signs['+']} " if at[0].startswith("+") else ""
        groups = re.findall(r"\d+", at[0])
        if self._rules.phone_pairs:
            return plus + ", ".join(map(self._numbers.group, groups))
        return plus + ", ".join(map(self._numbers.digits, groups))

    def _in_case(self, at: re.Match[str]) -> str:
        """Read `3.` as an ordinal number where the word before it says so."""
        form = self._dates.form_after(at.string[: at.start()])
        return at[0] if form is None else self._numbers.ordinal(at[1], form)

    def _fraction(self, at: re.Match[str]) -> str:
        known = self._rules.fractions.get(at[0])
        if known is not None:
            return known
        read = self._numbers.read
        return f"{read(at[1])} {self._rules.of} {read(at[2])}"

    def _scaled(self, text: str, scale: str, sign: str) -> str:
        noun = self._rules.money[sign][0][1]
        return f"{self._numbers.read(text)} {scale} {self._numbers.of_million(noun)}"

    def _money(self, text: str, sign: str) -> str:
        whole, hundredth = self._rules.money[sign]
        # Either mark may stand before two digits of cents, whatever the language's own is.
        cents = re.fullmatch(r"(.*\d)[.,](\d{2})", text)
        if cents is None:
            return self._numbers.counted(text, whole)
        amount, rest = cents[1], cents[2]
        if rest == "00":
            return self._numbers.counted(amount, whole)
        small = self._numbers.counted(rest.lstrip("0"), hundredth)
        if amount == "0":
            return small
        joint = f" {self._rules.money_and} " if self._rules.money_and else " "
        return f"{self._numbers.counted(amount, whole)}{joint}{small}"


def _ordinal(numbers: Numbers, form: str, at: re.Match[str]) -> str:
    return numbers.ordinal(at[1], form)


def _any(words: Iterable[str]) -> str:
    """Return a pattern of any of the words, the longest first; of none, one that never matches."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)"


# Made here, since making one reads files, and reading a text must not.
_READERS: Final = {id(rules): _Reader(rules) for rules in ALL}


def _reader(language: str) -> _Reader | None:
    rules = rules_for(language)
    return None if rules is None else _READERS[id(rules)]
