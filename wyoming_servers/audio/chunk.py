"""Audio regrouped into pieces of one size, as players and protocols like them."""

from typing import Final

MAX_UNSENT_SECONDS: Final = 0.1
"""Speech is sent in whole chunks and fades at its end: so much may not be on its way yet."""


class Chunker:
    """Bytes in pieces of any size to pieces of exactly `size` bytes."""

    def __init__(self, size: int) -> None:
        if size <= 0:
            raise ValueError(f"a chunk of {size} bytes is not possible")
        self._size = size
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes, return the chunks they complete."""
        data = self._rest + piece if self._rest else piece
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        return [data[start : start + self._size] for start in range(0, whole, self._size)]

    def flush(self) -> bytes:
        """Return the incomplete last chunk, empty if there is none. It can begin anew."""
        rest, self._rest = self._rest, b""
        return rest
