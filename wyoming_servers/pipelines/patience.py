"""How long to wait for more speech: by what is asked for, and by the words so far."""

import math
from typing import Final

from wyoming_servers.audio.endpoint import TurnSettings
from wyoming_servers.config.schema import AsrSection
from wyoming_servers.pipelines.transcription import AsrRequest, Hypothesis
from wyoming_servers.text.completeness import Completeness, assess_completeness

CONFIDENT_LOGPROB: Final = -0.3
"""Mean log-probability from which a complete sentence is believed to be all. Whisper base gives
whole commands -0.06 to -0.29. Of 43 that were cut off behind a word, it made 13 look complete, by
a full stop of its own, but 11 of these below -0.3."""


def end_silence(heard: Hypothesis, settings: TurnSettings) -> float:
    """Return the seconds of silence that end a turn after what was heard.

    1. Nothing was said, only a cough or a door: the speaker is still to begin.
    2. The text is broken: more must follow.
    3. It is complete, and the model is sure of it.
    4. All else.
    """
    if not heard.text:  # 1
        return settings.end_silence_incomplete
    completeness = assess_completeness(heard.text, heard.language)
    if completeness is Completeness.INCOMPLETE:  # 2
        return settings.end_silence_incomplete
    sure = heard.logprob is not None and heard.logprob >= CONFIDENT_LOGPROB
    if completeness is Completeness.COMPLETE and sure:  # 3
        return settings.end_silence_complete
    return settings.end_silence  # 4


def turn_settings(asr: AsrSection, request: AsrRequest) -> TurnSettings:
    """Return when a turn ends by itself: never, where the client is to end it."""
    wanted = asr.turn_detection if request.turn_detection is None else request.turn_detection
    if not wanted:
        # The client ends it; only the longest utterance is ours to bound.
        return TurnSettings(
            end_silence=math.inf,
            end_silence_complete=math.inf,
            end_silence_incomplete=math.inf,
            no_speech_timeout=math.inf,
            max_utterance=asr.max_utterance,
        )
    return TurnSettings(
        end_silence=asr.silence,
        end_silence_complete=min(asr.silence_min, asr.silence),
        end_silence_incomplete=max(asr.silence_max, asr.silence),
        no_speech_timeout=asr.no_speech_timeout,
        max_utterance=asr.max_utterance,
    ).for_sensitivity(request.vad_sensitivity)
