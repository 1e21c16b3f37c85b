"""The vocabulary of a Moonshine model (`tokenizer.bin`)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from wyoming_servers.core.errors import LoadFailedError

START: Final = 1
END: Final = 2

_SPACE: Final = "\u2581"
"""Stands for a space in the vocabulary."""


class TokenTable:
    """The bytes of each token, by id."""

    def __init__(self, tokens: list[bytes]) -> None:
        self._tokens = tokens

    def __len__(self) -> int:
        return len(self._tokens)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file: each token is its length, in one byte or in two, and its bytes.

        Raises LoadFailedError if the file is damaged, OSError if it cannot be read.
        """
        content = path.read_bytes()
        tokens: list[bytes] = []
        place = 0
        while place < len(content):
            size = content[place]
            place += 1
            if size >= 128 and place < len(content):
                size = size - 128 + 128 * content[place]
                place += 1
            tokens.append(content[place : place + size])
            place += size
        if place != len(content) or len(tokens) <= END:
            raise LoadFailedError(
                f"{path} is damaged.",
                hint="`wyoming-conductor models pull` downloads the files again.",
            )
        return cls(tokens)

    def text(self, ids: Iterable[int]) -> str:
        """Return the text of tokens."""
        joined = b"".join(self._tokens[each] for each in ids if each > END)
        return joined.decode("utf-8", "replace").replace(_SPACE, " ").strip()
