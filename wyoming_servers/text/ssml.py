"""Speech markup (SSML) as what a voice can do: words, pauses, pace, symbols.

`break`, `prosody rate`, `say-as`, `phoneme` (IPA) and `sub` are understood; of any other element
its text is read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from wyoming_servers.core.errors import BadRequestError

MAX_BREAK_SECONDS: Final = 10.0
"""Seconds of the longest break."""


@dataclass(frozen=True, slots=True)
class SpeakText:
    """Text to be read."""

    text: str


@dataclass(frozen=True, slots=True)
class Break:
    """A silence."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ProsodyRate:
    """From here on it is read this much faster than the voice's own pace."""

    factor: float


SsmlEvent = SpeakText | Break | ProsodyRate

_SENTENCE_ELEMENTS: Final = frozenset({"p", "s", "speak"})
"""Elements that end what is said before them."""

_STRENGTHS: Final[Mapping[str, float]] = {
    "none": 0.0,
    "x-weak": 0.1,
    "weak": 0.2,
    "medium": 0.4,
    "strong": 0.7,
    "x-strong": 1.0,
}
_RATES: Final[Mapping[str, float]] = {
    "x-slow": 0.5,
    "slow": 0.75,
    "medium": 1.0,
    "default": 1.0,
    "fast": 1.25,
    "x-fast": 1.6,
}
_SPELLED_KINDS: Final = frozenset({"characters", "spell-out", "verbatim", "digits", "telephone"})
_DURATION: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s)")
_PERCENT: Final = re.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,4})?)%")


class SsmlParser(HTMLParser):
    """SSML in pieces of any length in, events out; what is malformed is taken for text."""

    def __init__(self, limit: int) -> None:
        super().__init__(convert_charrefs=True)
        self._remaining = limit
        """Characters of markup that may still come; the parser is slow where tags never end."""
        self._events: list[SsmlEvent] = []
        self._rates: list[float] = []
        self._replaced_elements: list[str] = []
        """Elements that are open and whose text is replaced by what was said instead."""
        self._spelling: list[bool] = []

    def events(self, markup: str, *, complete: bool = False) -> list[SsmlEvent]:
        """Return what is certain now; all the rest when the markup is complete.

        Raises BadRequestError if all of the markup is over the limit.
        """
        self._remaining -= len(markup)
        if self._remaining < 0:
            raise BadRequestError("The SSML is too long.", hint="Send it in several requests.")
        self.feed(markup)
        if complete:
            self.close()
        events, self._events = self._events, []
        return events

    def handle_data(self, data: str) -> None:
        if not self._replaced_elements:
            self._append_text(" ".join(data.replace(" ", "")) if any(self._spelling) else data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "break":
                self._events.append(Break(_break_seconds(given)))
            case "prosody":
                self._rates.append(_rate_factor(given.get("rate", "")))
                self._append_rate()
            case "say-as":
                self._spelling.append(given.get("interpret-as", "") in _SPELLED_KINDS)
            case "sub" if "alias" in given:
                self._substitute(tag, given["alias"])
            case "phoneme" if given.get("alphabet", "ipa") == "ipa" and given.get("ph"):
                self._substitute(tag, f"[[{given['ph'].replace(']]', '')}]]")
            case _:
                pass

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag != "break":
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SENTENCE_ELEMENTS:
            self._append_text("\n\n")
        elif tag == "prosody" and self._rates:
            self._rates.pop()
            self._append_rate()
        elif tag == "say-as" and self._spelling:
            self._spelling.pop()
        elif self._replaced_elements and self._replaced_elements[-1] == tag:
            self._replaced_elements.pop()

    def _substitute(self, tag: str, words: str) -> None:
        if not self._replaced_elements:
            self._append_text(words)
        self._replaced_elements.append(tag)

    def _append_rate(self) -> None:
        factor = 1.0
        for pace in self._rates:
            factor *= pace
        self._events.append(ProsodyRate(factor))

    def _append_text(self, text: str) -> None:
        if self._events and isinstance(last := self._events[-1], SpeakText):
            self._events[-1] = SpeakText(last.text + text)
        else:
            self._events.append(SpeakText(text))


def _break_seconds(given: Mapping[str, str]) -> float:
    if found := _DURATION.fullmatch(given.get("time", "").strip()):
        return min(float(found[1]) / (1_000.0 if found[2] == "ms" else 1.0), MAX_BREAK_SECONDS)
    return _STRENGTHS.get(given.get("strength", "medium"), _STRENGTHS["medium"])


def _rate_factor(text: str) -> float:
    """Return the factor; 1 for what cannot be understood."""
    if text in _RATES:
        return _RATES[text]
    if found := _PERCENT.fullmatch(text.strip()):
        share = float(found[2]) / 100.0
        return max(1.0 + (share if found[1] == "+" else -share) if found[1] else share, 0.1)
    try:
        return min(max(float(text), 0.1), 10.0)
    except ValueError:
        return 1.0
