"""What one run heard, collected into its result; what Whisper makes up is left out."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from wyoming_servers.engines.base import Output
from wyoming_servers.engines.whisper_prompt import NO_PROMPT, WhisperPrompt
from wyoming_servers.engines.whisper_window import (
    LEADING_SECONDS,
    NO_SPEECH_THRESHOLD,
    LOGPROB_THRESHOLD,
    DecodedWindow,
    compression_ratio,
)
from wyoming_servers.text.plain import is_speakable

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment

COMPRESSION_RATIO_THRESHOLD: Final = 2.4
"""OpenAI's; what is more repetitive even after all tries was not said."""

_HALLUCINATIONS: Final = frozenset(
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


class TranscriptBuilder:
    """Collects what was heard in `seconds` of audio."""

    def __init__(self, seconds: float) -> None:
        self.language_probability = 1.0
        self._seconds = seconds
        self._texts: list[str] = []
        self._logprobs: list[tuple[float, float]] = []
        """Mean log-probability of a segment, with its weight in seconds."""
        self._no_speech = 0.0

    def add_window(self, decoded: DecodedWindow) -> Iterable[Output]:
        """Take the short window's words."""
        self._no_speech = decoded.no_speech_prob
        if decoded.silent or not is_speakable(decoded.text):
            return
        self._logprobs.append((decoded.avg_logprob, self._seconds))
        yield from self._add(0.0, self._seconds, decoded.text, {})

    def add_segment(self, segment: "Segment", prompt: WhisperPrompt = NO_PROMPT) -> Iterable[Output]:
        """Take a segment of a long window, unless it is a loop, the prompt, or signs alone."""
        self._no_speech = max(self._no_speech, float(segment.no_speech_prob))
        if compression_ratio(segment.text) > COMPRESSION_RATIO_THRESHOLD or not is_speakable(segment.text):
            return
        nobody = segment.no_speech_prob > NO_SPEECH_THRESHOLD or segment.avg_logprob < LOGPROB_THRESHOLD
        if nobody and _normalized(segment.text) in _HALLUCINATIONS:
            return
        if prompt.is_echo(segment.text, float(segment.avg_logprob)):
            return
        start, end = self._audio_time(segment.start), self._audio_time(segment.end)
        self._logprobs.append((float(segment.avg_logprob), max(end - start, 0.01)))
        words = [
            {
                "word": word.word.strip(),
                "start": self._audio_time(word.start),
                "end": self._audio_time(word.end),
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

    def _audio_time(self, seconds: float) -> float:
        """Turn a time of a long window into one of the audio, which begins `LEAD` later."""
        return round(min(max(float(seconds) - LEADING_SECONDS, 0.0), self._seconds), 3)

    def _add(
        self, start: float, end: float, text: str, more: Mapping[str, Any]
    ) -> Iterable[Output]:
        self._texts.append(text)
        yield Output({"start": round(start, 3), "end": round(end, 3), "text": text.strip(), **more})


def _normalized(text: str) -> str:
    """Return a text in lower case without marks."""
    return " ".join(re.sub(r"[\W_]+", " ", text.lower()).split())
