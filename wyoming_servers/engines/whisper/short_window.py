"""Whisper on as much audio as there is, instead of on windows of 30 seconds.

Whisper was trained on windows of 30 s, most of which is silence after a command. The encoder's work
grows with the window, so this one encodes the audio with a little silence around it, and appends
the encoder's output for silence, computed once: the decoder gets the input it was trained with.
Simply shortening the window makes one utterance in three end in endless repetition.

The decoder may still fail, so a result is trusted only if it looks like speech: not too many tokens
for its length, no token repeated, not too compressible, not improbable. What to do with a result
that is not trusted is decided by `decoder.FALLBACKS`.

Several utterances are decoded as one batch: a step of the decoder reads all its weights whether it
computes one token or eight. Encoding does not gain by it, so utterances are encoded one by one.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
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
"""Seconds of silence before the audio: without it, speech that begins at once loses a word."""

TRAILING_SECONDS: Final = 0.5
"""Seconds of silence encoded after the audio, so that the encoder recognizes the end of speech."""

MIN_ENCODED_SECONDS: Final = 4.0
MIN_ENCODED_SECONDS_RETRY: Final = 8.0
"""Minimum seconds encoded, in the first attempt and in a second one if the first is not trusted.
With little silence after it a short command is sometimes transcribed twice ("No. No."), which is
not trusted. More silence costs 11 ms of one core per second. Of 264 commands of 1 to 3 s, 10 are
not trusted with 4 s (18 with 3, 6 with 6), and 4 of these again with 8."""

DECODER_FRAMES: Final = 1500
"""Encoder frames (20 ms) that the decoder is given: as many as in training. With 750, decoding is a
third faster and has twice the errors."""

MAX_AUDIO_SECONDS: Final = 20.0
"""Maximum seconds of audio: above, a short window saves little and may fail."""

MIN_BEAM_SIZE: Final = 3
"""Minimum beam size of the decoder. With one beam a third more words are wrong (32 instead of 24 of
450 in spoken commands, 41 instead of 29 with noise at 10 dB). Three beams are as good as five, and
cost 15 ms more than one; five cost 25 ms."""

TOKEN_STEP: Final = 64
"""Decoding may be this many tokens longer than is trusted, so that utterances of different lengths
fit into one batch."""

MAX_POSITION: Final = 448
"""Whisper's context."""

MAX_COMPRESSION_RATIO: Final = 1.9
MIN_LOGPROB: Final = -0.75
MAX_REPEATS: Final = 3
"""Limits of trust, stricter than Whisper's own (2.4 and -1.0): decoding again costs less than an
error."""

CERTAIN_LOGPROB: Final = -0.5
"""A less probable result is decoded again in the whole window. Of 92 utterances with Whisper base,
clean, in noise, from afar and over a telephone, 8 were less probable, 4 of these in babble."""

UNCERTAIN_LOGPROB: Final = -0.4
"""Whisper transcribes noise as "you" with about -0.6, but with a high probability of no speech."""

NO_SPEECH_THRESHOLD: Final = 0.6
LOGPROB_THRESHOLD: Final = -1.0
"""A window is silent beyond both; OpenAI's values."""

_FRAME_SAMPLES: Final = 320
_RATE: Final = 16_000


class Distrust(StrEnum):
    """Why the result of a short window is not trusted."""

    NONE = ""
    TOO_MANY_TOKENS = "too many tokens"
    REPETITION = "a token is repeated"
    TOO_REPETITIVE = "too repetitive"
    SAID_TWICE = "the same words twice"
    IMPROBABLE = "improbable"
    PERHAPS_NO_SPEECH = "perhaps no speech"
    UNCERTAIN = "uncertain"
    PROMPT_ECHO = "the vocabulary instead of speech"


@dataclass(frozen=True, slots=True)
class DecodedWindow:
    """The decoder's result for a window."""

    text: str
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    distrust_reason: Distrust = Distrust.NONE

    @property
    def silent(self) -> bool:
        """Whether there is no speech by Whisper's own rule, whatever else is doubtful."""
        return self.no_speech_prob > NO_SPEECH_THRESHOLD and self.avg_logprob < LOGPROB_THRESHOLD


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """The decoder's input for an utterance."""

    states: NDArray[Any]
    """Encoder states, shape (1, frames, width)."""
    tokenizer: "Tokenizer"
    """For the language and task."""
    prompt: WhisperPrompt = NO_PROMPT
    beam_size: int = 1
    """At least `MIN_BEAM_SIZE` is used."""
    seconds: float = 0.0
    """Length of the audio."""

    @property
    def max_tokens(self) -> int:
        """Maximum number of tokens that is trusted."""
        return max_tokens(self.seconds, self.tokenizer.language_code)


def max_tokens(seconds: float, language: str) -> int:
    """Return how many tokens so many seconds of speech can have.

    Seven per second is fast English; scripts that Whisper encodes letter by letter need far more.
    """
    per_second = 7.0 if language in _LATIN_SCRIPT else 30.0
    return min(220, int(seconds * per_second) + 12)


def distrust_reason(
    text: str, tokens: Sequence[int], avg_logprob: float, no_speech_prob: float, limit: int
) -> Distrust:
    """Return why a result is not trusted."""
    if len(tokens) >= limit:
        return Distrust.TOO_MANY_TOKENS
    if any(sum(1 for _ in run) >= MAX_REPEATS for _, run in groupby(tokens)):
        return Distrust.REPETITION
    if compression_ratio(text) > MAX_COMPRESSION_RATIO:
        return Distrust.TOO_REPETITIVE
    if is_repeated(text):
        return Distrust.SAID_TWICE
    if avg_logprob < MIN_LOGPROB:
        return Distrust.IMPROBABLE
    if no_speech_prob > NO_SPEECH_THRESHOLD and avg_logprob < UNCERTAIN_LOGPROB:
        return Distrust.PERHAPS_NO_SPEECH
    if avg_logprob < CERTAIN_LOGPROB:
        return Distrust.UNCERTAIN
    return Distrust.NONE


def is_loop(text: str) -> bool:
    """Whether a text repeats itself as only a decoder does."""
    return is_repeated(text) or compression_ratio(text) > MAX_COMPRESSION_RATIO


def is_repeated(text: str) -> bool:
    """Whether a text is the same words twice and nothing else."""
    words = re.findall(r"\w+", text.lower())
    half, odd = divmod(len(words), 2)
    return half > 0 and not odd and words[:half] == words[half:]


def compression_ratio(text: str) -> float:
    """Return the compression ratio of a text; high for a repetitive one."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data))


class ShortWindow:
    """Encodes and decodes short audio with a loaded model."""

    def __init__(
        self,
        model: "WhisperModel",
        *,
        leading: float = LEADING_SECONDS,
        trailing: float = TRAILING_SECONDS,
        min_encoded: float = MIN_ENCODED_SECONDS,
        decoder_frames: int = DECODER_FRAMES,
    ) -> None:
        self._model = model
        self._leading = leading
        self._trailing = trailing
        self._min_encoded = min_encoded
        self._decoder_frames = decoder_frames
        self._silence = self._run_encoder(np.zeros(30 * _RATE, np.float32))
        """Encoder states of 30 s of silence, shape (1, 1500, width)."""

    def fits(self, seconds: float) -> bool:
        """Whether audio of that length is short enough."""
        return seconds <= MAX_AUDIO_SECONDS

    def can_extend(self, seconds: float) -> bool:
        """Whether `encode` adds more silence to so many seconds of audio in a second attempt."""
        return (
            self._min_encoded < MIN_ENCODED_SECONDS_RETRY > self._leading + seconds + self._trailing
        )

    def encode(self, audio: Samples, *, again: bool = False) -> NDArray[Any]:
        """Return encoder states for 16 kHz mono audio with silence around it; at most 30 s.

        `again` means a second attempt, with more silence. Shape (1, frames, width), on the host,
        where the states of silence are appended.
        """
        leading = int(self._leading * _RATE)
        samples = leading + len(audio) + int(self._trailing * _RATE)
        samples = max(
            samples, int((MIN_ENCODED_SECONDS_RETRY if again else self._min_encoded) * _RATE)
        )
        frames = min(-(-samples // _FRAME_SAMPLES), self._silence.shape[1])
        padded = np.zeros(frames * _FRAME_SAMPLES, np.float32)
        kept = audio[: len(padded) - leading]
        padded[leading : leading + len(kept)] = kept
        states = self._run_encoder(padded)
        if frames < self._decoder_frames:
            states = np.concatenate(
                [states, self._silence[:, frames : self._decoder_frames]], axis=1
            )
        return states

    def detect(self, states: NDArray[Any], candidates: Sequence[str]) -> tuple[str, float]:
        """Return the most probable language, of `candidates` if given, and its probability."""
        languages = [
            (token[2:-2], float(probability))
            for token, probability in self._model.model.detect_language(self._storage_view(states))[
                0
            ]
        ]
        if candidates:
            languages = [item for item in languages if item[0] in candidates] or languages
        return max(languages, key=lambda item: item[1])

    def decode(self, windows: Sequence[EncodedWindow]) -> list[DecodedWindow]:
        """Decode windows, in as few batches as possible; return the results in order."""
        prompts = [self._prompt_tokens(window) for window in windows]
        results: list[DecodedWindow | None] = [None] * len(windows)
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, window in enumerate(windows):
            # CTranslate2 needs the start of the transcript at the same position in a whole batch.
            # The longest transcript is the same, too: a result must not depend on the others.
            key = (
                len(prompts[index]),
                max(window.beam_size, MIN_BEAM_SIZE),
                window.states.shape[1],
                -(-window.max_tokens // TOKEN_STEP) * TOKEN_STEP,
            )
            groups.setdefault(key, []).append(index)
        for (_, beam_size, _, tokens), indices in groups.items():
            decoded = self._generate(
                [windows[index] for index in indices],
                [prompts[index] for index in indices],
                beam_size,
                tokens,
            )
            for index, result in zip(indices, decoded, strict=True):
                results[index] = result
        return [result for result in results if result is not None]

    def _prompt_tokens(self, window: EncodedWindow) -> list[int]:
        """Return the tokens in front of the transcript."""
        prompt = self._model.get_prompt(
            window.tokenizer, list(window.prompt.tokens), without_timestamps=True
        )
        return [int(token) for token in prompt]

    def _generate(
        self,
        windows: Sequence[EncodedWindow],
        prompts: list[list[int]],
        beam_size: int,
        tokens: int,
    ) -> list[DecodedWindow]:
        from faster_whisper.transcribe import get_suppressed_tokens

        results = self._model.model.generate(
            self._storage_view(np.concatenate([window.states for window in windows])),
            prompts,
            beam_size=beam_size,
            max_length=min(len(prompts[0]) + tokens, MAX_POSITION),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(windows[0].tokenizer, [-1]),
        )
        return [_assess(window, result) for window, result in zip(windows, results, strict=True)]

    def _storage_view(self, states: NDArray[Any]) -> "StorageView":
        import ctranslate2

        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(states))
        return view if view.dtype == self._type else view.to(self._type)

    def _run_encoder(self, audio: Samples) -> NDArray[Any]:
        """Run the encoder on whole frames of audio; return (1, frames, width) on the host."""
        import ctranslate2

        features = self._model.feature_extractor(audio, padding=0)
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(features[np.newaxis]))
        states = self._model.model.encode(view, to_cpu=True)
        self._type = states.dtype
        if states.dtype == ctranslate2.DataType.bfloat16:
            states = states.to(ctranslate2.DataType.float32)  # numpy has no bfloat16
        return np.array(states)


def _assess(window: EncodedWindow, result: Any) -> DecodedWindow:
    """Return the text that CTranslate2 generated, and whether it is trusted."""
    tokens = [token for token in result.sequences_ids[0] if token < window.tokenizer.eot]
    # CTranslate2 gives the mean over the tokens; Whisper counts the end of the text as window.
    logprob = float(result.scores[0]) * len(tokens) / (len(tokens) + 1)
    text = window.tokenizer.decode(tokens).strip()
    no_speech = float(result.no_speech_prob)
    reason = distrust_reason(text, tokens, logprob, no_speech, window.max_tokens)
    if window.prompt.is_echo(text, logprob):
        reason = Distrust.PROMPT_ECHO
    return DecodedWindow(text, tuple(tokens), logprob, no_speech, reason)


_LATIN_SCRIPT: Final = frozenset(
    re.findall(
        r"\w+",
        "af az br bs ca cs cy da de en es et eu fi fo fr gl ha haw hr ht hu id is it jw la lb ln lt"
        " lv mg mi ms mt nl nn no oc pl pt ro sk sl sn so sq su sv sw tk tl tr uz vi yo",
    )
)
"""Languages in Latin script, in which a token is about a syllable."""
