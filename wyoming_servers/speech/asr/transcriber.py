"""Which speech-to-text model a request means, and in which language."""

from collections.abc import Mapping
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
)
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.text.locale import best_match, is_auto
from wyoming_servers.text.messages import (
    list_languages,
    list_names,
    shorten,
)


@dataclass(frozen=True, slots=True)
class AsrModelChoice:
    """A model with the language it is to hear."""

    spec: ModelSpec
    language: str | None
    """As the model names it; None to detect it."""


def select_asr_model(
    specs: Mapping[str, ModelSpec], asr: AsrSection, model: str | None, language: str | None
) -> AsrModelChoice:
    """Choose the model and the language.

    1. The model named, or the configured one, if it understands the language.
    2. None named, and the configured one does not: the first installed model that does.
    3. No language, or `auto`: the only one that the model knows, or knows of those configured;
       else it detects it.

    Raises ModelMissingError or UnsupportedLanguageError, naming what there is.
    """
    installed = [spec for spec in specs.values() if spec.task is Task.ASR]
    first = next((spec for spec in installed if spec.id == (model or asr.model)), None)
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
    able = [first] if model else [first, *installed]
    for spec in able:  # 1, 2
        language = best_match(wanted, spec.languages)
        if language is not None:
            return AsrModelChoice(spec, language)
    heard = {code for spec in able for code in spec.languages}
    who = first.id if len({spec.id for spec in able}) == 1 else "No installed model"
    verb = "does not understand" if who == first.id else "understands"
    raise UnsupportedLanguageError(
        f"{who} {verb} {shorten(wanted)!r}.",
        hint=f"Understood: {list_languages(heard)}.",
    )


# Has a model transcribe audio, the way one request asks for it.

MAX_MESSAGE_BYTES: Final = 256 * 1024
"""Largest piece of audio sent to a worker in one message (8 s)."""


class VocabularySource(Protocol):
    """Words kept on this machine that may occur in any utterance; read anew for each."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names, such as those of rooms and devices."""
        ...

    @property
    def terms(self) -> tuple[str, ...]:
        """Other words; the first to go if there are too many."""
        ...


@dataclass(frozen=True, slots=True)
class AsrRequest:
    """How to listen; None leaves the choice to the configuration."""

    language: str | None = None
    """A code in any usual spelling, or `auto` to detect it."""
    model: str | None = None
    initial_prompt: str | None = None
    names: tuple[str, ...] = ()
    """Names that may occur, such as those of rooms and devices; they outrank the stored ones."""
    terms: tuple[str, ...] = ()
    """Words that may occur; the first to go if there are too many."""
    task: Literal["transcribe", "translate"] = "transcribe"
    vad_sensitivity: str | None = None
    """`default`, `relaxed` or `aggressive`: how soon silence ends the turn."""
    client: str = ""
    turn_detection: bool | None = None
    """Whether to end the utterance ourselves when the speaker has finished."""
    partials: bool | None = None
    """Whether to tell what is certain while the person still speaks."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said; an empty text if nothing was."""

    text: str
    language: str | None = None
    seconds: float = 0.0
    """Length of the audio that was transcribed."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a model makes of the audio so far."""

    text: str
    language: str | None
    logprob: float | None
    """Mean log-probability of its tokens; None where the model does not tell, or heard nothing."""
    seconds: float
    """Length of the audio."""


class Transcriber:
    """One request's way to transcribe; every run of an utterance goes through it."""

    def __init__(
        self,
        request: AsrRequest,
        listener: AsrModelChoice,
        asr: AsrSection,
        vocabulary: VocabularySource | None = None,
    ) -> None:
        names = [*request.names, *(vocabulary.names if vocabulary else ())]
        terms = [*request.terms, *(vocabulary.terms if vocabulary else ())]
        self.model = listener.spec.id
        self.language = listener.language
        """None if the model detects it."""
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

    async def run(self, lease: Lease, audio: bytes, priority: Priority | None = None) -> Hypothesis:
        """Transcribe 16 kHz audio; cancelling cancels the run in the worker.

        Raises what the worker raises, and InternalError for an answer without a text.
        """
        async with lease.open(self._request, streaming=True, priority=priority) as run:
            for start in range(0, len(audio), MAX_MESSAGE_BYTES):
                await run.send(audio[start : start + MAX_MESSAGE_BYTES])
            await run.end()
            return self._parse_result(await run.result(), SPEECH_FORMAT.seconds(len(audio)))

    def _parse_result(self, result: Mapping[str, Any], seconds: float) -> Hypothesis:
        text, logprob = result.get("text"), result.get("avg_logprob")
        if not isinstance(text, str):
            raise InternalError(f"{self.model} answered without a text.")
        return Hypothesis(
            text=text.strip(),
            language=result.get("language") or self.language,
            logprob=float(logprob) if isinstance(logprob, int | float) else None,
            seconds=seconds,
        )


def _deduplicate(words: list[str]) -> list[str]:
    """Return words without blanks around them, each once, in order."""
    return list(dict.fromkeys(filter(None, map(str.strip, words))))
