"""Verbalizes numbers of one language."""

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
        return " ".join(self.cardinal(int(digit)) for digit in text if digit.isdecimal())

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
