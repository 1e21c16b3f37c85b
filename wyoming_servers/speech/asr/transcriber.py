"""Requests and results of speech to text, the selection of a model, and a single inference."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from wyoming_servers.config.schema import AsrSection
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    ModelSpec,
    Priority,
    Task,
)
from wyoming_servers.core.errors import (
    InternalError,
    ModelMissingError,
    UnsupportedLanguageError,
    list_languages,
    list_names,
    shorten,
)
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.speech.speaker.scoring import SpeakerMatch
from wyoming_servers.text.locale import best_match, is_auto

MAX_MESSAGE_BYTES: Final = 256 * 1024
"""Most audio that is sent to a worker in one message: 8 s."""


_OPENAI_MODEL: Final = re.compile(r"whisper-1|gpt-(?:[\w.]+-)*transcribe(?:-[\w.]+)*|auto")
"""Names of OpenAI's models, dated variants included, and a name for any model."""

_SIMPLE_NAME: Final = re.compile(r"(?:.*/)?(?:faster-)?(?:whisper[-/])?(.+?)(?:-int8)?")
"""Removes what other servers add to the name of a Whisper model, as in `base-int8` and
`Systran/faster-whisper-base`."""


class VocabularySource(Protocol):
    """Stored words that may occur in any utterance; read for each request."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of rooms, devices and the like."""
        ...

    @property
    def terms(self) -> tuple[str, ...]:
        """Other words; the first to be dropped if there are too many."""
        ...


@dataclass(frozen=True, slots=True)
class AsrRequest:
    """Options of one utterance; None selects the configured value."""

    language: str | None = None
    """Language code in any common spelling, or `auto` to detect the language."""
    model: str | None = None
    initial_prompt: str | None = None
    names: tuple[str, ...] = ()
    """Names that may occur, of rooms and devices for example; ranked before the stored names."""
    terms: tuple[str, ...] = ()
    """Words that may occur; the first to be dropped if there are too many."""
    task: Literal["transcribe", "translate"] = "transcribe"
    vad_sensitivity: str | None = None
    """`default`, `relaxed` or `aggressive`: scales the silence that ends the turn."""
    client: str = ""
    turn_detection: bool | None = None
    """Whether the server ends the utterance when the speaker has finished."""
    partials: bool | None = None
    """Whether to publish stable parts of the transcript during the speech."""
    end_silence: float | None = None
    """Silence that ends the turn, in seconds, whatever the text."""
    min_speech: float | None = None
    """Shorter speech does not start a turn, in seconds."""
    continuous: bool = False
    """Whether the audio goes on after the turn: the turn waits for speech without a timeout, and
    ends by the time of the audio, even if that comes faster than it is spoken."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The result of an utterance; the text is empty if there was no speech."""

    text: str
    language: str | None = None
    seconds: float = 0.0
    """Length of the transcribed audio."""
    speaker: SpeakerMatch | None = None
    """The enrolled speaker, if one was recognized."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The result of one inference on the audio so far."""

    text: str
    language: str | None
    logprob: float | None
    """Mean log-probability of the tokens; None if the model reports none or found no speech."""
    seconds: float
    """Length of the audio."""


@dataclass(frozen=True, slots=True)
class AsrModelChoice:
    """The selected model and language."""

    spec: ModelSpec
    language: str | None
    """In the model's own spelling; None to detect it."""


def select_asr_model(
    specs: Mapping[str, ModelSpec], asr: AsrSection, model: str | None, language: str | None
) -> AsrModelChoice:
    """Select the model and the language of a request.

    0. A name of OpenAI's requests no model; `base`, `base-int8` and the like are `whisper/base`.
    1. The requested or else the configured model, if it supports the language.
    2. If no model was requested and the configured one does not support the language: the first
       installed model that does.
    3. Without a language, or with `auto`: the language, if the model supports exactly one of those
       configured (or exactly one at all); otherwise the model detects it.

    Raises ModelMissingError or UnsupportedLanguageError; the message lists the alternatives.
    """
    installed = [spec for spec in specs.values() if spec.task is Task.ASR]
    if model and is_openai_model(model):  # 0
        model = None
    first = _find_model(installed, model or asr.model)
    if first is None:
        raise ModelMissingError(
            f"The speech-to-text model {shorten(model or asr.model)!r} is not installed; "
            f"{list_names([spec.id for spec in installed], 'model')}."
        )
    wanted = language or asr.language
    if is_auto(wanted):  # 3
        found = {best_match(code, first.languages) for code in asr.languages} - {None}
        known = [*(found or first.languages)]
        return AsrModelChoice(first, known[0] if len(known) == 1 else None)
    candidates = [first] if model else [first, *installed]
    for spec in candidates:  # 1, 2
        language = best_match(wanted, spec.languages)
        if language is not None:
            return AsrModelChoice(spec, language)
    supported = {code for spec in candidates for code in spec.languages}
    if len({spec.id for spec in candidates}) == 1:
        message = f"{first.id} does not support the language {shorten(wanted)!r}."
    else:
        message = f"No installed model supports the language {shorten(wanted)!r}."
    raise UnsupportedLanguageError(
        message, hint=f"Supported languages: {list_languages(supported)}."
    )


def is_openai_model(name: str) -> bool:
    """Whether OpenAI calls one of its speech-to-text models so: the default model is meant."""
    return _OPENAI_MODEL.fullmatch(name.lower()) is not None


def _find_model(installed: Sequence[ModelSpec], name: str) -> ModelSpec | None:
    """Return the model of this id, else the one whose id ends in the name."""
    for spec in installed:
        if spec.id == name:
            return spec
    simple = _SIMPLE_NAME.fullmatch(name.lower())
    for spec in installed:
        if simple and spec.id.lower().rpartition("/")[2] == simple[1]:
            return spec
    return None


class Transcriber:
    """Runs every inference of one request, with the request's options."""

    def __init__(
        self,
        request: AsrRequest,
        choice: AsrModelChoice,
        asr: AsrSection,
        vocabulary: VocabularySource | None = None,
    ) -> None:
        names = [*request.names, *(vocabulary.names if vocabulary else ())]
        terms = [*request.terms, *(vocabulary.terms if vocabulary else ())]
        self.model = choice.spec.id
        self.language = choice.language
        """None if the model detects the language."""
        self._request = {
            "language": self.language,
            "languages": list(asr.languages),
            "beam_size": asr.beam_size,
            "task": request.task,
            "initial_prompt": request.initial_prompt or asr.initial_prompt or None,
            "names": _deduplicate(names),
            "terms": _deduplicate(terms),
            "word_timestamps": False,
        }

    async def run(
        self,
        lease: Lease,
        audio: bytes,
        priority: Priority | None = None,
        language: str | None = None,
    ) -> Hypothesis:
        """Transcribe 16 kHz audio; a cancellation cancels the run in the worker.

        `language` is used in place of detecting it. Raises the errors of the worker, and
        InternalError for a result without a text.
        """
        request = self._request
        if language is not None and self.language is None:
            request = request | {"language": language}
        async with lease.open(request, streaming=True, priority=priority) as run:
            for start in range(0, len(audio), MAX_MESSAGE_BYTES):
                await run.send(audio[start : start + MAX_MESSAGE_BYTES])
            await run.end()
            return self._parse_result(await run.result(), SPEECH_FORMAT.seconds(len(audio)))

    def _parse_result(self, result: Mapping[str, Any], seconds: float) -> Hypothesis:
        text, logprob = result.get("text"), result.get("avg_logprob")
        if not isinstance(text, str):
            raise InternalError(f"{self.model} returned a result without a text.")
        return Hypothesis(
            text=text.strip(),
            language=result.get("language") or self.language,
            logprob=float(logprob) if isinstance(logprob, int | float) else None,
            seconds=seconds,
        )


def _deduplicate(words: list[str]) -> list[str]:
    """Return the words in order, stripped, without duplicates and empty words."""
    return list(dict.fromkeys(filter(None, map(str.strip, words))))
