"""What is not written in words, in words: numbers, units, money, dates, times, addresses, signs.

Works on a segment of a text as on the whole. A language without a table is left alone, since the
voices read plain numbers of their languages by themselves.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from wyoming_servers.text.normalize.addresses import AddressVerbalizer
from wyoming_servers.text.normalize.dates import DateVerbalizer
from wyoming_servers.text.normalize.numbers import NumberVerbalizer
from wyoming_servers.text.normalize.rules.language_rules import LanguageRules, NounForms
from wyoming_servers.text.normalize.rules.registry import ALL_RULES, rules_for
from wyoming_servers.text.speakable import strip_markup

_PHONEMES: Final = re.compile(r"\[\[.*?\]\]")
"""A voice's own symbols, such as those of a lexicon; they stay as they are."""

_PHONE: Final = (
    r"\+\d{1,3}(?:[ ./-]?\(?\d{1,5}\)?){2,6}"
    r"|\(?0\d{1,5}\)?(?:[ /-]\d{2,8}){1,5}"
    r"|\(?\d{3}\)?[ -]\d{3}[ -]\d{4}"
    r"|\d{3}-\d{4}"
)

Rewrite = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
"""What to look for, and what is said for it."""


def normalize(text: str, language: str) -> str:
    """Return a text in words, without markup and emoji; `language` is a BCP 47 code."""
    reader = _normalizer_for(language)
    readable = strip_markup(text)
    return readable if reader is None else reader.normalize(readable)


class _Normalizer:
    """One language's passes, in the order in which they must be made."""

    def __init__(self, rules: LanguageRules) -> None:
        self._rules = rules
        self._numbers = numbers = NumberVerbalizer(rules)
        self._addresses = AddressVerbalizer(rules, numbers)
        self._dates = DateVerbalizer(rules, numbers)
        self._nouns = {form: forms for forms in self._countable() for form in forms}
        self._abbreviations = re.compile(
            rf"(?<![\w.])(?:{_alternatives(rules.abbreviations)})(?![\w])"
        )
        phone = f"{_PHONE}|{rules.phone}" if rules.phone else _PHONE
        self._phones = re.compile(rf"(?<![\w.,/:-])(?<!\d\s)(?:{phone})(?![\w]|[.,/:-]\d)")
        self._amount_rewrites = [
            *self._prefix_rewrites(),
            *self._money_rewrites(),
            *self._count_rewrites(),
        ]
        self._final_rewrites = [*self._ordinal_rewrites(), *self._plain_number_rewrites()]

    def normalize(self, text: str) -> str:
        """Make all passes, around what is in a voice's own symbols."""
        result = ""
        start = 0
        for raw in _PHONEMES.finditer(text):
            result += self._apply_rewrites(text[start : raw.start()]) + raw.group()
            start = raw.end()
        return result + self._apply_rewrites(text[start:])

    def _apply_rewrites(self, text: str) -> str:
        text = self._abbreviations.sub(self._abbreviated, text)
        text = self._addresses.verbalize(text)
        # A phone number may look like a date, and an amount like a year.
        text = self._dates.verbalize(self._phones.sub(self._phone, text))
        for pattern, read in self._amount_rewrites:
            text = pattern.sub(read, text)
        text = self._dates.verbalize_years(text)
        for pattern, read in self._final_rewrites:
            text = pattern.sub(read, text)
        return text.replace("  ", " ")

    def _prefix_rewrites(self) -> list[Rewrite]:
        """What stands before numbers, or between them."""
        rules, number = self._rules, self._numbers.number
        signs = "".join(map(re.escape, rules.signs))
        return [
            (
                re.compile(rf"(?<![\w.])({_alternatives(rules.before_numbers)})(?=\s?\d)"),
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
                lambda at: f"{self._numbers.verbalize(at[1])} {rules.times}",
            ),
        ]

    def _money_rewrites(self) -> list[Rewrite]:
        number, signed = self._numbers.number, self._numbers.signed
        money = "".join(map(re.escape, self._rules.money))
        scales = _alternatives(self._rules.scales)
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

    def _count_rewrites(self) -> list[Rewrite]:
        """Fractions, and numbers with what they count."""
        rules, numbers = self._rules, self._numbers
        units = rf"(?:{_alternatives(rules.units)})(?![\w²³/])"
        nouns = rf"(?:{_alternatives(self._nouns)})\b"
        return [
            (re.compile(r"(?<![\w.,/])(\d{1,4})/(\d{1,4})(?![\w/]|[.,]\d)"), self._fraction),
            (
                re.compile(
                    rf"({numbers.signed})(?:\s?{units})?\s?[-–]\s?"
                    rf"(?={numbers.number}(?:\s?{units}|\s{nouns}))"
                ),
                lambda at: f"{numbers.verbalize(at[1])} {rules.to} ",
            ),
            (
                re.compile(rf"({numbers.signed})\s?({units})"),
                lambda at: numbers.with_noun(at[1], rules.units[at[2]]),
            ),
            (
                re.compile(rf"({numbers.signed})\s({nouns})"),
                lambda at: numbers.with_noun(at[1], self._nouns[at[2]]),
            ),
        ]

    def _ordinal_rewrites(self) -> list[Rewrite]:
        numbers = self._numbers
        passes: list[Rewrite] = [
            (
                re.compile(rf"({numbers.whole})(?:{suffix})(?!\w)", re.IGNORECASE),
                partial(_verbalize_ordinal, numbers, form),
            )
            for suffix, form in self._rules.suffixes.items()
        ]
        if self._rules.cases:
            passes.append((re.compile(r"(?<![\w.,])(\d{1,3})\.(?=\s+[^\W\d])"), self._in_case))
        return passes

    def _plain_number_rewrites(self) -> list[Rewrite]:
        numbers = self._numbers
        return [
            (
                re.compile(rf"({numbers.number})\s?[-–]\s?({numbers.number})(?![\w-])"),
                lambda at: (
                    f"{numbers.verbalize(at[1])} {self._rules.to} {numbers.verbalize(at[2])}"
                ),
            ),
            # `1,5` in English is no number of this language.
            (
                re.compile(rf"({numbers.signed})(?![\w]|[.,]\d)"),
                lambda at: numbers.verbalize(at[1]),
            ),
        ]

    def _countable(self) -> list[NounForms]:
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
        read = self._numbers.verbalize
        return f"{read(at[1])} {self._rules.of} {read(at[2])}"

    def _scaled(self, text: str, scale: str, sign: str) -> str:
        noun = self._rules.money[sign][0][1]
        return f"{self._numbers.verbalize(text)} {scale} {self._numbers.of_million(noun)}"

    def _money(self, text: str, sign: str) -> str:
        whole, hundredth = self._rules.money[sign]
        # Either mark may stand before two digits of cents, whatever the language's own is.
        cents = re.fullmatch(r"(.*\d)[.,](\d{2})", text)
        if cents is None:
            return self._numbers.with_noun(text, whole)
        amount, rest = cents[1], cents[2]
        if rest == "00":
            return self._numbers.with_noun(amount, whole)
        small = self._numbers.with_noun(rest.lstrip("0"), hundredth)
        if amount == "0":
            return small
        joint = f" {self._rules.money_and} " if self._rules.money_and else " "
        return f"{self._numbers.with_noun(amount, whole)}{joint}{small}"


def _verbalize_ordinal(numbers: NumberVerbalizer, form: str, at: re.Match[str]) -> str:
    return numbers.ordinal(at[1], form)


def _alternatives(words: Iterable[str]) -> str:
    """Return a pattern of any of the words, the longest first; of none, one that never matches."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)"


# Made here, since making one reads files, and reading a text must not.
_NORMALIZERS: Final = {id(rules): _Normalizer(rules) for rules in ALL_RULES}


def _normalizer_for(language: str) -> _Normalizer | None:
    rules = rules_for(language)
    return None if rules is None else _NORMALIZERS[id(rules)]
