"""What a client of Whisper asks for, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from wyoming_servers.core.errors import (
    BadRequestError,
    UnsupportedLanguageError,
)
from wyoming_servers.text.locale import best_match, is_auto

MAX_BEAM_SIZE: Final = 10


@dataclass(frozen=True, slots=True)
class WhisperRequest:
    """The request of a run, as `engines.base` describes it."""

    language: str | None = None
    """Whisper's code; None to detect it."""
    candidate_languages: tuple[str, ...] = ()
    """Whisper's codes that detection chooses from; empty: all."""
    beam_size: int = 1
    task: Literal["transcribe", "translate"] = "transcribe"
    initial_prompt: str | None = None
    names: tuple[str, ...] = ()
    """Names that may occur; they go into the prompt as far as there is room."""
    terms: tuple[str, ...] = ()
    """Other words that may occur; the first to go."""
    word_timestamps: bool = False

    @classmethod
    def parse(cls, request: Mapping[str, Any], languages: Sequence[str]) -> Self:
        """Check a request against the `languages` of the model.

        Raises UnsupportedLanguageError for one it does not know, BadRequestError for other faults.
        """
        wanted = request.get("language")
        if wanted is not None and not isinstance(wanted, str):
            raise BadRequestError("`language` must be a code such as `en`.")
        language = (
            None if wanted is None or is_auto(wanted) else _supported_language(wanted, languages)
        )
        if len(languages) == 1:
            language = languages[0]
        among = request.get("languages") or ()
        if isinstance(among, str) or not all(isinstance(code, str) for code in among):
            raise BadRequestError("`languages` must be a list of codes.")
        beam = request.get("beam_size", 1)
        if not isinstance(beam, int) or isinstance(beam, bool) or not 1 <= beam <= MAX_BEAM_SIZE:
            raise BadRequestError(f"`beam_size` must be a whole number from 1 to {MAX_BEAM_SIZE}.")
        task = request.get("task", "transcribe")
        if task not in ("transcribe", "translate"):
            raise BadRequestError("`task` must be `transcribe` or `translate`.")
        prompt = request.get("initial_prompt")
        if prompt is not None and not isinstance(prompt, str):
            raise BadRequestError("`initial_prompt` must be a text.")
        known = (best_match(code, languages) for code in among)
        return cls(
            language=language,
            candidate_languages=tuple(dict.fromkeys(code for code in known if code is not None)),
            beam_size=beam,
            task=task,
            initial_prompt=(prompt or "").strip() or None,
            names=_string_list(request, "names"),
            terms=_string_list(request, "terms"),
            word_timestamps=bool(request.get("word_timestamps")),
        )


def _string_list(request: Mapping[str, Any], field: str) -> tuple[str, ...]:
    given = request.get(field) or ()
    if not isinstance(given, list | tuple) or not all(isinstance(text, str) for text in given):
        raise BadRequestError(f"`{field}` must be a list of texts.")
    return tuple(given)


def _supported_language(wanted: str, languages: Sequence[str]) -> str:
    code = best_match(wanted, languages)
    if code is None:
        what = "only English" if list(languages) == ["en"] else f"{len(languages)} languages"
        raise UnsupportedLanguageError(
            f"The model does not know the language {wanted[:40]!r}; it knows {what}.",
            hint="Choose a multilingual model, such as whisper/base.",
        )
    return code
