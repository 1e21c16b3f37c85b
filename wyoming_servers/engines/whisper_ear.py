"""Listens with a loaded model of Whisper: by the shortest window that can be trusted."""

import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.domain import SPEECH_FORMAT
from wyoming_servers.engines.base import Output
from wyoming_servers.engines.memory import trim
from wyoming_servers.engines.whisper_heard import MAX_COMPRESSION, Heard
from wyoming_servers.engines.whisper_prompt import NO_PROMPT, Prompt, Prompter
from wyoming_servers.engines.whisper_request import WhisperRequest
from wyoming_servers.engines.whisper_window import (
    ECHO,
    LEAD,
    NO_SPEECH,
    SILENT_LOGPROB,
    Decoded,
    Encoded,
    ShortWindow,
)

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import Segment

MIN_SECONDS: Final = 0.1
"""Audio shorter than this holds no word."""

WINDOW_SECONDS: Final = 30.0

MAX_TOKENS: Final = 220
"""Of one window: half of Whisper's context, whose other half is the prompt."""

TEMPERATURES: Final = (0.0, 0.4, 0.8)
"""Two more tries where the first is repetitive or improbable; Whisper's own five take seconds."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Utterance:
    """What somebody said, how to listen to it, and how far that has come."""

    audio: Samples
    request: WhisperRequest
    language: str | None = None
    """As asked for, or as detected."""
    probability: float = 1.0
    """Of the language."""
    decoded: Decoded | None = None
    """What the short window made of it."""

    def __post_init__(self) -> None:
        self.language = self.language or self.request.language

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.audio) / SPEECH_FORMAT.rate


class WhisperEar:
    """A model and how it is listened with."""

    def __init__(
        self, model: "WhisperModel", window: ShortWindow, prompter: Prompter | None, *, short: bool
    ) -> None:
        self._model = model
        self._window = window
        self._prompter = prompter
        """None for a model that repeats a prompt instead of listening."""
        self._short = short
        """Whether short windows are used at all."""
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}

    def transcribe(self, said: Utterance) -> Generator[Output, None, Mapping[str, Any]]:
        """Yield each segment, return the result.

        1. Too short for a word: nothing was said.
        2. No language named: detect it.
        3. A short command: the short window, if the result can be trusted.
        4. If not: the same with more silence behind it.
        5. All else, and what still cannot be trusted: windows of 30 s.
        """
        heard = Heard(said.seconds)
        if said.seconds < MIN_SECONDS:  # 1
            return heard.result(said.language)
        if said.decoded is None:
            self.listen([said])  # 2, 3
        if self._may_help(said.decoded) and self._window.can_grow(said.seconds):
            self.listen([said], again=True)  # 4
        language = self._language(said)
        heard.language_probability = said.probability
        decoded = said.decoded
        if decoded is not None and (not decoded.doubt or decoded.silent):
            yield from heard.decoded(decoded)
            return heard.result(language)
        prompt = self._prompt(said.request)
        if decoded is not None:
            _log.debug("short window of %.1f s not trusted: %s", said.seconds, decoded.doubt)
            if decoded.doubt == ECHO:
                prompt = NO_PROMPT
        for segment in self._segments(said.audio, said.request, language, prompt):  # 5
            yield from heard.segment(segment, prompt)
        trim()
        return heard.result(language)

    def listen(self, many: Sequence[Utterance], *, again: bool = False) -> None:
        """Decode in short windows, all in one step, those utterances that fit; others stay.

        What was decoded before, and is not to be trusted, is decoded `again`.
        """
        spoken: list[tuple[Utterance, Encoded]] = []
        for said in many:
            if not self._fits(said):
                continue
            states = self._window.encode(said.audio, again=again)
            if said.language is None:
                said.language, said.probability = self._window.detect(states, said.request.among)
            spoken.append((said, self._encoded(said, said.language, states)))
        results = self._window.decode([encoded for _, encoded in spoken])
        for (said, _), decoded in zip(spoken, results, strict=True):
            said.decoded = decoded

    @staticmethod
    def _may_help(decoded: Decoded | None) -> bool:
        """Whether more silence may make words that can be trusted."""
        return decoded is not None and decoded.doubt not in ("", ECHO) and not decoded.silent

    def _fits(self, said: Utterance) -> bool:
        return (
            self._short
            and said.seconds >= MIN_SECONDS
            and self._window.fits(said.seconds)
            and not said.request.word_timestamps
        )

    def _encoded(self, said: Utterance, language: str, states: Any) -> Encoded:
        return Encoded(
            states,
            self._tokenizer(language, said.request.task),
            self._prompt(said.request),
            said.request.beam_size,
            said.seconds,
        )

    def _language(self, said: Utterance) -> str:
        """Return the language, detected at the beginning of the audio if need be."""
        if said.language is None:
            start = said.audio[: int(WINDOW_SECONDS * SPEECH_FORMAT.rate)]
            states = self._window.encode(start)
            said.language, said.probability = self._window.detect(states, said.request.among)
        return said.language

    def _prompt(self, request: WhisperRequest) -> Prompt:
        if self._prompter is None:
            return NO_PROMPT
        return self._prompter.prompt(request.initial_prompt, request.names, request.terms)

    def _segments(
        self, audio: Samples, request: WhisperRequest, language: str, prompt: Prompt
    ) -> Iterable["Segment"]:
        """Transcribe over windows of 30 s, one segment at a time; lazy. Times begin at -LEAD."""
        lead = np.zeros(int(LEAD * SPEECH_FORMAT.rate), np.float32)
        seconds = (len(lead) + len(audio)) / SPEECH_FORMAT.rate
        segments, _ = self._model.transcribe(
            np.concatenate([lead, audio]),
            language=language,
            task=request.task,
            beam_size=request.beam_size,
            best_of=3,
            temperature=TEMPERATURES,
            compression_ratio_threshold=MAX_COMPRESSION,
            log_prob_threshold=SILENT_LOGPROB,
            no_speech_threshold=NO_SPEECH,
            # The last window's words as prompt of the next make loops that last for minutes.
            condition_on_previous_text=False,
            initial_prompt=list(prompt.tokens) or None,
            # Time stamps cost 20 ms of decoding; one window is one segment anyway.
            without_timestamps=seconds <= WINDOW_SECONDS and not request.word_timestamps,
            word_timestamps=request.word_timestamps,
            # Runaway decoding of a short command must not take as long as a speech.
            max_new_tokens=min(MAX_TOKENS, int(seconds * 30) + 32),
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
