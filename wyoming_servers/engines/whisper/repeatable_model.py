"""Whisper without randomness: equal audio has an equal transcript, whatever was decoded before.

The library decodes a window that is repetitive or improbable again at higher temperatures, which
draws random numbers. Its generator belongs to a thread and cannot be seeded again, so that such a
result depended on the requests before. Here the second attempt forbids repetitions instead.

Imports the library: import it only to load a model.
"""

from dataclasses import replace
from typing import Any, Final

from faster_whisper import WhisperModel

RETRY_BEAM_SIZE: Final = 5
NO_REPEAT_TOKENS: Final = 3
"""In the second attempt no sequence of so many tokens occurs twice."""


class RepeatableWhisperModel(WhisperModel):  # type: ignore[misc]
    """The library's model with a second attempt of its own."""

    def generate_with_fallback(
        self, encoder_output: Any, prompt: list[int], tokenizer: Any, options: Any
    ) -> tuple[Any, float, float, float]:
        """Decode one window; return (result, mean log-probability, 0.0, compression ratio).

        1. The first result, if it is probable and not repetitive, or if there is no speech.
        2. The better one of the first and of a second result without repetitions: one that is not
           repetitive, then the more probable one.
        """
        calm = replace(options, temperatures=[0.0])
        first = self._generate(encoder_output, prompt, tokenizer, calm)
        result, logprob, _, compression = first
        repetitive = compression > options.compression_ratio_threshold
        improbable = logprob < options.log_prob_threshold
        silent = improbable and result.no_speech_prob > options.no_speech_threshold
        if silent or not (repetitive or improbable):  # 1
            return first
        varied = replace(
            calm,
            beam_size=max(calm.beam_size, RETRY_BEAM_SIZE),
            no_repeat_ngram_size=NO_REPEAT_TOKENS,
        )
        second = self._generate(encoder_output, prompt, tokenizer, varied)
        limit = options.compression_ratio_threshold
        return max(first, second, key=lambda attempt: (attempt[3] <= limit, attempt[1]))  # 2

    def _generate(
        self, encoder_output: Any, prompt: list[int], tokenizer: Any, options: Any
    ) -> tuple[Any, float, float, float]:
        found = super().generate_with_fallback(encoder_output, prompt, tokenizer, options)
        result, logprob, temperature, compression = found
        return result, float(logprob), float(temperature), float(compression)
