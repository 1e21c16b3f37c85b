"""Writes numbers, units, money, dates, times, addresses and symbols as words.

Works on a segment as on a whole text. Text in a language without rules is not changed: voices read
plain numbers of their language by themselves.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from wyoming_servers.text.normalize.rules import RULES_BY_CODE
from wyoming_servers.text.normalize.rules.language_rules import LanguageRules, NounForms
from wyoming_servers.text.normalize.verbalizers import (
    AddressVerbalizer,
    DateVerbalizer,
    NumberVerbalizer,
    ends_text,
)
from wyoming_servers.text.ssml import unescape_entities

_PHONEMES_START, _PHONEMES_END = "[[", "]]"
"""Around phonemes, such as those of a lexicon; they are not changed."""

_PHONE: Final = (
    r"\+\d{1,3}(?:[ ./-]?\(?\d{1,5}\)?){2,6}"
    r"|\(?0\d{1,5}\)?(?:[ /-]\d{2,8}){1,5}"
    r"|\(?\d{3}\)?[ -]\d{3}[ -]\d{4}"
    r"|\d{3}-\d{4}"
)

_TAGS: Final = (
    "speak|p|s|break|prosody|say-as|phoneme|sub|voice|emphasis|lang|mark|audio|w|par|seq|media|desc"
    "|amazon:[a-z-]+|mstts:[a-z-]+|google:[a-z-]+"
    "|b|i|u|em|strong|br|span|div|a|code|pre|li|ul|ol|h[1-6]|small|sup"
)
_TAG: Final = re.compile(
    rf"</?(?:{_TAGS})(?:\s[^<>]{{0,500}})?/?>|<!--.{{0,500}}?-->|<\?xml[^<>]{{0,200}}>",
    re.IGNORECASE,
)
"""Known tags only: `a < b` and `<unknown>` are text."""

_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)[\w+-]*[ \t]*$", re.MULTILINE)
_IMAGE_OR_LINK: Final = re.compile(r"!?\[([^\[\]]{0,500})\]\([^()\s]{0,2000}(?:\s\"[^\"]*\")?\)")
_LINE_MARK: Final = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+|[-*_]{3,}[ \t]*$)", re.MULTILINE
)
_STRONG: Final = re.compile(r"\*{2,3}|_{2,3}(?=\w)|(?<=\w)_{2,3}|~~|`+")
_EMPHASIS: Final = re.compile(
    r"(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)"
)
_PRODUCT: Final = re.compile(r"(?<=\d)\*{1,2}(?=\d)")

_EMOJI: Final = re.compile(
    "["
    "\U0001f000-\U0001faff"  # pictures, faces, flags, skin tones
    "\u2600-\u27bf"  # signs and dingbats
    "\u2b00-\u2bff\u2300-\u23ff\u25a0-\u25ff"  # stars, clocks, shapes
    "\u3030\u303d\u3297\u3299"
    "\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f"  # variants, keycaps and tags of the above
    "]"
)
_JOINED: Final = re.compile(rf"(?<={_EMOJI.pattern})\u200d|\u200d(?={_EMOJI.pattern})")
"""The joiner inside an emoji sequence; elsewhere it shapes Indic and Arabic letters."""

_INVISIBLE: Final = frozenset("\u00ad\u200b\u2060\ufeff\u200e\u200f")
"""Soft hyphen, zero-width space, byte order mark, direction marks."""

_SPACES: Final = re.compile(r"\s+")

Rewrite = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
"""A pattern, and the function that returns the words for a match."""


def normalize(text: str, language: str) -> str:
    """Return a text as words, without markup and emoji; `language` is a BCP 47 code."""
    normalizer = _normalizer_for(language)
    plain = strip_markup(text)
    return plain if normalizer is None else normalizer.normalize(plain)


def strip_markup(text: str) -> str:
    """Return the text without markup, on one line; may be empty.

    Works on a whole text and on a segment of it: markup whose other half is in another segment is
    removed too.
    """
    text = _FENCE.sub(" ", text)
    text = _IMAGE_OR_LINK.sub(r"\1", text)
    text = _TAG.sub(" ", text)
    if "&" in text:
        text = unescape_entities(text)
    text = _LINE_MARK.sub("", text)
    text = _STRONG.sub("", _PRODUCT.sub("×", text))
    text = _EMPHASIS.sub("", text)
    text = _EMOJI.sub(" ", _JOINED.sub("", text))
    text = "".join(_visible(character) for character in text)
    return _SPACES.sub(" ", text).strip()


class _Normalizer:
    """The rewrites of one language, in the order in which they must be applied."""

    def __init__(self, rules: LanguageRules) -> None:
        self._rules = rules
        self._numbers = numbers = NumberVerbalizer(rules)
        self._addresses = AddressVerbalizer(rules, numbers)
        self._dates = DateVerbalizer(rules, numbers)
        self._nouns = {form: forms for forms in self._countable() for form in forms}
        self._abbreviations = re.compile(
            rf"(?<![\w.])(?:{_alternatives(rules.abbreviations)})(?![\w])"
        )
        phone = f"{_PHONE}|{rules.phone_pattern}" if rules.phone_pattern else _PHONE
        self._phones = re.compile(rf"(?<![\w.,/:-])(?<!\d\s)(?:{phone})(?![\w]|[.,/:-]\d)")
        self._amount_rewrites = [
            *self._prefix_rewrites(),
            *self._money_rewrites(),
            *self._count_rewrites(),
        ]
        self._final_rewrites = [*self._ordinal_rewrites(), *self._plain_number_rewrites()]

    def normalize(self, text: str) -> str:
        """Apply all rewrites to the text between phonemes."""
        # Not by a regular expression: many `[[` without an end would take quadratic time.
        parts: list[str] = []
        at = 0
        while (start := text.find(_PHONEMES_START, at)) >= 0:
            end = text.find(_PHONEMES_END, start + len(_PHONEMES_START))
            if end < 0:
                break
            end += len(_PHONEMES_END)
            parts += (self._apply_rewrites(text[at:start]), text[start:end])
            at = end
        return "".join((*parts, self._apply_rewrites(text[at:])))

    def _apply_rewrites(self, text: str) -> str:
        text = self._abbreviations.sub(self._abbreviated, text)
        text = self._addresses.verbalize(text)
        # Phone numbers before dates and amounts before years, since one may look like the other.
        text = self._dates.verbalize(self._phones.sub(self._phone, text))
        for pattern, verbalize in self._amount_rewrites:
            text = pattern.sub(verbalize, text)
        text = self._dates.verbalize_years(text)
        for pattern, verbalize in self._final_rewrites:
            text = pattern.sub(verbalize, text)
        return text.replace("  ", " ")

    def _prefix_rewrites(self) -> list[Rewrite]:
        """Abbreviations and symbols before numbers or between them."""
        rules, number = self._rules, self._numbers.number
        symbols = "".join(map(re.escape, rules.symbols))
        return [
            (
                re.compile(rf"(?<![\w.])({_alternatives(rules.number_abbreviations)})(?=\s?\d)"),
                lambda match: f"{rules.number_abbreviations[match[1]]} ",
            ),
            (
                re.compile(rf"(?<![^\s(])[{symbols}](?=\s|\d|[$€£¥]|$)"),
                lambda match: f"{rules.symbols[match[0]]} ",
            ),
            (
                re.compile(r"(?<![\w.,])(\d+)\s?[x×]\s?(\d+)(?![\w]|[.,]\d)"),
                lambda match: f"{match[1]} {rules.symbols['×']} {match[2]}",
            ),
            (
                re.compile(rf"({number})[x×](?!\w)"),
                lambda match: f"{self._numbers.verbalize(match[1])} {rules.times_word}",
            ),
        ]

    def _money_rewrites(self) -> list[Rewrite]:
        number, signed = self._numbers.number, self._numbers.signed
        currencies = "".join(map(re.escape, self._rules.currencies))
        scales = _alternatives(self._rules.scale_words)
        return [
            (
                re.compile(rf"([{currencies}])\s?({number})\s({scales})\b"),
                lambda match: self._scaled_money(match[2], match[3], match[1]),
            ),
            (
                re.compile(rf"({number})\s({scales})\s?([{currencies}])"),
                lambda match: self._scaled_money(match[1], match[2], match[3]),
            ),
            (
                re.compile(rf"([-\u2212]?)([{currencies}])\s?({number})(?!\w)"),
                lambda match: self._money(match[1] + match[3], match[2]),
            ),
            (
                re.compile(rf"({signed})\s?([{currencies}])"),
                lambda match: self._money(match[1], match[2]),
            ),
        ]

    def _count_rewrites(self) -> list[Rewrite]:
        """Fractions, and numbers with a unit or a noun."""
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
                lambda match: f"{numbers.verbalize(match[1])} {rules.range_word} ",
            ),
            (
                re.compile(rf"({numbers.signed})\s?({units})"),
                lambda match: numbers.with_noun(match[1], rules.units[match[2]]),
            ),
            (
                re.compile(rf"({numbers.signed})\s({nouns})"),
                lambda match: numbers.with_noun(match[1], self._nouns[match[2]]),
            ),
        ]

    def _ordinal_rewrites(self) -> list[Rewrite]:
        numbers = self._numbers
        rewrites: list[Rewrite] = [
            (
                re.compile(rf"({numbers.whole})(?:{suffix})(?!\w)", re.IGNORECASE),
                partial(_verbalize_ordinal, numbers, form),
            )
            for suffix, form in self._rules.ordinal_suffixes.items()
        ]
        if self._rules.ordinal_contexts:
            rewrites.append(
                (re.compile(r"(?<![\w.,])(\d{1,3})\.(?=\s+[^\W\d])"), self._ordinal_in_context)
            )
        return rewrites

    def _plain_number_rewrites(self) -> list[Rewrite]:
        verbalize, range_word = self._numbers.verbalize, self._rules.range_word
        number, signed = self._numbers.number, self._numbers.signed
        return [
            (
                re.compile(rf"({number})\s?[-–]\s?({number})(?![\w-])"),
                lambda match: f"{verbalize(match[1])} {range_word} {verbalize(match[2])}",
            ),
            # Not `1,5` in English: it is no number of that language.
            (re.compile(rf"({signed})(?![\w]|[.,]\d)"), lambda match: verbalize(match[1])),
        ]

    def _countable(self) -> list[NounForms]:
        """Return all nouns of one word, so that `1 hour` is read like `1 h`."""
        units = [forms for forms in self._rules.units.values() if " " not in forms[0]]
        return [*units, *self._rules.nouns]

    def _abbreviated(self, match: re.Match[str]) -> str:
        # As the last word, its full stop also ends the sentence.
        last = match[0].endswith(".") and ends_text(match)
        return self._rules.abbreviations[match[0]] + ("." if last else "")

    def _phone(self, match: re.Match[str]) -> str:
        plus = f"{self._rules.symbols['+']} " if match[0].startswith("+") else ""
        groups = re.findall(r"\d+", match[0])
        if self._rules.phone_pairs:
            return plus + ", ".join(map(self._numbers.group, groups))
        return plus + ", ".join(map(self._numbers.digits, groups))

    def _ordinal_in_context(self, match: re.Match[str]) -> str:
        """Verbalize `3.` as an ordinal number if the word before it requires one."""
        form = self._dates.form_before(match)
        return match[0] if form is None else self._numbers.ordinal(match[1], form)

    def _fraction(self, match: re.Match[str]) -> str:
        known = self._rules.fractions.get(match[0])
        if known is not None:
            return known
        verbalize = self._numbers.verbalize
        return f"{verbalize(match[1])} {self._rules.fraction_word} {verbalize(match[2])}"

    def _scaled_money(self, number: str, scale: str, symbol: str) -> str:
        noun = self._rules.currencies[symbol][0][1]
        return f"{self._numbers.verbalize(number)} {scale} {self._numbers.of_million(noun)}"

    def _money(self, number: str, symbol: str) -> str:
        whole, hundredth = self._rules.currencies[symbol]
        # Cents follow a comma or a point, whichever the language uses itself.
        with_cents = re.fullmatch(r"(.*\d)[.,](\d{2})", number)
        if with_cents is None:
            return self._numbers.with_noun(number, whole)
        amount, cents = with_cents[1], with_cents[2]
        if cents == "00":
            return self._numbers.with_noun(amount, whole)
        spoken_cents = self._numbers.with_noun(cents.lstrip("0"), hundredth)
        if amount == "0":
            return spoken_cents
        linker = f" {self._rules.currency_linker} " if self._rules.currency_linker else " "
        return f"{self._numbers.with_noun(amount, whole)}{linker}{spoken_cents}"


def _verbalize_ordinal(numbers: NumberVerbalizer, form: str, match: re.Match[str]) -> str:
    return numbers.ordinal(match[1], form)


def _alternatives(words: Iterable[str]) -> str:
    """Return a pattern for any of the words, longest first; without words it never matches."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)"


# Created at import, because that reads files, which must not happen while a request waits.
_NORMALIZERS: Final = {code: _Normalizer(rules) for code, rules in RULES_BY_CODE.items()}


def _normalizer_for(language: str) -> _Normalizer | None:
    """Return the normalizer of a BCP 47 code: of its region, else of its language, else None."""
    code = language.replace("_", "-").lower()
    return _NORMALIZERS.get(code) or _NORMALIZERS.get(code.partition("-")[0])


def _visible(character: str) -> str:
    if character in _INVISIBLE:
        return ""
    # Control characters may separate words; surrogates and private-use ones mean nothing.
    return " " if unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") else character
