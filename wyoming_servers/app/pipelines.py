"""Wires the use cases: hearing, speaking, wake words, and what they remember."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from wyoming_servers.app.context import AppContext
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.data_dir.wake_word_files import wake_words_folder
from wyoming_servers.models.manager import ExplainMissing
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.speech.asr.pipeline import AsrPipeline
from wyoming_servers.speech.prefetch import Prefetcher
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.speech.wake.custom_words import CustomWakeWords
from wyoming_servers.speech.wake.pipeline import WakePipeline
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.vocabulary import VOCABULARY_FILE as VOCABULARY
from wyoming_servers.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Pipelines:
    """The use cases, ready for both edges."""

    asr: AsrPipeline
    tts: TtsPipeline
    wake: WakePipeline
    own_words: CustomWakeWords
    vocabulary: Vocabulary


async def open_pipelines(
    ground: AppContext,
    coordinator: Coordinator,
    specs: Mapping[str, ModelSpec],
    explain_missing: ExplainMissing,
) -> Pipelines:
    """Make the pipelines and begin the background work they need."""
    config, bus, clock = ground.config, ground.bus, ground.clock
    vocabulary = Vocabulary(config.data_dir / VOCABULARY)
    await vocabulary.load()
    asr = AsrPipeline(
        coordinator,
        specs,
        ground.config_holder,
        bus,
        clock,
        vocabulary=vocabulary,
        explain_missing=explain_missing,
    )
    phrases = _phrase_cache(config)
    if phrases is not None:
        ground.spawn(phrases.run, "phrase cache")
    lexicon = Lexicon(config.data_dir / "lexicon.yaml")
    await lexicon.refresh()
    ground.spawn(lambda: lexicon.run(clock), "lexicon")
    tts = TtsPipeline(
        coordinator, specs, config, bus, clock, phrases, lexicon, explain_missing=explain_missing
    )
    own_words = await asyncio.to_thread(
        CustomWakeWords, wake_words_folder(config.data_dir, config.wake.models_dir)
    )
    wake = WakePipeline(
        coordinator,
        specs,
        ground.config_holder,
        bus,
        clock,
        own_words,
        explain_missing=explain_missing,
    )
    ground.spawn(Prefetcher(coordinator, tts.voices, ground.config_holder, bus).run, "prefetch")
    return Pipelines(asr, tts, wake, own_words, vocabulary)


def _phrase_cache(config: Config) -> PhraseCache | None:
    cache = config.tts.phrase_cache
    if not cache.enabled:
        return None
    return PhraseCache(config.data_dir / "cache" / "phrases", memory=cache.memory, disk=cache.disk)
