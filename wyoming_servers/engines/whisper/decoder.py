"""Transcribes utterances with the shortest window whose result can be trusted.

A `WhisperUtterance` is the audio of a run with its validated `WhisperRequest`. `WhisperDecoder`
decodes it, with another attempt where `FALLBACKS` says so, and `TranscriptBuilder` collects the
result.
"""

import logging
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import BadRequestError, UnsupportedLanguageError
from wyoming_servers.engines.base import Output, release_free_memory
from wyoming_servers.engines.whisper.prompt import NO_PROMPT, PromptBuilder, WhisperPrompt
from wyoming_servers.engines.whisper.short_window import (
    LEADING_SECONDS,
    LOGPROB_THRESHOLD,
    NO_SPEECH_THRESHOLD,
    DecodedWindow,
    Distrust,
    EncodedWindow,
    ShortWindow,
    compression_ratio,
    is_loop,
)
from wyoming_servers.text.locale import best_match, is_auto

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import Segment

MAX_BEAM_SIZE: Final = 10

THOROUGH_BEAM_SIZE: Final = 5
"""Beams of other servers by default."""

MIN_SECONDS: Final = 0.1
"""Shorter audio contains no word."""

WINDOW_SECONDS: Final = 30.0
"""Window of the library."""

MAX_OUTPUT_TOKENS: Final = 220
"""Of one window: half of Whisper's context; the other half is for the prompt."""

COMPRESSION_RATIO_THRESHOLD: Final = 2.4
"""OpenAI's value. A segment that is more repetitive after all attempts was not said."""

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
"""Whisper's output for music and noise, learned from subtitles. Accepted only if speech is likely
and the words are not improbable."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WhisperRequest:
    """The request of a run, as described in `engines.base`."""

    language: str | None = None
    """Whisper's code; None to detect the language."""
    candidate_languages: tuple[str, ...] = ()
    """Whisper's codes of the languages to detect among; empty for all."""
    beam_size: int = 1
    task: Literal["transcribe", "translate"] = "transcribe"
    initial_prompt: str | None = None
    names: tuple[str, ...] = ()
    """Names that may occur; put into the prompt as far as they fit."""
    terms: tuple[str, ...] = ()
    """Other words that may occur; put into the prompt after the names."""
    word_timestamps: bool = False

    @classmethod
    def parse(cls, request: Mapping[str, Any], languages: Sequence[str]) -> Self:
        """Validate a request for a model with these languages.

        Raises UnsupportedLanguageError for another language, BadRequestError for other faults.
        """
        requested = request.get("language")
        if requested is not None and not isinstance(requested, str):
            raise BadRequestError("`language` must be a code such as `en`.")
        language = (
            None
            if requested is None or is_auto(requested)
            else _supported_language(requested, languages)
        )
        if len(languages) == 1:
            language = languages[0]
        candidates = request.get("languages") or ()
        if isinstance(candidates, str) or not all(isinstance(code, str) for code in candidates):
            raise BadRequestError("`languages` must be a list of codes.")
        beam_size = request.get("beam_size", 1)
        if (
            not isinstance(beam_size, int)
            or isinstance(beam_size, bool)
            or not 1 <= beam_size <= MAX_BEAM_SIZE
        ):
            raise BadRequestError(f"`beam_size` must be a whole number from 1 to {MAX_BEAM_SIZE}.")
        task = request.get("task", "transcribe")
        if task not in ("transcribe", "translate"):
            raise BadRequestError("`task` must be `transcribe` or `translate`.")
        prompt = request.get("initial_prompt")
        if prompt is not None and not isinstance(prompt, str):
            raise BadRequestError("`initial_prompt` must be a text.")
        supported = (best_match(code, languages) for code in candidates)
        return cls(
            language=language,
            candidate_languages=tuple(dict.fromkeys(code for code in supported if code)),
            beam_size=beam_size,
            task=task,
            initial_prompt=(prompt or "").strip() or None,
            names=_string_list(request, "names"),
            terms=_string_list(request, "terms"),
            word_timestamps=bool(request.get("word_timestamps")),
        )


@dataclass(slots=True)
class WhisperUtterance:
    """The audio of a run, its request, and what is known about it so far."""

    audio: Samples
    request: WhisperRequest
    language: str | None = None
    """As requested or detected; None before detection."""
    language_probability: float = 1.0
    window: DecodedWindow | None = None
    """The result of the short window."""

    def __post_init__(self) -> None:
        self.language = self.language or self.request.language

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.audio) / SPEECH_FORMAT.rate


@dataclass(frozen=True, slots=True)
class Fallback:
    """What to try next with an utterance whose short window is not trusted."""

    more_silence: bool = True
    """Decode the short window again, with more silence after the audio, where that is possible."""
    prompt: bool = True
    """Use the prompt in windows of 30 s."""
    thorough: bool = False
    """Decode windows of 30 s with more beams and with timestamps, and keep the text of the short
    window if the other one repeats itself."""


FALLBACKS: Final[Mapping[Distrust, Fallback]] = {
    Distrust.TOO_MANY_TOKENS: Fallback(),
    Distrust.REPETITION: Fallback(),
    Distrust.TOO_REPETITIVE: Fallback(),
    Distrust.SAID_TWICE: Fallback(),
    Distrust.IMPROBABLE: Fallback(),
    Distrust.PERHAPS_NO_SPEECH: Fallback(),
    Distrust.UNCERTAIN: Fallback(more_silence=False, thorough=True),
    Distrust.PROMPT_ECHO: Fallback(more_silence=False, prompt=False),
}


class WhisperDecoder:
    """Decodes utterances with one model."""

    def __init__(
        self,
        model: "WhisperModel",
        short_window: ShortWindow,
        prompt_builder: PromptBuilder | None,
        *,
        short: bool,
    ) -> None:
        self._model = model
        self._short_window = short_window
        self._prompt_builder = prompt_builder
        """None for a model that repeats a prompt instead of transcribing."""
        self._use_short_window = short
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}

    def transcribe(self, utterance: WhisperUtterance) -> Generator[Output, None, Mapping[str, Any]]:
        """Yield each segment, return the result.

        1. Audio too short for a word has an empty transcript.
        2. The language is detected if it was not requested.
        3. A command is decoded in the short window, which is enough if its result is trusted.
        4. Otherwise, depending on the reason, it is decoded again with more silence after it.
        5. Everything else, and what is still not trusted, is decoded in windows of 30 s.
        6. A result that is only uncertain stays, if that one repeats itself.
        """
        transcript = TranscriptBuilder(utterance.seconds)
        if utterance.seconds < MIN_SECONDS:  # 1
            return transcript.result(utterance.language)
        if utterance.window is None:
            self.decode([utterance])  # 2, 3
        fallback = _fallback(utterance.window)
        if (
            fallback is not None
            and fallback.more_silence
            and self._short_window.can_extend(utterance.seconds)
        ):
            self.decode([utterance], again=True)  # 4
            fallback = _fallback(utterance.window)
        language = self._detected_language(utterance)
        transcript.language_probability = utterance.language_probability
        window = utterance.window
        if window is not None and fallback is None:
            yield from transcript.add_window(window)
            return transcript.result(language)
        prompt = self._prompt(utterance.request)
        if window is not None and fallback is not None:
            _LOGGER.debug(
                "short window of %.1f s not trusted: %s",
                utterance.seconds,
                window.distrust_reason,
            )
            if not fallback.prompt:
                prompt = NO_PROMPT
        thorough = fallback is not None and fallback.thorough
        segments = self._transcribe_long(
            utterance.audio, utterance.request, language, prompt, thorough=thorough
        )  # 5
        if thorough and window is not None:
            segments = list(segments)
            if is_loop(" ".join(segment.text.strip() for segment in segments)):  # 6
                yield from transcript.add_window(window)
                segments = []
        for segment in segments:
            yield from transcript.add_segment(segment, prompt)
        release_free_memory()
        return transcript.result(language)

    def decode(self, utterances: Sequence[WhisperUtterance], *, again: bool = False) -> None:
        """Decode in short windows, as one batch, the utterances that are short enough.

        `again` means with more silence, for those that were decoded before and are not trusted.
        """
        batch: list[tuple[WhisperUtterance, EncodedWindow]] = []
        for utterance in utterances:
            if not self._fits_short_window(utterance):
                continue
            states = self._short_window.encode(utterance.audio, again=again)
            if utterance.language is None:
                utterance.language, utterance.language_probability = self._short_window.detect(
                    states, utterance.request.candidate_languages
                )
            window = EncodedWindow(
                states,
                self._tokenizer(utterance.language, utterance.request.task),
                self._prompt(utterance.request),
                utterance.request.beam_size,
                utterance.seconds,
            )
            batch.append((utterance, window))
        results = self._short_window.decode([window for _, window in batch])
        for (utterance, _), decoded in zip(batch, results, strict=True):
            utterance.window = decoded

    def _fits_short_window(self, utterance: WhisperUtterance) -> bool:
        return (
            self._use_short_window
            and utterance.seconds >= MIN_SECONDS
            and self._short_window.fits(utterance.seconds)
            and not utterance.request.word_timestamps
        )

    def _detected_language(self, utterance: WhisperUtterance) -> str:
        """Return the language, detected at the beginning of the audio if it is not known yet."""
        if utterance.language is None:
            start = utterance.audio[: int(WINDOW_SECONDS * SPEECH_FORMAT.rate)]
            states = self._short_window.encode(start)
            utterance.language, utterance.language_probability = self._short_window.detect(
                states, utterance.request.candidate_languages
            )
        return utterance.language

    def _prompt(self, request: WhisperRequest) -> WhisperPrompt:
        if self._prompt_builder is None:
            return NO_PROMPT
        return self._prompt_builder.build(request.initial_prompt, request.names, request.terms)

    def _transcribe_long(
        self,
        audio: Samples,
        request: WhisperRequest,
        language: str,
        prompt: WhisperPrompt,
        *,
        thorough: bool,
    ) -> Iterable["Segment"]:
        """Transcribe in windows of 30 s, one segment at a time; times begin at -LEADING_SECONDS."""
        silence = np.zeros(int(LEADING_SECONDS * SPEECH_FORMAT.rate), np.float32)
        seconds = (len(silence) + len(audio)) / SPEECH_FORMAT.rate
        segments, _ = self._model.transcribe(
            np.concatenate([silence, audio]),
            language=language,
            task=request.task,
            beam_size=max(request.beam_size, THOROUGH_BEAM_SIZE if thorough else 1),
            temperature=0.0,  # `repeatable_model` says why
            compression_ratio_threshold=COMPRESSION_RATIO_THRESHOLD,
            log_prob_threshold=LOGPROB_THRESHOLD,
            no_speech_threshold=NO_SPEECH_THRESHOLD,
            # With the text of the last window as prompt, repetitions go on for minutes.
            condition_on_previous_text=False,
            initial_prompt=list(prompt.tokens) or None,
            # Timestamps take 20 ms of decoding, and one window is one segment without them.
            without_timestamps=seconds <= WINDOW_SECONDS
            and not request.word_timestamps
            and not thorough,
            word_timestamps=request.word_timestamps,
            # Runaway decoding of a short command must not take as long as a speech.
            max_new_tokens=min(MAX_OUTPUT_TOKENS, int(seconds * 30) + 32),
            vad_filter=False,
        )
        return segments  # type: ignore[no-any-return]

    def _tokenizer(self, language: str, task: str) -> "Tokenizer":
        """Return the tokenizer for a language and task; cached, because its tables take long."""
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


class TranscriptBuilder:
    """Builds the transcript of so many seconds of audio; leaves out what Whisper hallucinates."""

    def __init__(self, seconds: float) -> None:
        self.language_probability = 1.0
        self._seconds = seconds
        self._texts: list[str] = []
        self._logprobs: list[tuple[float, float]] = []
        """Mean log-probabilities of segments, and their weights in seconds."""
        self._no_speech = 0.0

    def add_window(self, window: DecodedWindow) -> Iterable[Output]:
        """Add the text of the short window."""
        self._no_speech = window.no_speech_prob
        if window.silent or not _has_words(window.text):
            return
        self._logprobs.append((window.avg_logprob, self._seconds))
        yield from self._add(0.0, self._seconds, window.text, {})

    def add_segment(
        self, segment: "Segment", prompt: WhisperPrompt = NO_PROMPT
    ) -> Iterable[Output]:
        """Add a segment, unless it is a repetition, the prompt, or has no letters."""
        self._no_speech = max(self._no_speech, float(segment.no_speech_prob))
        if compression_ratio(segment.text) > COMPRESSION_RATIO_THRESHOLD or not _has_words(
            segment.text
        ):
            return
        doubtful = (
            segment.no_speech_prob > NO_SPEECH_THRESHOLD or segment.avg_logprob < LOGPROB_THRESHOLD
        )
        if doubtful and _normalized(segment.text) in _HALLUCINATIONS:
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
        """Return the result of the run, as described in `engines.base`."""
        weight = sum(weight for _, weight in self._logprobs)
        mean = sum(value * weight for value, weight in self._logprobs) / weight if weight else None
        return {
            # A segment begins with a space where its language uses spaces.
            "text": " ".join("".join(self._texts).split()),
            "language": language,
            "language_probability": round(self.language_probability, 4),
            "duration": round(self._seconds, 3),
            "avg_logprob": None if mean is None else round(mean, 4),
            "no_speech_prob": round(self._no_speech, 4),
        }

    def _audio_time(self, seconds: float) -> float:
        """Convert a time in a window of 30 s to one in the audio, `LEADING_SECONDS` later."""
        return round(min(max(float(seconds) - LEADING_SECONDS, 0.0), self._seconds), 3)

    def _add(
        self, start: float, end: float, text: str, more: Mapping[str, Any]
    ) -> Iterable[Output]:
        self._texts.append(text)
        yield Output({"start": round(start, 3), "end": round(end, 3), "text": text.strip(), **more})


def _fallback(window: DecodedWindow | None) -> Fallback | None:
    """Return what to try next; None if the window is trusted, silent, or was not used."""
    if window is None or window.silent:
        return None
    return FALLBACKS.get(window.distrust_reason)


def _normalized(text: str) -> str:
    """Return a text in lower case without punctuation."""
    return " ".join(re.sub(r"[\W_]+", " ", text.lower()).split())


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _string_list(request: Mapping[str, Any], field: str) -> tuple[str, ...]:
    value = request.get(field) or ()
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise BadRequestError(f"`{field}` must be a list of texts.")
    return tuple(value)


def _supported_language(requested: str, languages: Sequence[str]) -> str:
    code = best_match(requested, languages)
    if code is None:
        known = "only English" if list(languages) == ["en"] else f"{len(languages)} languages"
        raise UnsupportedLanguageError(
            f"The model does not support the language {requested[:40]!r}; it supports {known}.",
            hint="Choose a multilingual model, such as whisper/base.",
        )
    return code
