"""The vocabulary of this home, with which every utterance is transcribed.

Names are those of devices, rooms and people; terms are other words that may occur. The most
important ones come first: a model's prompt is short, and names have priority over terms.
"""

import asyncio
import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.core.files import remove_file, write_private

VOCABULARY_FILE: Final = "vocabulary.json"
"""In the data folder."""

MAX_ENTRIES: Final = 5_000
"""Limit for names and for terms; a large home exposes some hundreds of devices."""

MAX_CHARACTERS: Final = 200
"""Longest name or term."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VocabularyEntries:
    """Names and terms at one moment."""

    names: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    updated_at: float | None = None
    """Seconds since 1970; None if nothing was stored."""


class Vocabulary:
    """The current vocabulary and its file. Reading is free; `put` takes effect at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        # Plain attributes, because every utterance reads them.
        self.names: tuple[str, ...] = ()
        """Names, most important first."""
        self.terms: tuple[str, ...] = ()
        """Other words, most important first, without those that are names too."""
        self.updated_at: float | None = None
        """Time of the last `put`, in seconds since 1970; None if nothing was stored."""

    async def load(self) -> None:
        """Read the file. One that cannot be read is logged and ignored."""
        try:
            self._use(await asyncio.to_thread(_read, self._path))
        except (OSError, ValueError, KeyError, TypeError, BadRequestError) as err:
            _LOGGER.warning(
                "The vocabulary in %s cannot be read and is ignored until it is replaced: %s",
                self._path,
                err,
            )

    async def put(self, names: Sequence[str], terms: Sequence[str]) -> None:
        """Replace the vocabulary, in the file too, or change nothing.

        Surrounding white space and repetitions, in any case, are removed. Raises BadRequestError
        for more than `MAX_ENTRIES`, for a word longer than `MAX_CHARACTERS` and for control
        characters; CapacityError if the disk refuses.
        """
        words = _validate(names, terms, time.time())
        async with self._lock:
            await asyncio.to_thread(write_private, self._path, _render(words))
            self._use(words)

    async def clear(self) -> None:
        """Delete the vocabulary and its file. Raises CapacityError if the disk refuses."""
        async with self._lock:
            await asyncio.to_thread(remove_file, self._path)
            self._use(VocabularyEntries())

    def _use(self, entries: VocabularyEntries) -> None:
        self.names, self.terms, self.updated_at = entries.names, entries.terms, entries.updated_at


def is_vocabulary(content: bytes) -> bool:
    """Return whether the content of `VOCABULARY_FILE` can be read."""
    try:
        _parse(content.decode("utf-8"))
    except (ValueError, KeyError, TypeError, RecursionError, BadRequestError):
        return False
    return True


def _validate(names: Sequence[str], terms: Sequence[str], updated_at: float) -> VocabularyEntries:
    """Return the lists as they are stored. Raises BadRequestError."""
    seen: set[str] = set()
    return VocabularyEntries(
        _deduplicate(names, "names", seen), _deduplicate(terms, "terms", seen), updated_at
    )


def _deduplicate(words: Sequence[str], kind: str, seen: set[str]) -> tuple[str, ...]:
    if len(words) > MAX_ENTRIES:
        raise BadRequestError(
            f"{len(words)} {kind} exceed the limit of {MAX_ENTRIES}.",
            hint="Send those that people say most often.",
        )
    return tuple(_unseen(words, kind, seen))


def _unseen(words: Iterable[str], kind: str, seen: set[str]) -> Iterable[str]:
    for number, given in enumerate(words):
        word = given.strip()
        if len(word) > MAX_CHARACTERS:
            raise BadRequestError(
                f"{kind}[{number}] is longer than {MAX_CHARACTERS} characters: {word[:40]!r}…"
            )
        if any(_is_control(letter) for letter in word):
            raise BadRequestError(f"{kind}[{number}] contains a control character: {word[:40]!r}.")
        folded = word.casefold()
        if word and folded not in seen:
            seen.add(folded)
            yield word


def _is_control(letter: str) -> bool:
    """Return whether it is a control, line separator or surrogate; emoji joiners are not."""
    return (
        ord(letter) < 0x20
        or 0x7F <= ord(letter) < 0xA0
        or letter in "\u2028\u2029"
        or (0xD800 <= ord(letter) < 0xE000)
    )


def _render(words: VocabularyEntries) -> str:
    content = {
        "updated_at": words.updated_at,
        "names": words.names,
        "terms": words.terms,
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _read(path: Path) -> VocabularyEntries:
    """Read and validate the file; empty if it does not exist."""
    if not path.exists():
        return VocabularyEntries()
    return _parse(path.read_text(encoding="utf-8"))


def _parse(text: str) -> VocabularyEntries:
    """Raises ValueError, KeyError, TypeError or BadRequestError for a damaged file."""
    content: Any = json.loads(text)
    lists = [content["names"], content["terms"]]
    if not all(
        isinstance(words, list) and all(isinstance(w, str) for w in words) for words in lists
    ):
        raise ValueError("it does not contain two lists of strings")
    return _validate(lists[0], lists[1], float(content["updated_at"]))
