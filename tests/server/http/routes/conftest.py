"""An API with a model store, a phrase cache, a lexicon and a vocabulary."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from wyoming_servers.http.app import create_app
from wyoming_servers.http.context import ApiContext
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.text.lexicon import Lexicon


@pytest.fixture
def phrases(tmp_path: Path) -> PhraseCache:
    return PhraseCache(tmp_path / "phrases", memory=1 << 20, disk=1 << 20)


@pytest.fixture
def lexicon(tmp_path: Path) -> Lexicon:
    return Lexicon(tmp_path / "lexicon.yaml")


@pytest.fixture
def tts(context: ApiContext, phrases: PhraseCache, lexicon: Lexicon) -> TtsPipeline:
    return TtsPipeline(
        context.coordinator, context.specs, context.config_holder, context.bus, context.clock,
        phrases, lexicon,
    )  # fmt: skip


@pytest.fixture
def app_with(context: ApiContext) -> Callable[..., FastAPI]:
    """Create the application again with other services."""

    def make(**parts: Any) -> FastAPI:
        for name, part in parts.items():
            object.__setattr__(context, name, part)
        return create_app(context)

    return make
