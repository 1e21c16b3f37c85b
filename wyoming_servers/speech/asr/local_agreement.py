"""Selects the words of a growing transcript that will not change any more (LocalAgreement-2).

Words are stable once two hypotheses in a row agree on them (Liu et al., 2020; Macháček et al.,
2023).
"""

import re
from difflib import SequenceMatcher
from typing import Final

HELD_BACK_WORDS: Final = 2
"""Words at the end of a hypothesis that are never stable: the audio may end inside them."""

_SIMILARITY: Final = 0.5
"""Share of common letters from which two words count as spellings of the same word."""

_WORD: Final = re.compile(
    # A character of a script without spaces between words, or a word with its punctuation.
    r"\s*(?:[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+)"
)
_TRAILING_PUNCTUATION: Final = re.compile(r"[\W_]+$")


class LocalAgreement:
    """The stable beginning of a transcript that grows.

    Text that `update` has returned is final: concatenated, it is the beginning of the text that
    `finish` returns. If the last hypothesis disagrees with it, the returned words stay, and the
    rest of the hypothesis follows them: a client that requests words before the end of a sentence
    needs words that stay. So a word is returned only when two hypotheses in a row contain it, and
    it is not at the end.
    """

    def __init__(self) -> None:
        self._previous: list[str] = []
        """Words of the last hypothesis."""
        self._sent: list[str] = []
        """Normalized words of `text`."""
        self.text = ""
        """All text that was returned."""
        self.contradicted = False
        """Whether the last hypothesis disagrees with `text` in more than case and punctuation."""

    def update(self, text: str) -> str:
        """Add a hypothesis; return the text that has become stable, to be appended."""
        words = _split_words(text)
        keys = [_normalize(word) for word in words]
        agreed = _common_prefix_length(keys, [_normalize(word) for word in self._previous])
        self._previous = words
        start, end = len(self._sent), min(agreed, len(words) - HELD_BACK_WORDS)
        if end <= start or keys[:start] != self._sent:
            return ""
        added = _TRAILING_PUNCTUATION.sub("", self._continuation(words, end))
        self._sent = keys[:end]
        self.text += added
        return added

    def finish(self, text: str) -> str:
        """Return the final text, which begins with all text that was returned before."""
        if not self._sent:
            return text.strip()
        words = _split_words(text)
        keys = [_normalize(word) for word in words]
        count = len(self._sent)
        self.contradicted = keys[:count] != self._sent
        if not self.contradicted:
            return self.text + self._continuation(words, len(words))
        rest = "".join(words[_aligned_end(self._sent, keys) :])
        return self.text + (f" {rest.lstrip()}" if rest[:1].isspace() else rest)

    def _continuation(self, words: list[str], end: int) -> str:
        """Return what follows the sent words, with the punctuation that was left out after them."""
        start = len(self._sent)
        if not start:
            return "".join(words[:end]).lstrip()
        punctuation = _TRAILING_PUNCTUATION.search(words[start - 1])
        return (punctuation.group() if punctuation else "") + "".join(words[start:end])


def _normalize(word: str) -> str:
    """Return the letters and digits of a word, without case."""
    return re.sub(r"[\W_]+", "", word).casefold()


def _common_prefix_length(one: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _aligned_end(sent: list[str], keys: list[str]) -> int:
    """Return the index in `keys` where the part that corresponds to `sent` ends."""
    steps = SequenceMatcher(None, sent, keys, autojunk=False).get_opcodes()
    for kind, start, end, first, last in steps:
        if end < len(sent):
            continue
        if kind == "equal":
            return last
        # Of the replaced words, similar ones correspond to the sent words; the rest is new.
        pairs = zip(sent[start:end], keys[first:last], strict=False)
        return first + sum(SequenceMatcher(None, *pair).ratio() >= _SIMILARITY for pair in pairs)
    return len(keys)


def _split_words(text: str) -> list[str]:
    """Split a text into words, each with the spaces before it and the punctuation after it."""
    words: list[str] = []
    for word in _WORD.findall(text):
        if words and (not _normalize(word) or not _normalize(words[-1])):
            words[-1] += word
        else:
            words.append(word)
    return [word for word in words if _normalize(word)]
