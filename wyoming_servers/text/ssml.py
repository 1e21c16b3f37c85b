"""Parses SSML into text, breaks and rate changes.

Supports `break`, `prosody rate`, `say-as`, `phoneme` (IPA) and `sub`. The text of other elements is
spoken, without their effect.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wyoming_servers.core.errors import BadRequestError

MAX_BREAK_SECONDS: Final = 10.0
"""Longer breaks are shortened."""

MAX_TAG_CHARACTERS: Final = 1_000
"""Longer tags are taken as text."""


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

_CDATA: Final = "<![CDATA["
_SECTIONS: Final[Mapping[str, str]] = {"<!--": "-->", _CDATA: "]]>"}
"""Markup in which no tag begins, by its start."""
_TAG_START: Final = re.compile(r"<(?:/?[A-Za-z]|[!?])")
_TAG_STOPS: Final = {
    "": re.compile(r"[<>\"']"),
    '"': re.compile(r'[<"]'),
    "'": re.compile(r"[<']"),
}
"""What is searched inside a tag, by the quote that is open."""
_NAME: Final = re.compile(r"[A-Za-z][^\s/]*")
_ATTRIBUTE: Final = re.compile(
    # The name alone always matches, so that a search never begins at the same character twice.
    r"([^\s\"'=/]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"']++)))?+"
)
_ENTITY: Final = re.compile(
    r"&(?:[a-z][a-z0-9]{1,31}|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE | re.ASCII
)
_MAX_ENTITY_CHARACTERS: Final = 34
_PARTIAL_ENTITY: Final = re.compile(r"&[#a-z0-9]*\Z", re.IGNORECASE | re.ASCII)
_DURATION: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s)")
_NUMBER: Final = re.compile(r"\d{1,4}(?:\.\d{1,4})?")
_PERCENT: Final = re.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,4})?)%")


class SsmlParser:
    """Takes SSML in parts of any length and returns events; malformed markup is taken as text.

    Joined, the events are the same however the markup is cut into parts. Every character is
    examined once, and of a tag or an entity that is not complete at most `MAX_TAG_CHARACTERS` are
    kept. As in XML, a `<` ends what came before it: `<a <b>` is the text `<a ` and the tag `<b>`.
    """

    def __init__(self, limit: int) -> None:
        """`limit` bounds the characters of markup."""
        self._remaining = limit
        """Characters of markup that may still come."""
        self.steps = 0
        """Characters examined so far; tests check that they grow with the markup and no faster."""
        self._buffer = ""
        """Markup whose meaning depends on what follows."""
        self._tag_examined = 1
        """Characters of the incomplete tag in the buffer that were examined."""
        self._quote = ""
        """The quote that is open in the incomplete tag; empty outside of attribute values."""
        self._section: str | None = None
        """The end of the open comment or CDATA section."""
        self._events: list[SsmlEvent] = []
        self._text: list[str] = []
        """Text since the last event."""
        self._rates = [1.0]
        """Speed factor of every open `prosody`, outer ones included."""
        self._replaced_elements: list[str] = []
        """Open elements whose text is replaced, by an alias or by phonemes."""
        self._spelling: list[bool] = []
        self._spelling_depth = 0
        """Open `say-as` elements that spell."""
        self._spelled = False
        """Whether the last character was spelled, so that a space must separate the next."""

    def events(self, markup: str, *, complete: bool = False) -> list[SsmlEvent]:
        """Add markup and return the events that are certain now; all of them once it is complete.

        Raises BadRequestError if the markup exceeds the limit.
        """
        self._remaining -= len(markup)
        if self._remaining < 0:
            raise BadRequestError("The SSML is too long.", hint="Send it in several requests.")
        text = self._buffer + markup
        at: int | None = 0
        rest = 0
        while at is not None and at < len(text):
            if self._section is not None:
                at = self._read_section(text, at, complete=complete)
            elif text[at] == "<":
                at = self._read_tag(text, at, complete=complete)
            else:
                at = self._read_text(text, at, complete=complete)
            rest = rest if at is None else at
        self._buffer = "" if complete else text[rest:]
        self._flush_text()
        events, self._events = self._events, []
        return events

    # Each of these reads what begins at `at` and returns where it ends; None if that depends on
    # what follows.

    def _read_text(self, text: str, at: int, *, complete: bool) -> int | None:
        end = text.find("<", at)
        end = len(text) if end < 0 else end
        if end == len(text) and not complete:
            partial = _PARTIAL_ENTITY.search(text, max(at, end - _MAX_ENTITY_CHARACTERS))
            end = end if partial is None else partial.start()
        self.steps += end - at
        if end == at:
            return None
        self._append_data(unescape_entities(text[at:end]))
        return end

    def _read_section(self, text: str, at: int, *, complete: bool) -> int | None:
        marker = self._section or ""
        end = text.find(marker, at)
        after = end + len(marker)
        if end >= 0:
            self._section = None
        else:
            # The last characters may begin the marker.
            end = after = len(text) if complete else max(at, len(text) - len(marker) + 1)
        self.steps += after - at
        if marker == _SECTIONS[_CDATA]:
            self._append_data(text[at:end])
        return after if after > at else None

    def _read_tag(self, text: str, at: int, *, complete: bool) -> int | None:
        head = text[at : at + len(_CDATA)]
        for opening, marker in _SECTIONS.items():
            if head.startswith(opening):
                self._section = marker
                return at + len(opening)
            if opening.startswith(head) and not complete:
                return None
        if not _TAG_START.match(head):
            if head == "</" and not complete:
                return None
            self._append_data("<")
            return at + 1
        end = self._find_tag_end(text, at)
        if end is None and len(text) - at <= MAX_TAG_CHARACTERS and not complete:
            return None
        self._tag_examined, self._quote = 1, ""
        if end is None or text[end] == "<" or end - at > MAX_TAG_CHARACTERS:
            # Up to here there is no other `<`.
            end = min(at + MAX_TAG_CHARACTERS, len(text) if end is None else end)
            self._append_data(unescape_entities(text[at:end]))
            return end
        self._handle_tag(text[at + 1 : end])
        return end + 1

    def _find_tag_end(self, text: str, at: int) -> int | None:
        """Return the position of the `>` after the tag, or of a `<` before it."""
        position = at + self._tag_examined
        while stop := _TAG_STOPS[self._quote].search(text, position):
            self.steps += stop.end() - position
            position = stop.end()
            if stop[0] in "<>":
                return stop.start()
            self._quote = "" if self._quote else stop[0]
        self.steps += len(text) - position
        self._tag_examined = len(text) - at
        return None

    def _handle_tag(self, tag: str) -> None:
        """Handle what is between `<` and `>`; instructions and declarations have no effect."""
        if tag[0] == "/":
            self._end_element(_NAME.match(tag, 1)[0].lower())  # type: ignore[index]
        elif name := _NAME.match(tag):
            element = name[0].lower()
            self._start_element(element, _attributes(tag[name.end() :]))
            if tag.endswith("/") and element != "break":
                self._end_element(element)

    def _start_element(self, element: str, attributes: Mapping[str, str]) -> None:
        match element:
            case "break":
                self._append_event(Break(_break_seconds(attributes)))
            case "prosody":
                self._rates.append(self._rates[-1] * _rate_factor(attributes.get("rate", "")))
                self._append_event(ProsodyRate(self._rates[-1]))
            case "say-as":
                self._spelling.append(attributes.get("interpret-as", "") in _SPELLED_KINDS)
                self._spelling_depth += self._spelling[-1]
                self._spelled = False
            case "sub" if "alias" in attributes:
                self._substitute(element, attributes["alias"])
            case "phoneme" if attributes.get("alphabet", "ipa") == "ipa" and attributes.get("ph"):
                phonemes = attributes["ph"].replace("]]", "")
                self._substitute(element, f"[[{phonemes}]]")
            case _:
                pass

    def _end_element(self, element: str) -> None:
        if element in _SENTENCE_ELEMENTS:
            self._append_text("\n\n")
        elif element == "prosody" and len(self._rates) > 1:
            self._rates.pop()
            self._append_event(ProsodyRate(self._rates[-1]))
        elif element == "say-as" and self._spelling:
            self._spelling_depth -= self._spelling.pop()
        elif self._replaced_elements and self._replaced_elements[-1] == element:
            self._replaced_elements.pop()

    def _substitute(self, element: str, text: str) -> None:
        if not self._replaced_elements:
            self._append_text(text)
        self._replaced_elements.append(element)

    def _append_data(self, data: str) -> None:
        if self._replaced_elements:
            return
        if not self._spelling_depth:
            self._append_text(data)
        elif letters := data.replace(" ", ""):
            gap = " " if self._spelled else ""
            self._append_text(gap + " ".join(letters))
            self._spelled = True

    def _append_text(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._spelled = False

    def _append_event(self, event: SsmlEvent) -> None:
        self._flush_text()
        self._events.append(event)

    def _flush_text(self) -> None:
        if self._text:
            self._events.append(SpeakText("".join(self._text)))
            self._text = []


def unescape_entities(text: str) -> str:
    """Replace entities such as `&amp;` and `&#8364;` by their characters.

    Without the bounds, `html.unescape` would raise for a number of thousands of digits.
    """
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)


def _attributes(tag: str) -> dict[str, str]:
    """Return the attributes of a tag; of a repeated one the last."""
    return {
        found[1].lower(): unescape_entities(found[2] or found[3] or found[4] or "")
        for found in _ATTRIBUTE.finditer(tag)
    }


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
    number = _NUMBER.fullmatch(text.strip())
    return 1.0 if number is None else min(max(float(number[0]), 0.1), 10.0)
