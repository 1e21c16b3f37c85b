"""Dates, years and times of one language in words."""

import re
from typing import Final

from wyoming_servers.text.normalize.numbers import NumberVerbalizer
from wyoming_servers.text.normalize.rules.language_rules import LanguageRules

_ISO: Final = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})(?:T(?=\d{1,2}:\d{2})|\b)")
_DATE: Final = re.compile(r"\b(\d{1,2})([./-])(\d{1,2})\2(\d{4})\b")
_SHORT: Final = re.compile(r"(?<![\w.,])(\d{1,2})\.(\d{1,2})\.(?!\d)")
_FROM_TO: Final = re.compile(
    r"(\d{1,2}:\d{2}|\d\s?[ap]\.?m\.?)\s?[-–]\s?(?=\d{1,2}(?::\d|\s?[ap]m))"
)
_TIME: Final = re.compile(
    r"\b(\d{1,2})(?::|h)(\d{2})(?::(\d{2}))?(?:\s?([ap])\.?m\b\.?)?(?:\s+(?:Uhr|uur)\b)?",
    re.IGNORECASE,
)
_DOTTED_TIME: Final = re.compile(r"(?<![\w.,])(\d{1,2})\.(\d{2})\s(?:Uhr|uur)\b")
_SPACED_TIME: Final = re.compile(r"\b(\d{1,2})\sh\s(\d{2})\b(?!\s?min)")
_HALF_DAY: Final = re.compile(r"\b(1[0-2]|[1-9])\s?([ap])\.?m\b\.?", re.IGNORECASE)
_DECADE: Final = re.compile(r"\b(?:((?:1[5-9]|20)\d0)|(?<=[Tt]he\s)(\d0))s\b")
_YEAR: Final = r"(?:1[1-9]|20)\d\d"

_MONTHS: Final = 12
_DAYS: Final = 31
_HOURS: Final = 24
_MINUTES: Final = 59
_TEN: Final = 10


class DateVerbalizer:
    """Reads dates and times in one language."""

    def __init__(self, rules: LanguageRules, numbers: NumberVerbalizer) -> None:
        self._rules = rules
        self._numbers = numbers
        months = "|".join(rules.months)
        pairs = zip(rules.months_short, rules.months, strict=True)
        self._full = {short: full for short, full in pairs if short != full}
        short = "|".join(sorted(self._full, key=len, reverse=True))
        behind = [r"\d\s", r"\d\.\s", r"\d\sde\s"]
        # Before a day as in `Nov. 21`, or behind one.
        self._abbreviated = re.compile(
            "|".join(rf"(?<={day})(?:{short})\b\.?" for day in behind)
            + rf"|\b(?:{short})\b\.?(?=\s\d{{1,2}}(?:st|nd|rd|th)?\b)"
        )
        after = r"(?:\s+de)?" if rules.numbers == "es" else ""
        self._day = re.compile(rf"\b(\d{{1,2}})\.?(?={after}\s+(?:{months})\b)")
        self._month_day = re.compile(
            rf"\b({months})\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*[.:,]\d)"
            rf"(,?\s+)?((?<=\s){_YEAR}\b)?"
        )
        self._year = re.compile(
            rf"((?:\b(?:{months}),?(?:\s+de)?|\b(?:{rules.years_after}))\s+)({_YEAR})"
            rf"(?:(\s*[-–]\s*|\s\w{{1,4}}\s)({_YEAR}))?\b(?![.,]\d)",
            re.IGNORECASE,
        )
        self._years = re.compile(rf"(?<![\w.,-])({_YEAR})\s?[-–]\s?({_YEAR})(?![\w-]|[.,]\d)")
        self._cases = [
            (re.compile(rf"\b(?:{before})\s+$", re.IGNORECASE), form)
            for before, form in rules.cases
        ]

    def verbalize(self, text: str) -> str:
        """Return a text with dates and times in words; `years` are for when amounts are read."""
        rules = self._rules
        text = _ISO.sub(lambda at: self._date(at, at[3], at[2], at[1]), text)
        text = _DATE.sub(self._local, text)
        if rules.short_dates:
            text = _SHORT.sub(self._short, text)
        text = self._abbreviated.sub(self._in_full, text)
        text = self._times(text)
        if rules.numbers == "en":
            text = _DECADE.sub(self._decade, text)
            text = self._month_day.sub(self._behind_month, text)
        return self._day.sub(self._day_word, text)

    def verbalize_years(self, text: str) -> str:
        """Return a text with numbers in words that other words show to be years."""
        rules = self._rules
        text = self._years.sub(
            lambda at: f"{self._numbers.year(at[1])} {rules.to} {self._numbers.year(at[2])}", text
        )
        return self._year.sub(self._after_word, text)

    def form_after(self, before: str) -> str | None:
        """Return the form of an ordinal number behind a text; None if nothing asks for one."""
        return next((form for pattern, form in self._cases if pattern.search(before)), None)

    def _times(self, text: str) -> str:
        rules = self._rules
        text = _FROM_TO.sub(lambda at: f"{at[1]} {rules.to} ", text)
        if rules.numbers in ("de", "nl"):
            text = _DOTTED_TIME.sub(self._time, text)
        if rules.numbers == "fr":
            text = _SPACED_TIME.sub(self._time, text)
        text = _TIME.sub(self._time, text)
        return _HALF_DAY.sub(self._half, text) if rules.half_day else text

    def _local(self, at: re.Match[str]) -> str:
        # Only America writes the month first, and not with full stops.
        day, month = (at[1], at[3]) if self._rules.day_first or at[2] == "." else (at[3], at[1])
        if int(month) > _MONTHS:
            day, month = month, day
        return self._date(at, day, month, at[4])

    def _date(self, at: re.Match[str], day: str, month: str, year: str) -> str:
        if not 1 <= int(month) <= _MONTHS or not 1 <= int(day) <= _DAYS:
            return at[0]
        words = self._rules.date.format(
            day=self._spoken_day(at, day),
            month=self._rules.months[int(month) - 1],
            year=self._numbers.year(year),
        )
        return f"{words} " if at[0].endswith("T") else words

    def _short(self, at: re.Match[str]) -> str:
        if not 1 <= int(at[2]) <= _MONTHS or not 1 <= int(at[1]) <= _DAYS:
            return at[0]
        # The last full stop may end the sentence, too.
        stop = "" if at.string[at.end() :].strip() else "."
        return f"{self._spoken_day(at, at[1])} {self._rules.months[int(at[2]) - 1]}{stop}"

    def _in_full(self, at: re.Match[str]) -> str:
        # A full stop may end the sentence, too.
        stop = "." if at[0].endswith(".") and not at.string[at.end() :].strip() else ""
        return self._full[at[0].rstrip(".")] + stop

    def _behind_month(self, at: re.Match[str]) -> str:
        year = self._numbers.year(at[4]) if at[4] else ""
        return f"{at[1]} {self._numbers.ordinal(at[2])}{at[3] or ''}{year}"

    def _day_word(self, at: re.Match[str]) -> str:
        return self._spoken_day(at, at[1])

    def _spoken_day(self, at: re.Match[str], day: str) -> str:
        if self._rules.ordinal_days:
            form = self.form_after(at.string[: at.start()])
            return self._numbers.ordinal(str(int(day)), form or "")
        if self._rules.first and int(day) == 1:
            return self._rules.first
        return self._numbers.cardinal(int(day))

    def _decade(self, at: re.Match[str]) -> str:
        word = self._numbers.year(at[1]) if at[1] else self._numbers.cardinal(int(at[2]))
        return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"

    def _after_word(self, at: re.Match[str]) -> str:
        first = at[1] + self._numbers.year(at[2])
        if not at[4]:
            return first
        joint = f" {self._rules.to} " if at[3].strip() in "-–" else at[3]
        return f"{first}{joint}{self._numbers.year(at[4])}"

    def _time(self, at: re.Match[str]) -> str:
        rules = self._rules
        groups = (*at.groups(), None, None)
        hour, minute = int(at[1]), int(at[2])
        if hour > _HOURS or minute > _MINUTES:
            return at[0]
        half = f" {rules.half_day.get(f'{groups[3].lower()}m', '')}".rstrip() if groups[3] else ""
        if not half and rules.midnight and (hour, minute) == (0, 0):
            return rules.midnight
        spoken = self._numbers.cardinal(hour, rules.hour_gender)
        one = hour == 1
        if minute == 0:
            whole = (one and rules.hour_one) or rules.hour
            return spoken + half if half else whole.format(hour=spoken)
        minutes = self._numbers.cardinal(minute)
        if minute < _TEN:
            minutes = rules.small_minutes.format(minute=minutes)
        both = (one and rules.minutes_one) or rules.minutes
        return both.format(hour=spoken, minute=minutes) + half

    def _half(self, at: re.Match[str]) -> str:
        said = self._rules.half_day[f"{at[2].lower()}m"]
        return f"{self._numbers.cardinal(int(at[1]))} {said}"
