"""What one run heard, collected into its result; what Whisper makes up is left out."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from wyoming_servers.engines.base import Output
from wyoming_servers.engines.whisper_prompt import NO_PROMPT, Prompt
from wyoming_servers.engines.whisper_window import (
    LEAD,
    NO_SPEECH,
    SILENT_LOGPROB,
    Decoded,
    compression,
)
from wyoming_servers.text.plain import speakable

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment

MAX_COMPRESSION: Final = 2.4
"""OpenAI's; what is more repetitive even after all tries was not said."""

_PHANTOMS: Final = frozenset(
    {
        "you",
        "bye",
        "thank you",
        "thanks for watching",
        "thank you for watching",
        "please subscribe",
        "music",
        "applause",
        "laughter",
        "vielen dank",
        "untertitel der amara org community",
        "sous titres réalisés para la communauté d amara org",
        "subtítulos realizados por la comunidad de amara org",
    }
)
"""What Whisper says to music and noise, as subtitles do; believed only if speech is likely and the
words are not improbable."""


class Heard:
    """Collects what was heard in `seconds` of audio."""

    def __init__(self, seconds: float) -> None:
        self.language_probability = 1.0
        self._seconds = seconds
        self._texts: list[str] = []
        self._logprobs: list[tuple[float, float]] = []
        """Mean log-probability of a segment, with its weight in seconds."""
        self._no_speech = 0.0

    def decoded(self, decoded: Decoded) -> Iterable[Output]:
        """Take the short window's words."""
        self._no_speech = decoded.no_speech_prob
        if decoded.silent or not speakable(decoded.text):
            return
        self._logprobs.append((decoded.avg_logprob, self._seconds))
        yield from self._add(0.0, self._seconds, decoded.text, {})

    def segment(self, segment: "Segment", prompt: Prompt = NO_PROMPT) -> Iterable[Output]:
        """Take a segment of a long window, unless it is a loop, the prompt, or signs alone."""
        self._no_speech = max(self._no_speech, float(segment.no_speech_prob))
        if compression(segment.text) > MAX_COMPRESSION or not speakable(segment.text):
            return
        nobody = segment.no_speech_prob > NO_SPEECH or segment.avg_logprob < SILENT_LOGPROB
        if nobody and _words(segment.text) in _PHANTOMS:
            return
        if prompt.echoed(segment.text, float(segment.avg_logprob)):
            return
        start, end = self._time(segment.start), self._time(segment.end)
        self._logprobs.append((float(segment.avg_logprob), max(end - start, 0.01)))
        words = [
            {
                "word": word.word.strip(),
                "start": self._time(word.start),
                "end": self._time(word.end),
                "probability": round(float(word.probability), 4),
            }
            for word in segment.words or ()
        ]
        yield from self._add(start, end, segment.text, {"words": words} if words else {})

    def result(self, language: str | None) -> Mapping[str, Any]:
        """Return the run's result."""
        weight = sum(weight for _, weight in self._logprobs)
        mean = sum(value * weight for value, weight in self._logprobs) / weight if weight else None
        return {
            # A segment brings its own space where its language puts one.
            "text": " ".join("".join(self._texts).split()),
            "language": language,
            "language_probability": round(self.language_probability, 4),
            "duration": round(self._seconds, 3),
            "avg_logprob": None if mean is None else round(mean, 4),
            "no_speech_prob": round(self._no_speech, 4),
        }

    def _time(self, seconds: float) -> float:
        """Turn a time of a long window into one of the audio, which begins `LEAD` later."""
        return round(min(max(float(seconds) - LEAD, 0.0), self._seconds), 3)

    def _add(
        self, start: float, end: float, text: str, more: Mapping[str, Any]
    ) -> Iterable[Output]:
        self._texts.append(text)
        yield Output({"start": round(start, 3), "end": round(end, 3), "text": text.strip(), **more})


def _words(text: str) -> str:
    """Return a text in lower case without marks."""
    return " ".join(re.sub(r"[\W_]+", " ", text.lower()).split())
