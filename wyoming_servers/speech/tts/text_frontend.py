"""Text front end of speech synthesis: sentences, lexicon, numbers in words."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.normalize.normalizer import normalize
from wyoming_servers.text.segment import Segmenter, TextSegment, is_speakable
from wyoming_servers.text.voice_expression import MAX_SPEED, MIN_SPEED


@dataclass(frozen=True, slots=True)
class TextChunk:
    """The next text to synthesize, or a pause alone."""

    text: str
    """As the engine receives it: lexicon applied, numbers in words; empty for a pause."""
    pause: float
    """Seconds of silence between it and the next chunk."""
    speed: float


class TextFrontend:
    """Turns a text that arrives in parts of any length into a queue of `TextChunk`s."""

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
        self._ended = False
        self._changed = asyncio.Event()
        """Set when a chunk is ready or the text has ended."""
        self._inputs: list[Callable[[], None]] | None = []
        """The input so far, until the first chunk is taken."""
        self._restart()

    def feed(self, text: str) -> None:
        """Add text. Raises BadRequestError when the whole text is longer than the limit."""
        if self._ended:
            raise RuntimeError("text after the end of the text")
        self._count(text)
        self._apply(partial(self._feed, text))

    def pause(self, seconds: float) -> None:
        """Insert silence after the text so far."""
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
        before = list(self._ready)
        self._restart()
        for apply in self._inputs:
            apply()
        return list(self._ready) != before

    async def peek(self) -> TextChunk | None:
        """Wait for the next chunk without taking it; None when all of the text was taken."""
        while not self._ready:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._ready[0]

    def pop(self) -> None:
        """Take the next chunk: it was spoken."""
        self._ready.popleft()
        self._inputs = None

    def sizes(self) -> list[int]:
        """Return the characters of each chunk that is ready, without pauses."""
        return [len(chunk.text) for chunk in self._ready if chunk.text]

    def _count(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > self._limit:
            raise BadRequestError(
                f"The text is longer than {self._limit} characters.",
                hint="Send it in several requests, or raise tts.max_text.",
            )

    def _restart(self) -> None:
        self._segmenter = Segmenter(self._language, streams_audio=self._streams_audio)
        self._ready: deque[TextChunk] = deque()
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
        self._ready.append(TextChunk("", seconds, self._chunk_speed))
        self._changed.set()

    def _set_speed_factor(self, factor: float) -> None:
        self._add(self._segmenter.finish())
        self._chunk_speed = min(max(self._speed * factor, MIN_SPEED), MAX_SPEED)

    def _finish(self, text: str) -> None:
        self._add(self._segmenter.finish(text))
        self._changed.set()

    def _add(self, segments: Iterable[TextSegment]) -> None:
        for segment in segments:
            text = segment.text
            if self._lexicon is not None:
                text = self._lexicon.apply(text, self._language)
            text = normalize(text, self._language)
            # A segment of punctuation alone has no sound; engines answer it with noise or an error.
            if is_speakable(text):
                pause = self._gap if segment.ends_sentence else 0.0
                self._ready.append(TextChunk(text, pause, self._chunk_speed))
                self._changed.set()
