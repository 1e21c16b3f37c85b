"""Cuts a long recording at its pauses, into parts that a model transcribes one after the other."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.speech.asr.transcriber import Hypothesis

MAX_PART_SECONDS: Final = 30.0
"""Whisper's window. The parts of a longer recording let voice commands run in between."""

_MIN_PART_SECONDS: Final = 10.0
"""A shorter part has too little context."""


def cut_at_pauses(seconds: float, pauses: Sequence[tuple[float, float]]) -> list[float]:
    """Return the ends of the parts, in seconds; the last one is the end of the recording.

    1. A part ends in the middle of the longest pause that begins 10 to 30 s after its start.
    2. Without one, at the end of the window: a word may be cut.
    """
    ends: list[float] = []
    start = 0.0
    while seconds - start > MAX_PART_SECONDS:
        earliest, latest = start + _MIN_PART_SECONDS, start + MAX_PART_SECONDS
        middles = [
            (end - begin, (begin + end) / 2)
            for begin, end in pauses
            if earliest <= (begin + end) / 2 <= latest
        ]
        start = max(middles)[1] if middles else latest
        ends.append(start)
    return [*ends, seconds]


async def transcribe_parts(
    audio: bytes,
    pauses: Sequence[tuple[float, float]],
    transcribe: Callable[[bytes, str | None], Awaitable[Hypothesis]],
) -> Hypothesis:
    """Transcribe 16 kHz audio part by part and join the texts.

    `transcribe` gets the language of the first part for the others.
    """
    texts: list[str] = []
    language: str | None = None
    start = 0
    seconds = SPEECH_FORMAT.seconds(len(audio))
    for end in cut_at_pauses(seconds, pauses):
        stop = len(audio) if end == seconds else SPEECH_FORMAT.bytes_for(end)
        part = await transcribe(audio[start:stop], language)
        if part.text:
            texts.append(part.text)
            language = language or part.language
        start = stop
    return Hypothesis(text=" ".join(texts), language=language, logprob=None, seconds=seconds)
