"""Sentences put one after the other, without clicks, in chunks of one size."""

from typing import Final

from wyoming_servers.audio.fade import FADE, fade, silence
from wyoming_servers.audio.pcm import Chunker

EDGE_SECONDS: Final = 2 * FADE
"""Seconds of audio at either end of a sentence that a fade is given to work on."""


class AudioJoiner:
    """16-bit mono pieces of several sentences to chunks of `samples` samples.

    `begin`, `feed` … and `finish` go around each sentence; all return the chunks that are ready.
    Only the last 10 ms of a sentence are held back until its end is known.
    """

    def __init__(self, rate: int, samples: int) -> None:
        self._rate = rate
        self._chunker = Chunker(2 * samples)
        self._edge = 2 * int(EDGE_SECONDS * rate)
        self._held = b""
        self._first = True
        """Whether the sentence has yet to fade in."""
        self._pause = 0.0
        """Seconds due before the next sentence."""

    def begin(self) -> list[bytes]:
        """A sentence follows."""
        self._first = True
        due, self._pause = self._pause, 0.0
        return self._chunker.feed(silence(due, self._rate)) if due else []

    def feed(self, piece: bytes) -> list[bytes]:
        """Add audio of the sentence, whole samples."""
        audio = self._held + piece
        if len(audio) < 2 * self._edge:
            self._held = audio
            return []
        if self._first:
            self._first = False
            audio = fade(audio[: self._edge], self._rate, end=False) + audio[self._edge :]
        self._held = audio[-self._edge :]
        return self._chunker.feed(audio[: -self._edge])

    def add_pause(self, seconds: float) -> None:
        """Let a pause be due before the next sentence, beside one that is due already."""
        self._pause += seconds

    def finish(self, pause: float) -> list[bytes]:
        """The sentence is complete; `pause` seconds are due before the next."""
        tail = fade(self._held, self._rate, begin=self._first) if self._held else b""
        self._held = b""
        self._pause = pause
        chunks = self._chunker.feed(tail)
        # Nothing waits for the next sentence: its text may not even be written yet.
        rest = self._chunker.flush()
        return [*chunks, rest] if rest else chunks
