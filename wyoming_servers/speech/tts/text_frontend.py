"""A text on its way into a voice: cut into pieces, words as the lexicon has them, numbers read."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.normalize.normalizer import normalize
from wyoming_servers.text.segment import Segmenter, TextSegment
from wyoming_servers.text.speakable import is_speakable
from wyoming_servers.text.voice_expression import (
    MAX_SPEED,
    MIN_SPEED,
)


@dataclass(frozen=True, slots=True)
class TextChunk:
    """What to speak next: words, or a pause alone."""

    text: str
    """As the engine is given it: lexicon applied, numbers in words; empty for a pause."""
    pause: float
    """Seconds of silence due behind it, before what follows."""
    speed: float


class TextFrontend:
    """One text, fed in parts of any length; what is certain is taken piece by piece."""

    def __init__(
        self,
        language: str,
        *,
        speed: float,
        gap: float,
        limit: int,
        lexicon: Lexicon | None = None,
        in_stretches: bool = False,
    ) -> None:
        """Begin with a speed; `gap` seconds follow a sentence, `limit` is the most characters.

        `in_stretches`: the voice begins to speak before all of a sentence is made.
        """
        self._language = language
        self._segmenter = Segmenter(language, in_stretches=in_stretches)
        self._speed = self._pace = speed
        self._gap = gap
        self._limit = limit
        self._lexicon = lexicon
        self._characters = 0
        self._ready: deque[TextChunk] = deque()
        self._ended = False
        self._more = asyncio.Event()
        """Set when there is a piece to speak, or the text has ended."""

    def feed(self, text: str) -> None:
        """Add text. Raises BadRequestError when all of it is over the limit."""
        if self._ended:
            raise RuntimeError("text after the end of a speech")
        self._count(text)
        self._add(self._segmenter.feed(text))

    def pause(self, seconds: float) -> None:
        """Let a silence follow the text so far."""
        self._add(self._segmenter.finish())
        self._ready.append(TextChunk("", seconds, self._pace))
        self._more.set()

    def set_speed_factor(self, factor: float) -> None:
        """Speak the text that follows this much faster than was asked for, as far as it goes."""
        self._add(self._segmenter.finish())
        self._pace = min(max(self._speed * factor, MIN_SPEED), MAX_SPEED)

    def end(self, text: str = "") -> None:
        """Say that the text is complete, with this as its end; later calls change nothing.

        Raises BadRequestError as `feed` does.
        """
        if not self._ended:
            self._count(text)
            self._ended = True
            self._add(self._segmenter.finish(text))
            self._more.set()

    async def peek(self) -> TextChunk | None:
        """Wait for the next piece, without taking it; None if all of the text was taken."""
        while not self._ready:
            if self._ended:
                return None
            self._more.clear()
            await self._more.wait()
        return self._ready[0]

    def pop(self) -> None:
        """Take the next piece: it was spoken."""
        self._ready.popleft()

    def sizes(self) -> list[int]:
        """Return the characters of each piece that is certain and was not taken."""
        return [len(piece.text) for piece in self._ready if piece.text]

    def _count(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > self._limit:
            raise BadRequestError(
                f"The text is longer than {self._limit} characters.",
                hint="Send it in several requests, or raise tts.max_text.",
            )

    def _add(self, segments: Iterable[TextSegment]) -> None:
        for segment in segments:
            text = segment.text
            if self._lexicon is not None:
                text = self._lexicon.apply(text, self._language)
            text = normalize(text, self._language)
            # A segment of signs alone has no sound; engines answer it with noise or an error.
            if is_speakable(text):
                pause = self._gap if segment.ends_sentence else 0.0
                self._ready.append(TextChunk(text, pause, self._pace))
                self._more.set()
