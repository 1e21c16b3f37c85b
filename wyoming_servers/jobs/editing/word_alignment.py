"""Gives the words of a corrected transcript the times of the words that were recognized."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from wyoming_servers.jobs.job import TimedWord


def align_words(
    words: Sequence[TimedWord], text: str, start: float, end: float
) -> tuple[TimedWord, ...]:
    """Return the words of `text` with their times.

    A word that was recognized keeps its time; words that replace others share the time of these by
    their length. `start` and `end` bound the words if none was recognized; seconds.
    """
    new = text.split()
    matcher = SequenceMatcher(None, _bare(word.text for word in words), _bare(new), autojunk=False)
    aligned: list[TimedWord] = []
    for kind, first, last, new_first, new_last in matcher.get_opcodes():
        added = new[new_first:new_last]
        if kind == "equal":
            aligned += [
                TimedWord(text, word.start, word.end, word.probability)
                for text, word in zip(added, words[first:last], strict=True)
            ]
        elif kind == "replace":
            aligned += _share(added, words[first].start, words[last - 1].end)
        elif kind == "insert":
            before = words[first - 1].end if first else start
            after = words[first].start if first < len(words) else end
            aligned += _share(added, before, max(before, after))
    return tuple(aligned)


def _share(words: Sequence[str], start: float, end: float) -> list[TimedWord]:
    """Divide a time among words by their numbers of characters."""
    total = sum(map(len, words))
    shared: list[TimedWord] = []
    at = start
    for word in words:
        until = min(end, at + (end - start) * len(word) / total)
        shared.append(TimedWord(word, round(at, 3), round(until, 3), 1.0))
        at = until
    return shared


def _bare(words: Iterable[str]) -> list[str]:
    """Return words without case and punctuation: a comma does not make another word."""
    return ["".join(filter(str.isalnum, word)).casefold() or word for word in words]
