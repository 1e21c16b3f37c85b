"""Parses SSML into text, breaks and rate changes.

Supports `break`, `prosody rate`, `say-as`, `phoneme` (IPA) and `sub`. The text of other elements is
spoken, without their effect.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from wyoming_servers.core.errors import BadRequestError

MAX_BREAK_SECONDS: Final = 10.0
"""Longer breaks are shortened."""


@dataclass(frozen=True, slots=True)
class SpeakText:
    """Text to speak; phonemes stand between `[[` and `]]`."""

    text: str


@dataclass(frozen=True, slots=True)
class Break:
    """A silence."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ProsodyRate:
    """The speed of the following text, relative to the voice's own."""

    factor: float


SsmlEvent = SpeakText | Break | ProsodyRate

_SENTENCE_ELEMENTS: Final = frozenset({"p", "s", "speak"})
"""Elements whose end is the end of a sentence."""

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
    """Takes SSML in parts of any length and returns events; malformed markup is taken as text."""

    def __init__(self, limit: int) -> None:
        """`limit` bounds the characters of markup: the parser is slow if tags never end."""
        super().__init__(convert_charrefs=True)
        self._remaining = limit
        """Characters of markup that may still come."""
        self._events: list[SsmlEvent] = []
        self._rates: list[float] = []
        self._replaced_elements: list[str] = []
        """Open elements whose text is replaced, by an alias or by phonemes."""
        self._spelling: list[bool] = []

    def events(self, markup: str, *, complete: bool = False) -> list[SsmlEvent]:
        """Add markup and return the events that are certain now; all of them once it is complete.

        Raises BadRequestError if the markup exceeds the limit.
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
        attributes = {name: value or "" for name, value in attrs}
        match tag:
            case "break":
                self._events.append(Break(_break_seconds(attributes)))
            case "prosody":
                self._rates.append(_rate_factor(attributes.get("rate", "")))
                self._append_rate()
            case "say-as":
                self._spelling.append(attributes.get("interpret-as", "") in _SPELLED_KINDS)
            case "sub" if "alias" in attributes:
                self._substitute(tag, attributes["alias"])
            case "phoneme" if attributes.get("alphabet", "ipa") == "ipa" and attributes.get("ph"):
                self._substitute(tag, f"[[{attributes['ph'].replace(']]', '')}]]")
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

    def _substitute(self, tag: str, text: str) -> None:
        if not self._replaced_elements:
            self._append_text(text)
        self._replaced_elements.append(tag)

    def _append_rate(self) -> None:
        factor = 1.0
        for rate in self._rates:
            factor *= rate
        self._events.append(ProsodyRate(factor))

    def _append_text(self, text: str) -> None:
        if self._events and isinstance(last := self._events[-1], SpeakText):
            self._events[-1] = SpeakText(last.text + text)
        else:
            self._events.append(SpeakText(text))


def _break_seconds(attributes: Mapping[str, str]) -> float:
    if duration := _DURATION.fullmatch(attributes.get("time", "").strip()):
        return min(
            float(duration[1]) / (1_000.0 if duration[2] == "ms" else 1.0), MAX_BREAK_SECONDS
        )
    return _STRENGTHS.get(attributes.get("strength", "medium"), _STRENGTHS["medium"])


def _rate_factor(text: str) -> float:
    """Return the speed factor of a `rate` attribute; 1.0 if it is invalid."""
    if text in _RATES:
        return _RATES[text]
    if percent := _PERCENT.fullmatch(text.strip()):
        share = float(percent[2]) / 100.0
        return max(1.0 + (share if percent[1] == "+" else -share) if percent[1] else share, 0.1)
    try:
        return min(max(float(text), 0.1), 10.0)
    except ValueError:
        return 1.0
