"""What is not written in words, in words: numbers, units, money, dates, times, addresses, signs.

Works on a segment of a text as on the whole. A language without a table is left alone, since the
voices read plain numbers of their languages by themselves.
"""

import re
from collections.abc import Callable
from typing import Final

from unicode_rbnf import FormatPurpose, RbnfEngine

from wyoming_servers.text.plain import plain
from wyoming_servers.text.rules import ALL, rules_for
from wyoming_servers.text.rules.rules import Rules

_RAW: Final = re.compile(r"\[\[.*?\]\]")
"""A voice's own symbols, such as those of a lexicon; they stay as they are."""

_MAX_DIGITS: Final = 15
"""Longer numbers are no amounts: their digits are read one by one."""

_ADDRESS: Final = re.compile(
    r"(?:https?://)?(?:www\.)?(?P<host>(?:[a-z0-9-]+\.)+[a-z]{2,})(?::\d+)?(?P<path>/[^\s,;!?]*)?"
    r"(?<![.])",
    re.IGNORECASE,
)
_MAIL: Final = re.compile(r"\b([\w.+-]+)@((?:[\w-]+\.)+[a-z]{2,})\b", re.IGNORECASE)
_ENDINGS: Final = frozenset(
    {"com", "org", "net", "io", "eu", "info", "dev", "app", "local"}
    | {"de", "fr", "es", "uk", "at", "ch", "us"}
)
"""A word with a full stop inside is an address only with one of these, or with its scheme."""

_ISO_DATE: Final = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_DATE: Final = re.compile(r"\b(\d{1,2})([./])(\d{1,2})\2(\d{4})\b")
_TIME: Final = re.compile(
    r"\b(\d{1,2})[:h](\d{2})(?::\d{2})?(?:\s?([ap])\.?m\b\.?)?(?:\s+Uhr\b)?", re.IGNORECASE
)
_HALF_DAY: Final = re.compile(r"\b(1[0-2]|[1-9])\s?([ap])\.?m\b\.?", re.IGNORECASE)


def normalize(text: str, language: str) -> str:
    """Return a text in words, without markup and emoji; `language` is a BCP 47 code."""
    reader = _reader(language)
    readable = plain(text)
    return readable if reader is None else reader.read(readable)


class _Reader:
    """One language's passes, in the order in which they must be made."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._engine = RbnfEngine.for_language(rules.numbers)
        group = f"[{re.escape(rules.thousands)}]"
        number = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)(?:{re.escape(rules.decimal)}\d+)?"
        signed = rf"(?<![\w.,])[-\u2212]?{number}"
        units = "|".join(re.escape(unit) for unit in sorted(rules.units, key=len, reverse=True))
        signs = "".join(map(re.escape, rules.money))
        months = "|".join(rules.months)
        behind = r"(?![\w²³/])"
        self._passes: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
            (_MAIL, self._mail),
            (_ADDRESS, self._address),
            (_ISO_DATE, lambda at: self._date(at, at[3], at[2], at[1])),
            (_DATE, self._local_date),
            (_TIME, self._time),
            (re.compile(rf"([{signs}])\s?({number})(?!\w)"), lambda at: self._money(at[2], at[1])),
            (re.compile(rf"({signed})\s?([{signs}])"), lambda at: self._money(at[1], at[2])),
            (
                re.compile(rf"({number})\s?[-–]\s?({number})(?=\s?(?:{units}){behind})"),
                lambda at: f"{self._number(at[1])} {rules.to} {at[2]}",
            ),
            (re.compile(rf"({signed})\s?({units}){behind}"), self._unit),
            (re.compile(rf"\b(\d{{1,2}})\.?(?=\s+(?:{months})\b)"), self._day),
            (
                re.compile(
                    rf"\b({months})\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*[.:,]\d)"
                    r"(,?\s+)?((?<=\s)(?:1[1-9]|20)\d\d\b)?"
                ),
                self._month_day,
            ),
            (
                re.compile(
                    rf"((?:\b(?:{months}),?|\b(?:in|since|seit|im Jahr|en|depuis|desde))\s+)"
                    r"((?:1[1-9]|20)\d\d)\b(?![.,]\d)",
                    re.IGNORECASE,
                ),
                lambda at: at[1] + self._year(at[2]),
            ),
            (re.compile(rf"({number})\s?[-–]\s?({number})(?![\w-])"), self._range),
            # `1.2.3` and `1,5` in English are no numbers of this language.
            (re.compile(rf"(?<![\w.,])({signed})(?![\w]|[.,]\d)"), lambda at: self._number(at[1])),
        ]
        if rules.ordinal:
            self._passes.insert(
                -2,
                (
                    re.compile(rf"\b(\d+){rules.ordinal}", re.IGNORECASE),
                    lambda at: self._ordinal(at[1]),
                ),
            )
        if rules.half_day:
            self._passes.insert(5, (_HALF_DAY, self._half_day))
        words = "|".join(map(re.escape, sorted(rules.abbreviations, key=len, reverse=True)))
        self._abbreviations = re.compile(rf"(?<![\w.])(?:{words})(?![\w])")
        self._signs = re.compile(
            rf"(?:(?<=\s)|^)[{''.join(map(re.escape, rules.signs))}](?=\s|\d|$)"
        )

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
        for pattern, read in self._passes:
            text = pattern.sub(read, text)
        return self._signs.sub(lambda at: f"{self._rules.signs[at[0]]} ", text).replace("  ", " ")

    def _abbreviated(self, at: re.Match[str]) -> str:
        # One that is the last word ends the sentence, too.
        last = at[0].endswith(".") and not at.string[at.end() :].strip()
        return self._rules.abbreviations[at[0]] + ("." if last else "")

    def _number(self, text: str) -> str:
        """Read a number as written, sign, groups and decimals included."""
        rules = self._rules
        sign = rules.minus + " " if text[0] in "-\u2212" else ""
        digits = text.lstrip("-\u2212")
        for group in rules.thousands:
            digits = digits.replace(group, "")
        whole, _, decimals = digits.partition(rules.decimal)
        spoken = sign + self._whole(whole)
        if decimals:
            spoken += f" {rules.point} " + " ".join(map(self._whole, decimals))
        return spoken

    def _whole(self, digits: str) -> str:
        # A leading zero says that it is a code or a part of a number.
        if len(digits) > _MAX_DIGITS or (len(digits) > 1 and digits[0] == "0"):
            return " ".join(self._cardinal(int(digit)) for digit in digits)
        return self._cardinal(int(digits))

    def _cardinal(self, number: int) -> str:
        return self._spelled(number, FormatPurpose.CARDINAL, "spellout-numbering")

    def _year(self, digits: str) -> str:
        return self._spelled(int(digits), FormatPurpose.YEAR, "spellout-numbering-year")

    def _ordinal(self, digits: str) -> str:
        if len(digits) > _MAX_DIGITS:
            return digits
        wanted = "spellout-ordinal-n" if self._rules.numbers == "de" else "spellout-ordinal"
        return self._spelled(int(digits), FormatPurpose.ORDINAL, wanted)

    def _spelled(self, number: int, purpose: FormatPurpose, ruleset: str) -> str:
        found = self._engine.format_number(number, purpose=purpose).text_by_ruleset
        named = next((text for name, text in found.items() if name.startswith(ruleset)), "")
        text = found.get(ruleset) or named or next(iter(found.values()))
        return text.replace("\u00ad", "")

    def _counted(self, text: str, forms: tuple[str, str]) -> str:
        if text.lstrip("-\u2212") != "1":
            return f"{self._number(text)} {forms[1]}"
        one = self._rules.one.get(forms[0], self._cardinal(1))
        return f"{self._rules.minus + ' ' if text[0] != '1' else ''}{one} {forms[0]}"

    def _unit(self, at: re.Match[str]) -> str:
        return self._counted(at[1], self._rules.units[at[2]])

    def _money(self, text: str, sign: str) -> str:
        whole, hundredth = self._rules.money[sign]
        amount, _, rest = text.partition(self._rules.decimal)
        if len(rest) != 2 or rest == "00":
            return self._counted(amount if rest in ("", "00") else text, whole)
        cents = self._counted(rest.lstrip("0"), hundredth)
        if amount == "0":
            return cents
        joint = f" {self._rules.money_and} " if self._rules.money_and else " "
        return f"{self._counted(amount, whole)}{joint}{cents}"

    def _range(self, at: re.Match[str]) -> str:
        return f"{self._number(at[1])} {self._rules.to} {self._number(at[2])}"

    def _local_date(self, at: re.Match[str]) -> str:
        # Only America writes the month first, and not with full stops.
        day, month = (at[1], at[3]) if self._rules.day_first or at[2] == "." else (at[3], at[1])
        if int(month) > 12:
            day, month = month, day
        return self._date(at, day, month, at[4])

    def _date(self, at: re.Match[str], day: str, month: str, year: str) -> str:
        rules = self._rules
        if not 1 <= int(month) <= 12 or not 1 <= int(day) <= 31:
            return at[0]
        return rules.date.format(
            day=self._day_word(day), month=rules.months[int(month) - 1], year=self._year(year)
        )

    def _month_day(self, at: re.Match[str]) -> str:
        if not self._rules.ordinal_days:
            return at[0]
        year = self._year(at[4]) if at[4] else ""
        return f"{at[1]} {self._ordinal(at[2])}{at[3] or ''}{year}"

    def _day(self, at: re.Match[str]) -> str:
        return self._day_word(at[1])

    def _day_word(self, day: str) -> str:
        if self._rules.ordinal_days:
            return self._ordinal(str(int(day)))
        return (
            self._rules.first if self._rules.first and int(day) == 1 else self._cardinal(int(day))
        )

    def _time(self, at: re.Match[str]) -> str:
        hour, minute = int(at[1]), int(at[2])
        if hour > 24 or minute > 59:
            return at[0]
        half = f" {self._rules.half_day.get(f'{at[3].lower()}m', '')}".rstrip() if at[3] else ""
        spoken = self._cardinal(hour)
        if minute == 0:
            return spoken + half if half else self._rules.hour.format(hour=spoken)
        minutes = self._cardinal(minute)
        if minute < 10 and self._rules.numbers == "en":
            minutes = f"oh {minutes}"
        return self._rules.minutes.format(hour=spoken, minute=minutes) + half

    def _half_day(self, at: re.Match[str]) -> str:
        return f"{self._cardinal(int(at[1]))} {self._rules.half_day[f'{at[2].lower()}m']}"

    def _mail(self, at: re.Match[str]) -> str:
        return f"{self._dotted(at[1])} {self._rules.at} {self._dotted(at[2])}"

    def _address(self, at: re.Match[str]) -> str:
        given = at[0].lower().startswith(("http", "www"))
        if not given and at["host"].rpartition(".")[2].lower() not in _ENDINGS:
            return at[0]
        path = (at["path"] or "").rstrip("/.")
        words = [self._dotted(at["host"])]
        # Long paths are noise: nobody types what he hears.
        if path and len(path) <= 20 and path.isascii() and "?" not in path:
            words += [f"{self._rules.slash} {part}" for part in path.strip("/").split("/")]
        return " ".join(words)

    def _dotted(self, text: str) -> str:
        return text.replace(".", f" {self._rules.dot} ")


# Made here, since making one reads files, and reading a text must not.
_READERS: Final = {id(rules): _Reader(rules) for rules in ALL}


def _reader(language: str) -> _Reader | None:
    rules = rules_for(language)
    return None if rules is None else _READERS[id(rules)]
