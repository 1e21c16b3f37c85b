"""Which words of a transcript that still grows can be shown without being taken back."""

import re
from difflib import SequenceMatcher
from typing import Final

HELD_BACK_WORDS: Final = 2
"""Words at the end of a hypothesis that are not believed yet: the audio may end inside them."""

_SIMILARITY: Final = 0.5
"""Share of letters in common from which a word is another spelling of the one that was sent."""

_WORD: Final = re.compile(
    # A sign of a script without spaces between words, or a word with its marks.
    r"\s*(?:[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+)"
)
_TRAILING_PUNCTUATION: Final = re.compile(r"[\W_]+$")
"""What follows the last letter of a word."""


class LocalAgreement:
    """The words that two successive hypotheses agree on, and that will not change any more.

    What `hear` has returned is never taken back: all of it, put together, begins the text that
    `finish` returns. A last hypothesis may disagree with what was sent. Where only case or marks
    differ, the sent ones stay. Where words differ, the sent words stay too, and what follows them
    in the hypothesis follows them here: whoever asks for words before the end of a sentence asks
    for words that stay. That is why only those are sent that were heard twice and are not at the
    end.
    """

    def __init__(self) -> None:
        self._previous: list[str] = []
        self._sent: list[str] = []
        """Keys of the words that were sent."""
        self.text = ""
        """All that was sent."""
        self.contradicted = False
        """Whether the last hypothesis said other words than were sent."""

    def update(self, text: str) -> str:
        """Take the next hypothesis; return what is newly certain, to be put behind the rest."""
        units = _split_words(text)
        keys = [_normalize(unit) for unit in units]
        agreed = _common_prefix_length(keys, [_normalize(unit) for unit in self._previous])
        self._previous = units
        begin, end = len(self._sent), min(agreed, len(units) - HELD_BACK_WORDS)
        if end <= begin or keys[:begin] != self._sent:
            return ""
        piece = _TRAILING_PUNCTUATION.sub("", self._continuation(units, end))
        self._sent = keys[:end]
        self.text += piece
        return piece

    def finish(self, text: str) -> str:
        """Return the whole text, which begins with all that was sent."""
        if not self._sent:
            return text.strip()
        units = _split_words(text)
        keys = [_normalize(unit) for unit in units]
        count = len(self._sent)
        self.contradicted = keys[:count] != self._sent
        if not self.contradicted:
            return self.text + self._continuation(units, len(units))
        rest = "".join(units[_aligned_end(self._sent, keys) :])
        return self.text + (f" {rest.lstrip()}" if rest[:1].isspace() else rest)

    def _continuation(self, units: list[str], end: int) -> str:
        """Return what follows the sent words, with the marks that were left out behind them."""
        begin = len(self._sent)
        if not begin:
            return "".join(units[:end]).lstrip()
        marks = _TRAILING_PUNCTUATION.search(units[begin - 1])
        return (marks.group() if marks else "") + "".join(units[begin:end])


def _normalize(unit: str) -> str:
    """What of a word counts: letters and digits."""
    return re.sub(r"[\W_]+", "", unit).casefold()


def _common_prefix_length(one: list[str], other: list[str]) -> int:
    """Count the words that both begin with."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _aligned_end(sent: list[str], keys: list[str]) -> int:
    """Return where in `keys` the part that corresponds to `sent` ends."""
    steps = SequenceMatcher(None, sent, keys, autojunk=False).get_opcodes()
    for kind, begin, end, first, last in steps:
        if end < len(sent):
            continue
        if kind == "equal":
            return last
        # Of other words, those that sound like the sent ones stand for them; the rest is new.
        pairs = zip(sent[begin:end], keys[first:last], strict=False)
        return first + sum(SequenceMatcher(None, *pair).ratio() >= _SIMILARITY for pair in pairs)
    return len(keys)


def _split_words(text: str) -> list[str]:
    """Cut a text into words, each with the blanks before and the marks behind it."""
    units: list[str] = []
    for unit in _WORD.findall(text):
        if units and (not _normalize(unit) or not _normalize(units[-1])):
            units[-1] += unit
        else:
            units.append(unit)
    return [unit for unit in units if _normalize(unit)]
