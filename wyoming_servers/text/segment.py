"""Text, as it comes, cut into pieces to speak: the first one early, the others by sentence.

A listener waits for the first piece alone, so it is a clause or four to eight words; its audio
lasts longer than the synthesis of the next. All others are whole sentences, since a voice needs the
whole sentence for its melody, and only a very long one is cut at a clause.

Put together, the segments are the text, but for white space at the cuts. How a text comes
decides about the first piece alone: what follows is cut the same whether it comes whole or letter
by letter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from wyoming_servers.text.clause_breaks import clause_break_rules

MAX_CHARACTERS: Final = 240
"""Of a segment: about 15 s of speech. Longer sentences are cut at a clause."""

MAX_UNCUT_WORDS: Final = 8
"""A first sentence of no more words is spoken in one piece: cutting it would gain nothing."""

FIRST_SEGMENT_WORDS: Final = (4, 5, 6, 7, 8)
"""How many words the first piece may have where it has no clause to end with, best first. Four last
for more than a second; the voice needs a quarter of that for the words that follow."""

MIN_CLAUSE_WORDS: Final = 3
"""Words of a first clause: one of fewer is spoken before the next piece can be ready."""

MIN_REMAINING_WORDS: Final = 3
"""Words that must follow the first piece: one or two alone sound cut off."""

_LOOK_AHEAD: Final = 64
"""Characters after the longest segment in which its end may still be found."""

_CLOSERS: Final = r"[\"'”’»›«‹)\]}*_]*"
_OPENERS: Final = r"\"'“‘„«‹»›(\[{¿¡*_"

_END: Final = re.compile(
    # Chinese and Japanese write no space after a sentence.
    r"(?P<wide>[。！？｡]+[”’」』）》】〕〉]*)"
    # Others do. What follows decides about a full stop, so it must have come.
    # French sets quotes apart from their words.
    rf"|(?P<mark>[.!?…؟।॥۔]+){_CLOSERS}(?:[ \u00a0\u202f]»)?"
    rf"(?=\s+(?:[{_OPENERS}]\s*)*(?P<next>[^\s{_OPENERS}]))"
    # A blank line, or a line that begins an item of a list.
    r"|(?P<line>\n[ \t]*(?:\n\s*|(?=(?:[-*•–]|\d+[.)])\s)))"
)
_CLAUSE: Final = re.compile(rf"[,;:،؛]{_CLOSERS}(?=\s)|\s[—–-](?=\s)|—|[，、；：]")
_WORD: Final = re.compile(r"[\u3040-\u9fff\uf900-\ufaff]{1,2}|[^\s\u3040-\u9fff\uf900-\ufaff]+")
"""A word; where words are not separated, two characters are taken for one."""
_ITEM: Final = re.compile(r"\s*\d+\.")


@dataclass(frozen=True, slots=True)
class TextSegment:
    """A piece of text to speak at once, never empty, without white space around it."""

    text: str
    ends_sentence: bool = True
    """False where the sentence goes on in the next segment: no pause is due."""


class Segmenter:
    """One text from its beginning to its end, fed in pieces of any length.

    `language` is a BCP 47 code; an unknown one gets general rules. Where nobody waits for the
    first piece, `early=False` leaves it whole. With a voice that begins to speak before all of a
    sentence is made, `streams_audio` leaves it whole if it is there to its end.
    """

    def __init__(
        self,
        language: str = "",
        max_characters: int = MAX_CHARACTERS,
        *,
        early: bool = True,
        streams_audio: bool = False,
    ) -> None:
        self._rules = clause_break_rules(language)
        self._max = max_characters
        self._early = early
        self._streams_audio = streams_audio
        self._text = ""
        self._first = early

    def feed(self, text: str) -> list[TextSegment]:
        """Add text, return the segments that are certain now."""
        self._text += text
        return list(self._cut(complete=False))

    def finish(self, text: str = "") -> list[TextSegment]:
        """The text is complete, with this as its end: return the rest of it. It can begin anew."""
        self._text += text
        segments = list(self._cut(complete=True))
        self._text = ""
        self._first = self._early
        return segments

    def _cut(self, *, complete: bool) -> Iterator[TextSegment]:
        """Take segments off the text until the next cut is uncertain.

        1. The first piece, cut early.
        2. A sentence too long, as soon as it is known that its end is too far.
        3. A sentence whose end is known, be it the end of the text.
        """
        text = self._text
        start = _skip_space(text, 0)
        while start < len(text):
            end = self._sentence_end(text, start)
            if end is None and complete:
                end = len(text)
            ahead = text[start : start + self._max + _LOOK_AHEAD if end is None else end]
            waited_for = self._first and not (self._streams_audio and end is not None)
            early = self._first_cut(ahead, complete=end is not None) if waited_for else None
            if early is not None:  # 1
                cut = start + early
            elif len(ahead) > (self._max if end is not None else self._max + _LOOK_AHEAD - 1):  # 2
                cut = start + self._long_cut(ahead[: self._max])
            elif end is not None:  # 3
                cut = end
            else:
                break
            yield TextSegment(text[start:cut].strip(), ends_sentence=cut == end)
            self._first = False
            start = _skip_space(text, cut)
        self._text = text[start:]

    def _sentence_end(self, text: str, start: int) -> int | None:
        """Return where the sentence that begins at `start` ends; None as long as unknown.

        Looks no farther than a segment may be long, or a text without an end would be searched
        again and again.
        """
        limit = min(len(text), start + self._max + _LOOK_AHEAD)
        for match in _END.finditer(text, start, limit):
            if match["mark"]:
                if self._ends(text[start : match.end("mark")], match["mark"], match["next"]):
                    return match.end()
            # Quotes that close a wide sentence may still come: its next character must be known.
            elif match.end() < limit:
                return match.end()
        return None

    def _ends(self, sentence: str, mark: str, following: str) -> bool:
        """Whether a mark with white space and then `following` behind it ends the sentence."""
        if following.islower():
            return False  # "Wait... what?", "“Really?” he asked.", "approx. five"
        if mark != ".":
            return True
        if _ITEM.fullmatch(sentence):
            return False  # "1. Mix the flour": the number belongs to the item
        return not self._rules.is_abbreviation(sentence.rsplit(maxsplit=1)[-1], following)

    def _first_cut(self, sentence: str, *, complete: bool) -> int | None:
        """Return where the first piece of the text ends early; None if it should not, or not yet.

        1. A short sentence is not cut.
        2. The first clause with enough words in and after it.
        3. Four words or a few more, where it hurts least.
        """
        words = list(_WORD.finditer(sentence))
        # A last word that may still grow is neither counted nor cut at.
        seen = len(words) if complete else len(words) - 1
        if complete and seen <= MAX_UNCUT_WORDS:  # 1
            return None
        left = MIN_REMAINING_WORDS if complete else 1
        for match in _CLAUSE.finditer(sentence, 0, self._max):  # 2
            before = sum(word.start() < match.start() for word in words)
            if before > MAX_UNCUT_WORDS:
                break
            if before >= MIN_CLAUSE_WORDS and seen >= before + left:
                return match.end()
        for count in FIRST_SEGMENT_WORDS:  # 3
            if (
                seen >= count + left
                and words[count - 1].end() <= self._max
                and self._rules.may_cut(words[count - 1].group(), words[count].group())
            ):
                return words[count - 1].end()
        return None

    def _long_cut(self, piece: str) -> int:
        """Return where to cut text that is too long: after a clause, else a word, else anywhere."""
        enough = len(piece) // 3
        clauses = [match.end() for match in _CLAUSE.finditer(piece) if match.end() >= enough]
        if clauses:
            return clauses[-1]
        words = list(_WORD.finditer(piece))
        gaps = [
            (left.end(), self._rules.may_cut(left.group(), right.group()))
            for left, right in pairwise(words)
            if left.end() >= enough
        ]
        good = [end for end, may_cut in gaps if may_cut]
        if good:
            return good[-1]
        return gaps[-1][0] if gaps else len(piece)


def _skip_space(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start
