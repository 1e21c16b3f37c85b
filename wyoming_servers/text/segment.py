"""Cuts streamed text into segments for synthesis: a short first one, then whole sentences.

The listener waits for the first segment only, so it is a clause or four to eight words; its audio
lasts longer than the synthesis of the next. All others are whole sentences, because prosody needs
the whole sentence; only a very long one is cut at a clause.

Joined, the segments are the text again, except for white space at the cuts. Only the first segment
depends on how the text arrives; the rest is cut in the same way whether it comes whole or letter by
letter.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

MAX_CHARACTERS: Final = 240
"""Longest segment, about 15 s of speech. Longer sentences are cut at a clause."""

MAX_UNCUT_WORDS: Final = 8
"""A first sentence of at most this many words is not cut: it would gain nothing."""

FIRST_SEGMENT_WORDS: Final = (4, 5, 6, 7, 8)
"""Word counts at which a first segment without a clause end may be cut, best first.

Four words last for more than a second; a voice needs a quarter of that for those that follow.
"""

MIN_CLAUSE_WORDS: Final = 3
"""Fewest words of a first clause: a shorter one ends before the next segment is ready."""

MIN_REMAINING_WORDS: Final = 3
"""Fewest words after the first segment: one or two alone sound cut off."""

_LOOK_AHEAD: Final = 64
"""Characters beyond the longest segment in which its end is still searched."""

_CLOSERS: Final = r"[\"'”’»›«‹)\]}*_]*"
_OPENERS: Final = r"\"'“‘„«‹»›(\[{¿¡*_"

_END: Final = re.compile(
    # Chinese and Japanese write no space after a sentence.
    r"(?P<wide>[。！？｡]+[”’」』）》】〕〉]*)"
    # Other languages do. The next character decides about a full stop, so it must be known.
    # French puts a space before a closing quote.
    # A run of marks is always matched as a whole, so that it is not searched from each of them.
    rf"|(?P<mark>[.!?…؟।॥۔]++){_CLOSERS}+"
    rf"(?:(?:[ \u00a0\u202f]»)?(?=\s+(?:[{_OPENERS}]\s*)*(?P<next>[^\s{_OPENERS}])))?"
    # A blank line, or a line that begins an item of a list.
    r"|(?P<line>\n[ \t]*(?:\n\s*|(?=(?:[-*•–]|\d+[.)])\s)))"
)
_CLAUSE: Final = re.compile(rf"[,;:،؛]{_CLOSERS}(?=\s)|\s[—–-](?=\s)|—|[，、；：]")
_WORD: Final = re.compile(r"[\u3040-\u9fff\uf900-\ufaff]{1,2}|[^\s\u3040-\u9fff\uf900-\ufaff]+")
"""A word; in scripts without spaces, two characters count as one."""
_ITEM: Final = re.compile(r"\s*\d+\.")


@dataclass(frozen=True, slots=True)
class TextSegment:
    """A part of a text to synthesize at once; not empty, without surrounding white space."""

    text: str
    ends_sentence: bool = True
    """False if the sentence continues in the next segment, so that no pause follows."""


class Segmenter:
    """Segments one text that is fed in parts of any length.

    `language` is a BCP 47 code; an unknown one gets general rules. `early=False` does not cut the
    first sentence, for text that nobody waits for. `streams_audio` does not cut it either if it is
    complete, for a voice that sends audio before it has synthesized the whole sentence.
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
        """Add text; return the segments that are certain now."""
        self._text += text
        return list(self._cut(complete=False))

    def finish(self, text: str = "") -> list[TextSegment]:
        """Complete the text with its last part and return the rest; a new text may follow."""
        self._text += text
        segments = list(self._cut(complete=True))
        self._text = ""
        self._first = self._early
        return segments

    def _cut(self, *, complete: bool) -> Iterator[TextSegment]:
        """Take segments from the text until the next cut is uncertain.

        1. The first segment, cut early.
        2. A part of a sentence that is too long, as soon as its end is known to be too far away.
        3. A sentence whose end is known, which may be the end of the text.
        """
        text = self._text
        start = _skip_space(text, 0)
        while start < len(text):
            end = self._sentence_end(text, start)
            if end is None and complete:
                end = len(text)
            ahead = text[start : start + self._max + _LOOK_AHEAD if end is None else end]
            cut_early = self._first and not (self._streams_audio and end is not None)
            early = self._first_cut(ahead, complete=end is not None) if cut_early else None
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
        """Return the end of the sentence that begins at `start`; None while it is unknown.

        Searches no farther than the longest segment: otherwise a text without any sentence end
        would be searched from its beginning each time it grows.
        """
        limit = min(len(text), start + self._max + _LOOK_AHEAD)
        for match in _END.finditer(text, start, limit):
            if match["mark"]:
                if match["next"] and self._ends(
                    text[start : match.end("mark")], match["mark"], match["next"]
                ):
                    return match.end()
            # A closing quote may still follow a wide sentence: its next character must be known.
            elif match.end() < limit:
                return match.end()
        return None

    def _ends(self, sentence: str, mark: str, following: str) -> bool:
        """Return whether a mark ends the sentence; `following` is the next visible character."""
        if following.islower():
            return False  # "Wait... what?", "“Really?” he asked.", "approx. five"
        if mark != ".":
            return True
        if _ITEM.fullmatch(sentence):
            return False  # "1. Mix the flour": the number belongs to the item
        return not self._rules.is_abbreviation(sentence.rsplit(maxsplit=1)[-1], following)

    def _first_cut(self, sentence: str, *, complete: bool) -> int | None:
        """Return where to cut the first segment early; None if not at all, or not yet.

        1. A short sentence is not cut.
        2. After the first clause with enough words in it and after it.
        3. After four words or a few more, where a pause disturbs least.
        """
        words = list(_WORD.finditer(sentence))
        # The last word of an incomplete text may still grow: it is not counted, nor cut after.
        known = len(words) if complete else len(words) - 1
        if complete and known <= MAX_UNCUT_WORDS:  # 1
            return None
        remaining = MIN_REMAINING_WORDS if complete else 1
        for match in _CLAUSE.finditer(sentence, 0, self._max):  # 2
            before = sum(word.start() < match.start() for word in words)
            if before > MAX_UNCUT_WORDS:
                break
            if before >= MIN_CLAUSE_WORDS and known >= before + remaining:
                return match.end()
        for count in FIRST_SEGMENT_WORDS:  # 3
            if (
                known >= count + remaining
                and words[count - 1].end() <= self._max
                and self._rules.may_cut(words[count - 1].group(), words[count].group())
            ):
                return words[count - 1].end()
        return None

    def _long_cut(self, text: str) -> int:
        """Return where to cut a sentence that is too long: after a clause, a word, or anywhere."""
        shortest = len(text) // 3
        clauses = [match.end() for match in _CLAUSE.finditer(text) if match.end() >= shortest]
        if clauses:
            return clauses[-1]
        words = list(_WORD.finditer(text))
        gaps = [
            (left.end(), self._rules.may_cut(left.group(), right.group()))
            for left, right in pairwise(words)
            if left.end() >= shortest
        ]
        preferred = [end for end, may_cut in gaps if may_cut]
        if preferred:
            return preferred[-1]
        return gaps[-1][0] if gaps else len(text)


def is_speakable(text: str) -> bool:
    """Return whether the text has a letter or a digit; punctuation alone makes no sound."""
    return any(character.isalnum() for character in text)


def _skip_space(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


_INITIALS: Final = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]?\.?")
"""`J.`, `U.S.`, `e.g.`, `z.B.`"""

_SENTENCE_ENDING_INITIALS: Final = frozenset({"i.", "a.m.", "p.m."})
"""Look like initials but may end a sentence: "So do I.", "It is 5 p.m." """

_ORDINAL: Final = re.compile(r"\d{1,4}\.")


@dataclass(frozen=True, slots=True)
class ClauseBreakRules:
    """Where speech may pause in one language, and which full stops end no sentence."""

    abbreviations: frozenset[str] = frozenset()
    """In lower case without the full stop; the full stop after them ends no sentence."""
    before_number: frozenset[str] = frozenset()
    """Abbreviations before a number (`No. 5`), words elsewhere (`No.`)."""
    never_before_break: frozenset[str] = frozenset()
    """Words that belong to the next word: articles, prepositions, conjunctions."""
    ordinal_full_stop: bool = False
    """Whether `3.` means `third`, so that its full stop ends no sentence."""

    def is_abbreviation(self, word: str, following: str) -> bool:
        """Return whether the full stop at the end of `word` ends no sentence.

        `following` is the first character after it. In doubt the answer is True: two sentences in
        one segment are harmless, a pause after `Dr.` is not.
        """
        bare = word.lstrip("\"'“‘„«‹([{¿¡*_")
        if _INITIALS.fullmatch(bare):
            return bare.lower() not in _SENTENCE_ENDING_INITIALS
        if _ORDINAL.fullmatch(bare):
            return self.ordinal_full_stop
        name = bare.rstrip(".").lower()
        return name in self.abbreviations or (name in self.before_number and following.isdigit())

    def may_cut(self, left: str, right: str) -> bool:
        """Return whether speech may pause between two words without a mark between them."""
        if not left[-1].isalnum() or not right[0].isalnum():
            return False  # after `Dr.`, inside `( a )`, before a quote
        if _is_wide(left[-1]) and _is_wide(right[0]):
            return False  # scripts without spaces: the end of a word is unknown
        if left[-1].isdigit() or (right[0].isdigit() and left[0].isupper()):
            return False  # `20 degrees`, `1 000`, `Room 5`
        if left[0].isupper() and right[0].isupper():
            return False  # `New York`
        return left.lower() not in self.never_before_break


def _is_wide(character: str) -> bool:
    """Return whether the character belongs to a script without spaces."""
    return "\u3040" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH: Final = ClauseBreakRules(
    abbreviations=_words(
        "mr mrs ms mx dr prof sr jr st rev hon gen col capt lt sgt gov pres sen rep approx dept est"
        " vs etc inc ltd co corp ave blvd rd jan feb apr jun jul aug sep sept oct nov dec"
        " mon tue tues wed thu thur thurs fri sat"
    ),
    before_number=_words("no nos vol fig ch pp p sec art eq max min"),
    never_before_break=_words(
        "a an the this that these those my your his her its our their some any no every each"
        " of in on at to for from with without by about into onto over under between through than"
        " as and or but nor so if when while because since until that which who whose where how"
        " is are was were be been am will would can could shall should may might must do does did"
        " has have had not very too more most i you he she it we they there what"
    ),
)

_GERMAN: Final = ClauseBreakRules(
    abbreviations=_words(
        "dr prof hr fr bzw ca usw etc evtl ggf inkl exkl max min mind nr str tel vgl abs art bd"
        " st mio mrd std sek jh geb gest bspw sog zzgl abzgl jan feb apr jun jul aug sep sept okt"
        " nov dez mo di mi do fr sa so"
    ),
    before_number=_words("s kap abb tab"),
    never_before_break=_words(
        "der die das den dem des ein eine einen einem einer eines kein keine keinen mein meine dein"
        " deine sein seine ihr ihre unser unsere in im an am auf aus bei beim mit nach von vom zu"
        " zum zur für um über unter vor hinter zwischen durch gegen ohne bis seit als wie und oder"
        " aber denn sondern wenn weil dass ob nicht sehr zu ist sind war waren wird werden hat"
        " haben kann können soll sollen muss müssen ich du er sie es wir man noch"
    ),
    ordinal_full_stop=True,
)

_FRENCH: Final = ClauseBreakRules(
    abbreviations=_words(
        "m mm mme mmes mlle dr pr me st ste env etc cf ex av bd janv févr avr juil sept oct nov"
        " déc lun mar mer jeu ven sam dim"
    ),
    before_number=_words("n no p pp vol chap art fig"),
    never_before_break=_words(
        "le la les l' un une des du de d' au aux ce cet cette ces mon ma mes ton ta tes son sa ses"
        " notre nos votre vos leur leurs à en dans sur sous par pour avec sans chez vers entre"
        " et ou mais donc ni car que qui dont où si comme quand ne pas plus très trop est sont"
        " était a ont va je tu il elle on nous vous ils elles se"
    ),
)

_SPANISH: Final = ClauseBreakRules(
    abbreviations=_words(
        "sr sra sres srta dr dra d dña prof ud uds vd vds aprox etc ej av avda c pza tel"
        " ene feb abr jun jul ago sept oct nov dic"
    ),
    before_number=_words("n núm nº p pág págs vol cap art fig"),
    never_before_break=_words(
        "el la los las lo un una unos unas mi mis tu tus su sus nuestro nuestra este esta estos"
        " estas ese esa aquel aquella de del a al en con sin por para sobre entre hasta desde hacia"
        " y e o u ni pero que si como cuando donde porque no muy más es son era está están ha han"
        " se me te le les nos yo tú él ella"
    ),
)

_GENERAL: Final = ClauseBreakRules(
    abbreviations=_words("mr mrs ms dr prof st sr sra etc vs"),
    before_number=_words("no nr n p art"),
)

_BY_LANGUAGE: Final[Mapping[str, ClauseBreakRules]] = {
    "en": _ENGLISH,
    "de": _GERMAN,
    "fr": _FRENCH,
    "es": _SPANISH,
    # Languages that write ordinals with a full stop, as German does.
    **{
        code: ClauseBreakRules(
            _GENERAL.abbreviations, _GENERAL.before_number, ordinal_full_stop=True
        )
        for code in ("cs", "da", "et", "fi", "hr", "hu", "is", "lv", "nb", "no", "pl", "sk", "sl")
    },
}


def clause_break_rules(language: str) -> ClauseBreakRules:
    """Return the rules for a BCP 47 code, or general ones for an unknown language."""
    return _BY_LANGUAGE.get(language.replace("_", "-").partition("-")[0].lower(), _GENERAL)
