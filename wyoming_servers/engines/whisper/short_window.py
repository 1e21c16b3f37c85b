"""Whisper over as much audio as there is, instead of over 30 seconds.

Whisper was trained on windows of 30 s, most of which is silence behind a command. The encoder's
work grows with the window, so this one encodes the audio with a little silence around it, and puts
the encoder's own answer to silence, computed once, behind it: the decoder sees what it is used to.
Simply cutting the window makes one utterance in three run away into repetition.

The decoder may still be led astray, so a result is trusted only if it looks like speech: not too
many tokens for the time, no token again and again, not too compressible, not too improbable. What
is not trusted is for the caller to do over with the whole window.

Several utterances are decoded in one call: a step of the decoder reads all its weights whether it
makes one token or eight. Encoding gains nothing by it, so each is encoded as long as it is.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.engines.whisper.prompt import (
    NO_PROMPT,
    WhisperPrompt,
)

if TYPE_CHECKING:
    from ctranslate2 import StorageView
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

LEADING_SECONDS: Final = 0.2
"""Seconds of silence put before the audio: speech that begins at once loses its first word."""

TRAILING_SECONDS: Final = 0.5
"""Seconds of silence encoded behind the audio: the encoder must see that the speech has ended."""

MIN_ENCODED_SECONDS: Final = 4.0
MIN_ENCODED_SECONDS_RETRY: Final = 8.0
"""Seconds encoded at least, and in a second try if the first is doubted. With little silence after
it a short command is sometimes heard twice ("No. No."), and doubted; with more it costs more: 11 ms
of one core a second. Of 264 commands of 1 to 3 s, 10 are doubted with 4 s (18 with 3, 6 with 6),
and 4 of these again with 8."""

DECODER_FRAMES: Final = 1500
"""Encoder frames (20 ms) that the decoder sees: as many as in training. With 750, decoding is a
third faster and makes twice the errors."""

MAX_AUDIO_SECONDS: Final = 20.0
"""Seconds of audio from which a short window saves nothing worth its risk."""

MIN_BEAM_SIZE: Final = 3
"""Beams of the decoder, at least. With one, a quarter more words are wrong (32 instead of 24 of 450
in spoken commands, 41 instead of 29 with noise at 10 dB). Three get as many right as five, and cost
15 ms more than one; five cost 25."""

MAX_COMPRESSION_RATIO: Final = 1.9
MIN_LOGPROB: Final = -0.75
MAX_REPEATS: Final = 3
"""Limits of trust, below Whisper's own (2.4 and -1.0): to do it over costs less than an error."""

UNCERTAIN_LOGPROB: Final = -0.4
"""Whisper says "you" to noise, with about -0.6, but with a high probability of no speech."""

NO_SPEECH_THRESHOLD: Final = 0.6
LOGPROB_THRESHOLD: Final = -1.0
"""Both must be passed for a window to count as silent; OpenAI's values."""

PROMPT_ECHO: Final = "the vocabulary instead of speech"
"""The doubt for which the caller should listen again without a prompt."""

_FRAME_SAMPLES: Final = 320
_RATE: Final = 16_000


@dataclass(frozen=True, slots=True)
class DecodedWindow:
    """What the decoder made of a window."""

    text: str
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    distrust_reason: str
    """Why it is not trusted; empty if it is."""

    @property
    def silent(self) -> bool:
        """Whether Whisper's own rule says that nobody speaks: then a doubt settles nothing."""
        return self.no_speech_prob > NO_SPEECH_THRESHOLD and self.avg_logprob < LOGPROB_THRESHOLD


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """An utterance that is ready to be decoded."""

    states: NDArray[Any]
    """Encoder states, shape (1, frames, width)."""
    tokenizer: "Tokenizer"
    """That of its language and task."""
    prompt: WhisperPrompt = NO_PROMPT
    beam_size: int = 1
    """May be raised."""
    seconds: float = 0.0
    """Length of the audio."""

    @property
    def max_tokens(self) -> int:
        """How many tokens it can have."""
        return max_tokens(self.seconds, self.tokenizer.language_code)


def max_tokens(seconds: float, language: str) -> int:
    """Return how many tokens that much speech can have.

    Seven a second is fast English; scripts that Whisper spells letter by letter need far more.
    """
    per_second = 7.0 if language in _LATIN_SCRIPT else 30.0
    return min(220, int(seconds * per_second) + 12)


def distrust_reason(
    text: str, tokens: Sequence[int], avg_logprob: float, no_speech_prob: float, bound: int
) -> str:
    """Return why a result is not to be trusted, empty if it is."""
    if len(tokens) >= bound:
        return "too many tokens"
    if any(sum(1 for _ in run) >= MAX_REPEATS for _, run in groupby(tokens)):
        return "a token again and again"
    if compression_ratio(text) > MAX_COMPRESSION_RATIO:
        return "too repetitive"
    if is_repeated(text):
        return "the same twice"
    if avg_logprob < MIN_LOGPROB:
        return "improbable"
    if no_speech_prob > NO_SPEECH_THRESHOLD and avg_logprob < UNCERTAIN_LOGPROB:
        return "perhaps nobody speaks"
    return ""


def is_repeated(text: str) -> bool:
    """Whether a text says the same words twice and nothing else."""
    words = re.findall(r"\w+", text.lower())
    half, odd = divmod(len(words), 2)
    return half > 0 and not odd and words[:half] == words[half:]


def compression_ratio(text: str) -> float:
    """Return how much smaller zlib makes a text; high for one that repeats itself."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data))


class ShortWindow:
    """Encodes and decodes short audio on a loaded model."""

    def __init__(
        self,
        model: "WhisperModel",
        *,
        lead: float = LEADING_SECONDS,
        margin: float = TRAILING_SECONDS,
        least: float = MIN_ENCODED_SECONDS,
        spliced: int = DECODER_FRAMES,
    ) -> None:
        self._model = model
        self._leading = lead
        self._trailing = margin
        self._min_encoded = least
        self._decoder_frames = spliced
        self._silence = self._run_encoder(np.zeros(30 * _RATE, np.float32))
        """Encoder states of 30 s of silence, shape (1, 1500, width)."""

    def fits(self, seconds: float) -> bool:
        """Whether audio of that length is short enough."""
        return seconds <= MAX_AUDIO_SECONDS

    def can_extend(self, seconds: float) -> bool:
        """Whether `encode` hears that much audio with more silence behind it when asked again."""
        return (
            self._min_encoded < MIN_ENCODED_SECONDS_RETRY > self._leading + seconds + self._trailing
        )

    def encode(self, audio: Samples, *, again: bool = False) -> NDArray[Any]:
        """Return encoder states for 16 kHz mono audio with silence around it; at most 30 s.

        Shape (1, frames, width), on the host: there the silence is put behind.
        """
        lead = int(self._leading * _RATE)
        samples = lead + len(audio) + int(self._trailing * _RATE)
        samples = max(
            samples, int((MIN_ENCODED_SECONDS_RETRY if again else self._min_encoded) * _RATE)
        )
        frames = min(-(-samples // _FRAME_SAMPLES), self._silence.shape[1])
        padded = np.zeros(frames * _FRAME_SAMPLES, np.float32)
        kept = audio[: len(padded) - lead]
        padded[lead : lead + len(kept)] = kept
        states = self._run_encoder(padded)
        if frames < self._decoder_frames:
            states = np.concatenate(
                [states, self._silence[:, frames : self._decoder_frames]], axis=1
            )
        return states

    def detect(self, states: NDArray[Any], among: Sequence[str]) -> tuple[str, float]:
        """Return the most probable language, of `among` if given, and its probability."""
        found = [
            (token[2:-2], float(probability))
            for token, probability in self._model.model.detect_language(self._storage_view(states))[
                0
            ]
        ]
        if among:
            found = [(code, probability) for code, probability in found if code in among] or found
        return max(found, key=lambda item: item[1])

    def decode(self, many: Sequence[EncodedWindow]) -> list[DecodedWindow]:
        """Return the words in each, in order; what can be decoded in one call is."""
        starts = [self._prompt_tokens(one) for one in many]
        results: list[DecodedWindow | None] = [None] * len(many)
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, one in enumerate(many):
            # CTranslate2 wants the audio's beginning at the same place in all of a batch.
            key = (len(starts[index]), max(one.beam_size, MIN_BEAM_SIZE), one.states.shape[1])
            groups.setdefault(key, []).append(index)
        for (_, beam_size, _), indices in groups.items():
            together = [many[index] for index in indices]
            prompts = [starts[index] for index in indices]
            for index, decoded in zip(
                indices, self._generate(together, prompts, beam_size), strict=True
            ):
                results[index] = decoded
        return [decoded for decoded in results if decoded is not None]

    def _prompt_tokens(self, one: EncodedWindow) -> list[int]:
        """Return the tokens in front of the text."""
        prompt = self._model.get_prompt(
            one.tokenizer, list(one.prompt.tokens), without_timestamps=True
        )
        return [int(token) for token in prompt]

    def _generate(
        self, many: Sequence[EncodedWindow], starts: list[list[int]], beam_size: int
    ) -> list[DecodedWindow]:
        from faster_whisper.transcribe import get_suppressed_tokens

        results = self._model.model.generate(
            self._storage_view(np.concatenate([one.states for one in many])),
            starts,
            beam_size=beam_size,
            max_length=len(starts[0]) + max(one.max_tokens for one in many),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(many[0].tokenizer, [-1]),
        )
        return [_assess(one, result) for one, result in zip(many, results, strict=True)]

    def _storage_view(self, states: NDArray[Any]) -> "StorageView":
        import ctranslate2

        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(states))
        return view if view.dtype == self._type else view.to(self._type)

    def _run_encoder(self, audio: Samples) -> NDArray[Any]:
        """Run the encoder over whole frames of audio; returns (1, frames, width) on the host."""
        import ctranslate2

        features = self._model.feature_extractor(audio, padding=0)
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(features[np.newaxis]))
        states = self._model.model.encode(view, to_cpu=True)
        self._type = states.dtype
        if states.dtype == ctranslate2.DataType.bfloat16:
            states = states.to(ctranslate2.DataType.float32)  # numpy has no bfloat16
        return np.array(states)


def _assess(one: EncodedWindow, result: Any) -> DecodedWindow:
    """Turn what CTranslate2 generated into words, and judge them."""
    tokens = [token for token in result.sequences_ids[0] if token < one.tokenizer.eot]
    # CTranslate2 gives the mean over the tokens; Whisper counts the end of the text as one.
    logprob = float(result.scores[0]) * len(tokens) / (len(tokens) + 1)
    text = one.tokenizer.decode(tokens).strip()
    silence = float(result.no_speech_prob)
    why = distrust_reason(text, tokens, logprob, silence, one.max_tokens)
    if one.prompt.is_echo(text, logprob):
        why = PROMPT_ECHO
    return DecodedWindow(text, tuple(tokens), logprob, silence, why)


_LATIN_SCRIPT: Final = frozenset(
    re.findall(
        r"\w+",
        "af az br bs ca cs cy da de en es et eu fi fo fr gl ha haw hr ht hu id is it jw la lb ln lt"
        " lv mg mi ms mt nl nn no oc pl pt ro sk sl sn so sq su sv sw tk tl tr uz vi yo",
    )
)
"""Languages in Latin letters, of which a token is about a syllable."""
