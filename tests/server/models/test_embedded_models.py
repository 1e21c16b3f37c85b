"""Models in Python packages that are installed in this environment."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.config.schema import Config
from wyoming_servers.models.specs import (
    model_specs,
    served_models,
)
from wyoming_servers.models.store import ModelStore

pytestmark = pytest.mark.component

EMBEDDED = {
    "whisper/tiny.en",
    "whisper/base",
    "piper/en_US-joe-medium",
    "smart-turn",
    "speaker/voicefilter",
    "openwakeword",
    "microwakeword",
}


async def test_default_models_need_no_network(tmp_path: Path) -> None:
    store = await ModelStore.open(tmp_path, offline=True)
    assert set(await store.embedded_models()) == EMBEDDED
    assert set(served_models(Config(), store.catalog).values()) <= EMBEDDED
    for model in EMBEDDED:
        await store.ensure(model)
        assert (await store.verify(model)).ok
    specs = await asyncio.to_thread(model_specs, Config(data_dir=tmp_path), store)
    assert set(specs) == EMBEDDED
    tiny, base = (Path(specs[f"whisper/{size}"].files["directory"]) for size in ("tiny.en", "base"))
    assert not tiny.is_relative_to(tmp_path)
    assert (base / "model.bin").stat().st_size == 145_217_532
    sizes = await store.sizes()
    assert sizes["whisper/base"] > 145_000_000
    prepared = {"whisper/base", "piper/en_US-joe-medium", "openwakeword"}
    assert sum(size for model, size in sizes.items() if model not in prepared) < 10_000
    # The voice that is used in place was split into files of its own.
    cache = Path(specs["piper/en_US-joe-medium"].files["cache_dir"])
    assert await asyncio.to_thread(_count, cache, "voice-*.onnx") == 3


def _count(folder: Path, pattern: str) -> int:
    return len(list(folder.glob(pattern)))
