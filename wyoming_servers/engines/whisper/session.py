"""One run of Whisper: the validated request, and the audio until its end."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from wyoming_servers.audio.pcm import Samples, from_s16
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import BadRequestError, UnsupportedLanguageError
from wyoming_servers.engines.base import Output
from wyoming_servers.engines.whisper.short_window import DecodedWindow
from wyoming_servers.text.locale import best_match, is_auto

MAX_BEAM_SIZE: Final = 10


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


Transcribe = Callable[[WhisperUtterance], Generator[Output, None, Mapping[str, Any]]]


class WhisperSession:
    """Collects the audio of one run, at most `max_seconds` of it.

    Features are computed at the end, all at once: for two seconds of audio that takes half a
    millisecond (with one BLAS thread), less than the transport of a chunk.
    """

    def __init__(self, transcribe: Transcribe, request: WhisperRequest, max_seconds: float) -> None:
        self._transcribe = transcribe
        self._request = request
        self._max_bytes = SPEECH_FORMAT.bytes_for(max_seconds)
        self._audio = bytearray()

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Append audio. Raises BadRequestError when it is longer than `max_seconds`."""
        self._audio += payload
        if len(self._audio) > self._max_bytes:
            raise BadRequestError(
                f"The audio is longer than {SPEECH_FORMAT.seconds(self._max_bytes):g} s.",
                hint="Send it in parts, cut at pauses.",
            )
        return ()

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Transcribe. Each segment is an output; a cancelled run stops between two of them."""
        return self._transcribe(self.take_utterance())

    def take_utterance(self) -> WhisperUtterance:
        """Return the audio and forget it; half a sample at its end is dropped."""
        whole = len(self._audio) - len(self._audio) % SPEECH_FORMAT.frame_bytes
        audio = from_s16(memoryview(self._audio)[:whole])
        self._audio = bytearray()
        return WhisperUtterance(audio, self._request)

    def close(self) -> None:
        """Forget the audio."""
        self._audio = bytearray()


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
