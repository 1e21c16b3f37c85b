"""Verbalizes numbers, dates, times and addresses of one language, for the normalizer."""

import re
from typing import Final

from unicode_rbnf import FormatPurpose, RbnfEngine

from wyoming_servers.text.normalize.rules.language_rules import LanguageRules, NounForms

_MAX_DIGITS: Final = 15
"""The digits of longer numbers are read one by one."""

_MINUS: Final = "-\u2212"
_MILLION: Final = 1_000_000

_POINT_DECIMAL: Final = r"0\.\d+|\d+\.\d{1,2}(?!\d)|\d+\.\d{4,}"
"""Decimals after a point, as machines write them in every language.

Not three of them, since the point may group thousands.
"""

_CONTEXT_CHARACTERS: Final = 64
"""How far before an ordinal number the words that it depends on are searched."""

_TEXT_END: Final = re.compile(r"\s*+\Z")


def ends_text(match: re.Match[str]) -> bool:
    """Return whether only white space follows, so that a full stop also ends the sentence."""
    return _TEXT_END.match(match.string, match.end()) is not None


class NumberVerbalizer:
    """Verbalizes numbers; `number`, `signed` and `whole` are patterns of the language's numbers."""

    def __init__(self, rules: LanguageRules) -> None:
        self._rules = rules
        self._engine = RbnfEngine.for_language(rules.language)
        grouped = "".join(
            rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}}(?!\d))+|" for mark in rules.group_marks
        )
        self._point_decimal = re.compile(_POINT_DECIMAL) if rules.decimal_mark != "." else None
        point_decimal = f"{_POINT_DECIMAL}|" if self._point_decimal else ""
        plain = rf"(?:{point_decimal}(?:{grouped}\d+)(?:{re.escape(rules.decimal_mark)}\d+)?)"
        self.number = rf"(?<![\w.,]){plain}"
        self.signed = rf"(?<![\w.,])[{_MINUS}]?{plain}"
        self.whole = rf"(?<![\w.,])(?:{grouped}\d+)"
        self._digit_words = [self.cardinal(digit) for digit in range(10)]

    def verbalize(self, text: str) -> str:
        """Verbalize a number with its sign, digit groups and decimals."""
        sign, whole, decimals = self._parts(text)
        spoken = sign + self._whole(whole)
        if decimals:
            spoken += f" {self._rules.decimal_word} {self.digits(decimals)}"
        return spoken

    def with_noun(self, text: str, forms: NounForms) -> str:
        """Verbalize a number with the noun that follows."""
        sign, whole, decimals = self._parts(text)
        if decimals or len(whole) > _MAX_DIGITS:
            return f"{self.verbalize(text)} {forms[1]}"
        number = int(whole)
        noun = forms[0] if number == 1 else forms[1]
        if number and number % _MILLION == 0:
            noun = self.of_million(noun)
        gender = "feminine" if forms[0] in self._rules.feminine_nouns else "masculine"
        return f"{sign}{self.cardinal(number, gender)} {noun}"

    def of_million(self, noun: str) -> str:
        """Return a noun as it follows a round million: `euros` gives `d'euros`."""
        linker = self._rules.million_linker
        if self._rules.language == "fr" and noun[0] in "aeiouéèh":
            linker = "d'"
        return f"{linker} {noun}".lstrip().replace("' ", "'")

    def cardinal(self, number: int, gender: str = "") -> str:
        """Verbalize a whole number, before a noun of a gender if one is given."""
        # Only 1, and in some languages numbers that end in it, agree with the noun.
        if gender and (number == 1 or (self._rules.ones_inflect and number % 10 == 1)):
            return self._spell(number, FormatPurpose.CARDINAL, f"spellout-cardinal-{gender}")
        return self._spell(number, FormatPurpose.CARDINAL, "spellout-numbering")

    def year(self, digits: str) -> str:
        """Verbalize a year."""
        return self._spell(int(digits), FormatPurpose.YEAR, "spellout-numbering-year")

    def ordinal(self, digits: str, ruleset: str = "") -> str:
        """Verbalize an ordinal number; `ruleset` names the form if there are several."""
        digits = re.sub(r"\D", "", digits)
        if len(digits) > _MAX_DIGITS:
            return digits
        ruleset = ruleset or self._rules.ordinal_ruleset
        return self._spell(int(digits), FormatPurpose.ORDINAL, ruleset)

    def digits(self, text: str) -> str:
        """Verbalize the digits of a text one by one."""
        return " ".join(self._digit_words[int(digit)] for digit in text if digit.isdecimal())

    def group(self, digits: str) -> str:
        """Verbalize a group of digits: as a number up to 999, else digit by digit."""
        return self._whole(digits) if len(digits) <= 3 else self.digits(digits)

    def _parts(self, text: str) -> tuple[str, str, str]:
        """Return the word for the sign, the digits before and those after the decimal mark."""
        sign = f"{self._rules.minus_word} " if text[0] in _MINUS else ""
        digits = text.lstrip(_MINUS)
        point = self._rules.decimal_mark
        if self._point_decimal is not None and self._point_decimal.fullmatch(digits):
            point = "."
        whole, _, decimals = digits.partition(point)
        return sign, re.sub(r"\D", "", whole), decimals

    def _whole(self, digits: str) -> str:
        # A leading zero marks a code or a part of a number.
        if len(digits) > _MAX_DIGITS or (len(digits) > 1 and digits[0] == "0"):
            return self.digits(digits)
        return self.cardinal(int(digits))

    def _spell(self, number: int, purpose: FormatPurpose, ruleset: str) -> str:
        found = self._engine.format_number(number, purpose=purpose).text_by_ruleset
        text = found.get(ruleset) or next(iter(found.values()))
        return text.replace("\u00ad", "")


_ISO_DATE: Final = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})(?:T(?=\d{1,2}:\d{2})|\b)")
_DATE: Final = re.compile(r"\b(\d{1,2})([./-])(\d{1,2})\2(\d{4})\b")
_SHORT_DATE: Final = re.compile(r"(?<![\w.,])(\d{1,2})\.(\d{1,2})\.(?!\d)")
_TIME_RANGE: Final = re.compile(
    r"(\d{1,2}:\d{2}|\d\s?[ap]\.?m\.?)\s?[-–]\s?(?=\d{1,2}(?::\d|\s?[ap]m))"
)
_TIME: Final = re.compile(
    r"\b(\d{1,2})(?::|h)(\d{2})(?::(\d{2}))?(?:\s?([ap])\.?m\b\.?)?(?:\s+(?:Uhr|uur)\b)?",
    re.IGNORECASE,
)
_DOTTED_TIME: Final = re.compile(r"(?<![\w.,])(\d{1,2})\.(\d{2})\s(?:Uhr|uur)\b")
_SPACED_TIME: Final = re.compile(r"\b(\d{1,2})\sh\s(\d{2})\b(?!\s?min)")
_TWELVE_HOUR_TIME: Final = re.compile(r"\b(1[0-2]|[1-9])\s?([ap])\.?m\b\.?", re.IGNORECASE)
_DECADE: Final = re.compile(r"\b(?:((?:1[5-9]|20)\d0)|(?<=[Tt]he\s)(\d0))s\b")
_YEAR: Final = r"(?:1[1-9]|20)\d\d"

_MAX_MONTH: Final = 12
_MAX_DAY: Final = 31
_MAX_HOUR: Final = 24
_MAX_MINUTE: Final = 59
_TWO_DIGITS: Final = 10


class DateVerbalizer:
    """Verbalizes dates and times in one language."""

    def __init__(self, rules: LanguageRules, numbers: NumberVerbalizer) -> None:
        self._rules = rules
        self._numbers = numbers
        months = "|".join(rules.months)
        pairs = zip(rules.short_months, rules.months, strict=True)
        self._full_months = {short: full for short, full in pairs if short != full}
        short = "|".join(sorted(self._full_months, key=len, reverse=True))
        before_month = [r"\d\s", r"\d\.\s", r"\d\sde\s"]
        # A short month follows a day, or precedes one as in `Nov. 21`.
        self._short_month = re.compile(
            "|".join(rf"(?<={day})(?:{short})\b\.?" for day in before_month)
            + rf"|\b(?:{short})\b\.?(?=\s\d{{1,2}}(?:st|nd|rd|th)?\b)"
        )
        after = r"(?:\s+de)?" if rules.language == "es" else ""
        self._day = re.compile(rf"\b(\d{{1,2}})\.?(?={after}\s+(?:{months})\b)")
        self._month_day = re.compile(
            rf"\b({months})\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*[.:,]\d)"
            rf"(,?\s+)?((?<=\s){_YEAR}\b)?"
        )
        self._year = re.compile(
            rf"((?:\b(?:{months}),?(?:\s+de)?|\b(?:{rules.year_contexts}))\s+)({_YEAR})"
            rf"(?:(\s*[-–]\s*|\s\w{{1,4}}\s)({_YEAR}))?\b(?![.,]\d)",
            re.IGNORECASE,
        )
        self._years = re.compile(rf"(?<![\w.,-])({_YEAR})\s?[-–]\s?({_YEAR})(?![\w-]|[.,]\d)")
        self._ordinal_contexts = [
            (re.compile(rf"\b(?:{before})\s+$", re.IGNORECASE), form)
            for before, form in rules.ordinal_contexts
        ]

    def verbalize(self, text: str) -> str:
        """Return a text with dates and times as words; `verbalize_years` is for the years."""
        rules = self._rules
        text = _ISO_DATE.sub(lambda match: self._date(match, match[3], match[2], match[1]), text)
        text = _DATE.sub(self._local_date, text)
        if rules.short_dates:
            text = _SHORT_DATE.sub(self._short_date, text)
        text = self._short_month.sub(self._full_month, text)
        text = self._times(text)
        if rules.language == "en":
            text = _DECADE.sub(self._decade, text)
            text = self._month_day.sub(self._day_after_month, text)
        return self._day.sub(self._day_word, text)

    def verbalize_years(self, text: str) -> str:
        """Return a text with years as words, where other words identify them; after amounts."""
        rules = self._rules
        text = self._years.sub(
            lambda match: (
                f"{self._numbers.year(match[1])} {rules.range_word} {self._numbers.year(match[2])}"
            ),
            text,
        )
        return self._year.sub(self._year_in_context, text)

    def form_before(self, match: re.Match[str]) -> str | None:
        """Return the form that the words before an ordinal number require; None if they do not."""
        before = match.string[max(0, match.start() - _CONTEXT_CHARACTERS) : match.start()]
        return next(
            (form for pattern, form in self._ordinal_contexts if pattern.search(before)), None
        )

    def _times(self, text: str) -> str:
        rules = self._rules
        text = _TIME_RANGE.sub(lambda match: f"{match[1]} {rules.range_word} ", text)
        if rules.language in ("de", "nl"):
            text = _DOTTED_TIME.sub(self._time, text)
        if rules.language == "fr":
            text = _SPACED_TIME.sub(self._time, text)
        text = _TIME.sub(self._time, text)
        return _TWELVE_HOUR_TIME.sub(self._twelve_hour_time, text) if rules.day_halves else text

    def _local_date(self, match: re.Match[str]) -> str:
        # Only the US puts the month first, and not with full stops.
        day, month = (
            (match[1], match[3])
            if self._rules.day_first or match[2] == "."
            else (match[3], match[1])
        )
        if int(month) > _MAX_MONTH:
            day, month = month, day
        return self._date(match, day, month, match[4])

    def _date(self, match: re.Match[str], day: str, month: str, year: str) -> str:
        if not 1 <= int(month) <= _MAX_MONTH or not 1 <= int(day) <= _MAX_DAY:
            return match[0]
        words = self._rules.date_format.format(
            day=self._spoken_day(match, day),
            month=self._rules.months[int(month) - 1],
            year=self._numbers.year(year),
        )
        return f"{words} " if match[0].endswith("T") else words

    def _short_date(self, match: re.Match[str]) -> str:
        if not 1 <= int(match[2]) <= _MAX_MONTH or not 1 <= int(match[1]) <= _MAX_DAY:
            return match[0]
        # The last full stop may also end the sentence.
        stop = "." if ends_text(match) else ""
        return f"{self._spoken_day(match, match[1])} {self._rules.months[int(match[2]) - 1]}{stop}"

    def _full_month(self, match: re.Match[str]) -> str:
        # The full stop may also end the sentence.
        stop = "." if match[0].endswith(".") and ends_text(match) else ""
        return self._full_months[match[0].rstrip(".")] + stop

    def _day_after_month(self, match: re.Match[str]) -> str:
        year = self._numbers.year(match[4]) if match[4] else ""
        return f"{match[1]} {self._numbers.ordinal(match[2])}{match[3] or ''}{year}"

    def _day_word(self, match: re.Match[str]) -> str:
        return self._spoken_day(match, match[1])

    def _spoken_day(self, match: re.Match[str], day: str) -> str:
        if self._rules.ordinal_days:
            form = self.form_before(match)
            return self._numbers.ordinal(str(int(day)), form or "")
        if self._rules.first_day and int(day) == 1:
            return self._rules.first_day
        return self._numbers.cardinal(int(day))

    def _decade(self, match: re.Match[str]) -> str:
        word = self._numbers.year(match[1]) if match[1] else self._numbers.cardinal(int(match[2]))
        return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"

    def _year_in_context(self, match: re.Match[str]) -> str:
        first = match[1] + self._numbers.year(match[2])
        if not match[4]:
            return first
        linker = f" {self._rules.range_word} " if match[3].strip() in "-–" else match[3]
        return f"{first}{linker}{self._numbers.year(match[4])}"

    def _time(self, match: re.Match[str]) -> str:
        rules = self._rules
        groups = (*match.groups(), None, None)
        hour, minute = int(match[1]), int(match[2])
        if hour > _MAX_HOUR or minute > _MAX_MINUTE:
            return match[0]
        half = f" {rules.day_halves.get(f'{groups[3].lower()}m', '')}".rstrip() if groups[3] else ""
        if not half and rules.midnight and (hour, minute) == (0, 0):
            return rules.midnight
        spoken = self._numbers.cardinal(hour, rules.hour_gender)
        one = hour == 1
        if minute == 0:
            whole = (one and rules.one_hour_format) or rules.hour_format
            return spoken + half if half else whole.format(hour=spoken)
        minutes = self._numbers.cardinal(minute)
        if minute < _TWO_DIGITS:
            minutes = rules.small_minute_format.format(minute=minutes)
        both = (one and rules.one_time_format) or rules.time_format
        return both.format(hour=spoken, minute=minutes) + half

    def _twelve_hour_time(self, match: re.Match[str]) -> str:
        half = self._rules.day_halves[f"{match[2].lower()}m"]
        return f"{self._numbers.cardinal(int(match[1]))} {half}"


_WEB: Final = re.compile(
    r"(?<![\w.-])(?:https?://)?(?:www\.)?(?P<host>(?:[a-z0-9-]+\.)+[a-z]{2,})(?::\d+)?(?P<path>/[^\s,;!?]*)?"
    r"(?<![.])",
    re.IGNORECASE,
)
_MAIL: Final = re.compile(r"(?<![\w.+-])([\w.+-]{1,64})@((?:[\w-]+\.)+[a-z]{2,})\b", re.IGNORECASE)
_TOP_LEVEL_DOMAINS: Final = frozenset(
    {"com", "org", "net", "io", "eu", "info", "dev", "app", "local"}
    | {"de", "fr", "es", "it", "nl", "uk", "at", "ch", "be", "us"}
)
"""A word with a full stop inside is an address only with one of these or with a scheme."""

_DOTTED: Final = re.compile(
    r"(?<![\w.,])(https?://)?(v?)(\d+(?:\.\d+){2,})(?::\d+)?(?(1)(?:/[^\s,;!?]*)?)(?![\w]|[.,]\d)"
)
_VERSION: Final = re.compile(r"(?<![\w.,])v(\d+(?:\.\d+)*)(?![\w]|[.,]\d)")

_MAX_PATH_CHARACTERS: Final = 20
"""Longer paths are not read: nobody types them from hearing."""

_IP_GROUPS: Final = 4
_IP_HIGHEST: Final = 255


class AddressVerbalizer:
    """Verbalizes addresses in one language."""

    def __init__(self, rules: LanguageRules, numbers: NumberVerbalizer) -> None:
        self._rules = rules
        self._numbers = numbers

    def verbalize(self, text: str) -> str:
        """Return a text with addresses and versions as words."""
        text = _MAIL.sub(self._mail, text)
        text = _DOTTED.sub(self._groups, text)
        text = _WEB.sub(self._web, text)
        return _VERSION.sub(
            lambda match: f"{self._rules.version_word} {self._spoken(match[1])}", text
        )

    def _mail(self, match: re.Match[str]) -> str:
        return f"{self._dotted(match[1])} {self._rules.at_word} {self._dotted(match[2])}"

    def _web(self, match: re.Match[str]) -> str:
        given = match[0].lower().startswith(("http", "www"))
        if not given and match["host"].rpartition(".")[2].lower() not in _TOP_LEVEL_DOMAINS:
            return match[0]
        path = (match["path"] or "").rstrip("/.")
        words = [self._dotted(match["host"])]
        if path and len(path) <= _MAX_PATH_CHARACTERS and path.isascii() and "?" not in path:
            words += [f"{self._rules.slash_word} {part}" for part in path.strip("/").split("/")]
        return " ".join(words)

    def _groups(self, match: re.Match[str]) -> str:
        """Verbalize `192.168.1.10` and `1.10.2`, but not `1.000.000` or a date."""
        groups = match[3].split(".")
        is_ip = len(groups) == _IP_GROUPS and all(
            len(part) <= 3 and int(part) <= _IP_HIGHEST for part in groups
        )
        thousands = "." in self._rules.group_marks and all(len(part) == 3 for part in groups[1:])
        is_date = len(groups) == 3 and len(groups[2]) == 4  # 12.5.2026
        if not is_ip and (thousands or is_date):
            return match[0]
        version = f"{self._rules.version_word} " if match[2] else ""
        return version + self._spoken(match[3])

    def _spoken(self, groups: str) -> str:
        return f" {self._rules.dot_word} ".join(map(self._numbers.group, groups.split(".")))

    def _dotted(self, text: str) -> str:
        return text.replace(".", f" {self._rules.dot_word} ")
