"""Listens with a loaded model of Whisper: by the shortest window that can be trusted."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from wyoming_servers.engines.base import Output
from wyoming_servers.engines.whisper.prompt import (
    NO_PROMPT,
    WhisperPrompt,
)
from wyoming_servers.engines.whisper.short_window import (
    LEADING_SECONDS,
    LOGPROB_THRESHOLD,
    NO_SPEECH_THRESHOLD,
    DecodedWindow,
    compression_ratio,
)
from wyoming_servers.text.speakable import is_speakable

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment
import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.engines.memory import release_free_memory
from wyoming_servers.engines.whisper.prompt import (
    PromptBuilder,
)
from wyoming_servers.engines.whisper.request import WhisperRequest
from wyoming_servers.engines.whisper.short_window import (
    PROMPT_ECHO,
    EncodedWindow,
    ShortWindow,
)

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import Segment

# What one run heard, collected into its result; what Whisper makes up is left out.

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

    def add_segment(
        self, segment: "Segment", prompt: WhisperPrompt = NO_PROMPT
    ) -> Iterable[Output]:
        """Take a segment of a long window, unless it is a loop, the prompt, or signs alone."""
        self._no_speech = max(self._no_speech, float(segment.no_speech_prob))
        if compression_ratio(segment.text) > COMPRESSION_RATIO_THRESHOLD or not is_speakable(
            segment.text
        ):
            return
        nobody = (
            segment.no_speech_prob > NO_SPEECH_THRESHOLD or segment.avg_logprob < LOGPROB_THRESHOLD
        )
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


MIN_SECONDS: Final = 0.1
"""Audio shorter than this holds no word."""

WINDOW_SECONDS: Final = 30.0

MAX_OUTPUT_TOKENS: Final = 220
"""Of one window: half of Whisper's context, whose other half is the prompt."""

TEMPERATURES: Final = (0.0, 0.4, 0.8)
"""Two more tries where the first is repetitive or improbable; Whisper's own five take seconds."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class WhisperUtterance:
    """What somebody said, how to listen to it, and how far that has come."""

    audio: Samples
    request: WhisperRequest
    language: str | None = None
    """As asked for, or as detected."""
    language_probability: float = 1.0
    """Of the language."""
    window: DecodedWindow | None = None
    """What the short window made of it."""

    def __post_init__(self) -> None:
        self.language = self.language or self.request.language

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.audio) / SPEECH_FORMAT.rate


class WhisperDecoder:
    """A model and how it is listened with."""

    def __init__(
        self,
        model: "WhisperModel",
        window: ShortWindow,
        prompter: PromptBuilder | None,
        *,
        short: bool,
    ) -> None:
        self._model = model
        self._short_window = window
        self._prompt_builder = prompter
        """None for a model that repeats a prompt instead of listening."""
        self._use_short_window = short
        """Whether short windows are used at all."""
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}

    def transcribe(self, said: WhisperUtterance) -> Generator[Output, None, Mapping[str, Any]]:
        """Yield each segment, return the result.

        1. Too short for a word: nothing was said.
        2. No language named: detect it.
        3. A short command: the short window, if the result can be trusted.
        4. If not: the same with more silence behind it.
        5. All else, and what still cannot be trusted: windows of 30 s.
        """
        heard = TranscriptBuilder(said.seconds)
        if said.seconds < MIN_SECONDS:  # 1
            return heard.result(said.language)
        if said.window is None:
            self.decode([said])  # 2, 3
        if self._retry_may_help(said.window) and self._short_window.can_extend(said.seconds):
            self.decode([said], again=True)  # 4
        language = self._detected_language(said)
        heard.language_probability = said.language_probability
        decoded = said.window
        if decoded is not None and (not decoded.distrust_reason or decoded.silent):
            yield from heard.add_window(decoded)
            return heard.result(language)
        prompt = self._prompt(said.request)
        if decoded is not None:
            _LOGGER.debug(
                "short window of %.1f s not trusted: %s", said.seconds, decoded.distrust_reason
            )
            if decoded.distrust_reason == PROMPT_ECHO:
                prompt = NO_PROMPT
        for segment in self._transcribe_long(said.audio, said.request, language, prompt):  # 5
            yield from heard.add_segment(segment, prompt)
        release_free_memory()
        return heard.result(language)

    def decode(self, many: Sequence[WhisperUtterance], *, again: bool = False) -> None:
        """Decode in short windows, all in one step, those utterances that fit; others stay.

        What was decoded before, and is not to be trusted, is decoded `again`.
        """
        spoken: list[tuple[WhisperUtterance, EncodedWindow]] = []
        for said in many:
            if not self._fits_short_window(said):
                continue
            states = self._short_window.encode(said.audio, again=again)
            if said.language is None:
                said.language, said.language_probability = self._short_window.detect(
                    states, said.request.candidate_languages
                )
            spoken.append((said, self._encoded_window(said, said.language, states)))
        results = self._short_window.decode([encoded for _, encoded in spoken])
        for (said, _), decoded in zip(spoken, results, strict=True):
            said.window = decoded

    @staticmethod
    def _retry_may_help(decoded: DecodedWindow | None) -> bool:
        """Whether more silence may make words that can be trusted."""
        return (
            decoded is not None
            and decoded.distrust_reason not in ("", PROMPT_ECHO)
            and not decoded.silent
        )

    def _fits_short_window(self, said: WhisperUtterance) -> bool:
        return (
            self._use_short_window
            and said.seconds >= MIN_SECONDS
            and self._short_window.fits(said.seconds)
            and not said.request.word_timestamps
        )

    def _encoded_window(self, said: WhisperUtterance, language: str, states: Any) -> EncodedWindow:
        return EncodedWindow(
            states,
            self._tokenizer(language, said.request.task),
            self._prompt(said.request),
            said.request.beam_size,
            said.seconds,
        )

    def _detected_language(self, said: WhisperUtterance) -> str:
        """Return the language, detected at the beginning of the audio if need be."""
        if said.language is None:
            start = said.audio[: int(WINDOW_SECONDS * SPEECH_FORMAT.rate)]
            states = self._short_window.encode(start)
            said.language, said.language_probability = self._short_window.detect(
                states, said.request.candidate_languages
            )
        return said.language

    def _prompt(self, request: WhisperRequest) -> WhisperPrompt:
        if self._prompt_builder is None:
            return NO_PROMPT
        return self._prompt_builder.build(request.initial_prompt, request.names, request.terms)

    def _transcribe_long(
        self, audio: Samples, request: WhisperRequest, language: str, prompt: WhisperPrompt
    ) -> Iterable["Segment"]:
        """Transcribe over windows of 30 s, one segment at a time; lazy. Times begin at -LEAD."""
        lead = np.zeros(int(LEADING_SECONDS * SPEECH_FORMAT.rate), np.float32)
        seconds = (len(lead) + len(audio)) / SPEECH_FORMAT.rate
        segments, _ = self._model.transcribe(
            np.concatenate([lead, audio]),
            language=language,
            task=request.task,
            beam_size=request.beam_size,
            best_of=3,
            temperature=TEMPERATURES,
            compression_ratio_threshold=COMPRESSION_RATIO_THRESHOLD,
            log_prob_threshold=LOGPROB_THRESHOLD,
            no_speech_threshold=NO_SPEECH_THRESHOLD,
            # The last window's words as prompt of the next make loops that last for minutes.
            condition_on_previous_text=False,
            initial_prompt=list(prompt.tokens) or None,
            # Time stamps cost 20 ms of decoding; one window is one segment anyway.
            without_timestamps=seconds <= WINDOW_SECONDS and not request.word_timestamps,
            word_timestamps=request.word_timestamps,
            # Runaway decoding of a short command must not take as long as a speech.
            max_new_tokens=min(MAX_OUTPUT_TOKENS, int(seconds * 30) + 32),
            vad_filter=False,
        )
        return segments  # type: ignore[no-any-return]

    def _tokenizer(self, language: str, task: str) -> "Tokenizer":
        """Return the tokenizer that writes the task's marks; kept, as its tables take long."""
        from faster_whisper.tokenizer import Tokenizer

        key = (language, task)
        if key not in self._tokenizers:
            self._tokenizers[key] = Tokenizer(
                self._model.hf_tokenizer,
                self._model.model.is_multilingual,
                task=task,
                language=language,
            )
        return self._tokenizers[key]
