"""Builds the speech pipelines and their background tasks."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from wyoming_servers.app.context import AppContext
from wyoming_servers.audio.vad import load_weights
from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.data_dir.wake_word_files import wake_words_folder
from wyoming_servers.models.manager import ExplainMissing
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.speech.asr.pipeline import AsrPipeline
from wyoming_servers.speech.prefetch import Prefetcher
from wyoming_servers.speech.speaker.recognizer import SpeakerRecognizer
from wyoming_servers.speech.speaker.store import SPEAKERS_FILE, SpeakerStore, is_speakers_file
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.speech.wake.pipeline import WakePipeline
from wyoming_servers.speech.wake.registry import CustomWakeWords
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.vocabulary import VOCABULARY_FILE, Vocabulary, is_vocabulary


@dataclass(frozen=True, slots=True)
class Pipelines:
    """The pipelines of the three tasks, used by both edges."""

    asr: AsrPipeline
    tts: TtsPipeline
    wake: WakePipeline
    custom_words: CustomWakeWords
    vocabulary: Vocabulary
    speakers: SpeakerRecognizer


async def open_pipelines(
    context: AppContext,
    coordinator: Coordinator,
    specs: Mapping[str, ModelSpec],
    explain_missing: ExplainMissing,
) -> Pipelines:
    """Create the pipelines and start their background tasks."""
    config, bus, clock = context.config, context.bus, context.clock
    vocabulary = Vocabulary(config.data_dir / VOCABULARY_FILE)
    with suppress(OSError):  # `load` logs it
        await context.damaged.check(
            config.data_dir / VOCABULARY_FILE,
            is_vocabulary,
            "Its names and terms cannot be read; Home Assistant sends them again.",
        )
    await vocabulary.load()
    if config.asr.enabled:
        await asyncio.to_thread(load_weights)
    asr = AsrPipeline(
        coordinator,
        specs,
        context.config_holder,
        bus,
        clock,
        vocabulary=vocabulary,
        explain_missing=explain_missing,
        loop_time=context.loop_time,
    )
    cache = config.tts.phrase_cache
    folder = config.data_dir / "cache" / "phrases"
    phrases = PhraseCache(
        folder,
        memory=cache.memory,
        disk=cache.disk,
        compression=cache.compression,
        min_free=lambda: context.config_holder.current.limits.min_free_disk,
    )
    context.spawn(phrases.run, "phrase cache")
    lexicon = Lexicon(config.data_dir / "lexicon.yaml")
    await lexicon.refresh()
    context.spawn(lambda: lexicon.run(clock), "lexicon")
    tts = TtsPipeline(
        coordinator,
        specs,
        context.config_holder,
        bus,
        clock,
        phrases,
        lexicon,
        explain_missing=explain_missing,
    )
    custom_words = await asyncio.to_thread(
        CustomWakeWords, wake_words_folder(config.data_dir, config.wake.models_dir)
    )
    wake = WakePipeline(
        coordinator,
        specs,
        context.config_holder,
        bus,
        clock,
        custom_words,
        explain_missing=explain_missing,
        loop_time=context.loop_time,
    )
    speakers = await _open_speakers(context, coordinator, specs)
    asr.recognize_speakers(speakers)
    wake.recognize_speakers(speakers)
    context.spawn(
        Prefetcher(coordinator, tts.voices, context.config_holder, bus, speakers).run, "prefetch"
    )
    return Pipelines(asr, tts, wake, custom_words, vocabulary, speakers)


async def _open_speakers(
    context: AppContext, coordinator: Coordinator, specs: Mapping[str, ModelSpec]
) -> SpeakerRecognizer:
    path = context.config.data_dir / SPEAKERS_FILE
    with suppress(OSError):  # `open` logs it
        await context.damaged.check(
            path, is_speakers_file, "Its speakers cannot be read; enroll them again."
        )
    store = await SpeakerStore.open(path, context.bus, context.clock)
    return SpeakerRecognizer(
        store, coordinator, specs, context.config_holder, context.bus, context.clock
    )
