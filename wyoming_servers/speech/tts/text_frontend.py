"""Text front end of speech synthesis: sentences, lexicon, numbers in words."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.normalize.normalizer import normalize
from wyoming_servers.text.segment import Segmenter, TextSegment, is_speakable
from wyoming_servers.text.voice_expression import MAX_SPEED, MIN_SPEED

MAX_PAUSE_SECONDS: Final = 60.0
"""Longest sum of the pauses of one text."""

MAX_SIZES: Final = 16
"""Chunks whose sizes are reported to the worker, about a minute of speech or more."""


@dataclass(frozen=True, slots=True)
class TextChunk:
    """The next text to synthesize, or a pause alone."""

    text: str
    """As the engine receives it: lexicon applied, numbers in words; empty for a pause."""
    pause: float
    """Seconds of silence between it and the next chunk."""
    speed: float
    source: str = ""
    """The text before lexicon and normalization."""


@dataclass(frozen=True, slots=True)
class _RawChunk:
    """A segment before lexicon and normalization, or a pause."""

    text: str
    pause: float
    speed: float


class TextFrontend:
    """Turns a text that arrives in parts of any length into a queue of `TextChunk`s.

    A text is cut as it arrives, but each chunk is normalized only when it is the next: a long text
    at once would block the event loop for half a second.
    """

    def __init__(
        self,
        language: str,
        *,
        speed: float,
        gap: float,
        limit: int,
        lexicon: Lexicon | None = None,
        streams_audio: bool = False,
    ) -> None:
        """`gap` seconds of silence follow a sentence; `limit` is the maximum of characters.

        `streams_audio` says that the voice produces audio before it has computed a whole sentence,
        so that the first sentence need not be shortened for early audio.
        """
        self._language = language
        self._streams_audio = streams_audio
        self._speed = speed
        self._gap = gap
        self._limit = limit
        self._lexicon = lexicon
        self._characters = 0
        self._pause_seconds = 0.0
        self._ended = False
        self._changed = asyncio.Event()
        """Set when a chunk is ready or the text has ended."""
        self._inputs: list[Callable[[], None]] | None = []
        """The input so far, until the first chunk is taken."""
        self._next: TextChunk | None = None
        """The first of the chunks, normalized."""
        self._restart()

    def feed(self, text: str) -> None:
        """Add text. Raises BadRequestError when the whole text is longer than the limit."""
        if self._ended:
            raise RuntimeError("text after the end of the text")
        self._count(text)
        if text:
            self._apply(partial(self._feed, text))

    def pause(self, seconds: float) -> None:
        """Insert silence after the text so far.

        Raises BadRequestError when all pauses together are longer than `MAX_PAUSE_SECONDS`.
        """
        self._pause_seconds += seconds
        if self._pause_seconds > MAX_PAUSE_SECONDS:
            raise BadRequestError(
                f"The pauses of the text are longer than {MAX_PAUSE_SECONDS:g} s together.",
                hint="Use fewer or shorter breaks, or send the text in several requests.",
            )
        if seconds:
            self._apply(partial(self._pause, seconds))

    def set_speed_factor(self, factor: float) -> None:
        """Speak the text that follows at this multiple of the requested speed, within limits."""
        self._apply(partial(self._set_speed_factor, factor))

    def end(self, text: str = "") -> None:
        """Complete the text, with `text` as its end; later calls change nothing.

        Raises BadRequestError as `feed` does.
        """
        if not self._ended:
            self._count(text)
            self._ended = True
            self._apply(partial(self._finish, text))

    def set_streams_audio(self, streams_audio: bool) -> bool:
        """Cut the text again if the voice differs from what was expected of it.

        Only the first sentence is cut differently, so nothing changes after the first chunk was
        taken. Returns whether the queue has changed.
        """
        if streams_audio == self._streams_audio or self._inputs is None:
            return False
        self._streams_audio = streams_audio
        before = list(self._raw)
        self._restart()
        for apply in self._inputs:
            apply()
        return list(self._raw) != before

    async def peek(self) -> TextChunk | None:
        """Wait for the next chunk without taking it; None when all of the text was taken."""
        while self._next is None:
            if self._raw:
                self._next = self._normalize(self._raw[0])
                if self._next is None:
                    self._raw.popleft()
                    await asyncio.sleep(0)  # so that others are served between many of these
            elif self._ended:
                return None
            else:
                self._changed.clear()
                await self._changed.wait()
        return self._next

    def pop(self) -> None:
        """Take the chunk that `peek` returned: it was spoken."""
        self._raw.popleft()
        self._next = None
        self._inputs = None

    def sizes(self) -> list[int]:
        """Return the characters of the chunks after the next one, without pauses.

        At most `MAX_SIZES`, and before lexicon and normalization.
        """
        texts = (chunk.text for chunk in islice(self._raw, 1, None) if is_speakable(chunk.text))
        return [len(text) for text in islice(texts, MAX_SIZES)]

    def _count(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > self._limit:
            raise BadRequestError(
                f"The text is longer than {self._limit} characters.",
                hint="Send it in several requests, or raise tts.max_text.",
            )

    def _restart(self) -> None:
        self._segmenter = Segmenter(self._language, streams_audio=self._streams_audio)
        self._raw: deque[_RawChunk] = deque()
        self._next = None
        self._chunk_speed = self._speed

    def _apply(self, action: Callable[[], None]) -> None:
        """Process an input, and remember it as long as the text may be cut again."""
        if self._inputs is not None:
            self._inputs.append(action)
        action()

    def _feed(self, text: str) -> None:
        self._add(self._segmenter.feed(text))

    def _pause(self, seconds: float) -> None:
        self._add(self._segmenter.finish())
        self._raw.append(_RawChunk("", seconds, self._chunk_speed))
        self._changed.set()

    def _set_speed_factor(self, factor: float) -> None:
        self._add(self._segmenter.finish())
        self._chunk_speed = min(max(self._speed * factor, MIN_SPEED), MAX_SPEED)

    def _finish(self, text: str) -> None:
        self._add(self._segmenter.finish(text))
        self._changed.set()

    def _add(self, segments: Iterable[TextSegment]) -> None:
        for segment in segments:
            pause = self._gap if segment.ends_sentence else 0.0
            self._raw.append(_RawChunk(segment.text, pause, self._chunk_speed))
            self._changed.set()

    def _normalize(self, raw: _RawChunk) -> TextChunk | None:
        """Return the chunk as the engine receives it; None if there is nothing to hear.

        A segment of punctuation alone has no sound; engines answer it with noise or an error.
        """
        text = raw.text
        if text:
            if self._lexicon is not None:
                text = self._lexicon.apply(text, self._language)
            text = normalize(text, self._language)
            if not is_speakable(text):
                return None
        return TextChunk(text, raw.pause, raw.speed, raw.text)
