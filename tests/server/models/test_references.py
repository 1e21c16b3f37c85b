"""References: kept over a restart, bounded, and resolved to models."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import CapacityError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import RequestFinished
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.references import (
    MAX_OWNERS,
    Reference,
    References,
    configured_uses,
    is_references_file,
    read_references,
    referenced_uses,
    unknown_names,
)

DAY = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "references.json"


async def test_references_and_requests_survive_a_restart(path: Path, clock: FakeClock) -> None:
    bus = EventBus()
    references = await References.open(path, bus, clock)
    wanted = Reference(
        *("ha", ("whisper/base",), ("af_heart@slow",), ("okay_nabu",)), announce_wyoming=False
    )
    declared = await references.declare(wanted, DAY)
    task = asyncio.create_task(references.run())
    await asyncio.sleep(0)
    bus.publish(RequestFinished(kind="asr", model="whisper/tiny", client="", seconds=1.0))
    bus.publish(RequestFinished(kind="asr", model="failed", client="", seconds=1.0, code="BUSY"))
    async with asyncio.timeout(5):
        while not references.last_used("whisper/tiny"):  # noqa: ASYNC110  (no event says so)
            await asyncio.sleep(0.01)
    task.cancel()
    await references.withdraw("nobody")
    again = await References.open(path, bus, clock)
    assert again.all() == [declared]
    assert again.replaces_wyoming()
    assert again.last_used("whisper/tiny") == clock.wall()
    assert again.last_used("failed") == 0
    content = await asyncio.to_thread(path.read_bytes)
    assert is_references_file(content)
    assert not is_references_file(content[:-5])
    assert await asyncio.to_thread(read_references, path, clock.wall() + DAY) == []


async def test_damaged_file_counts_as_empty(path: Path, clock: FakeClock) -> None:
    await asyncio.to_thread(path.write_text, '{"format": 1, "references": [{}]}')
    assert (await References.open(path, EventBus(), clock)).all() == []


async def test_number_of_owners_is_bounded(path: Path, clock: FakeClock) -> None:
    references = References(path, EventBus(), clock)
    for number in range(MAX_OWNERS):
        await references.declare(Reference(f"client-{number}"), DAY)
    with pytest.raises(CapacityError):
        await references.declare(Reference("one more"), DAY)
    await references.declare(Reference("client-0"), 2 * DAY)
    await clock.advance(DAY + 1)
    assert [item.owner for item in references.all()] == ["client-0"]
    await references.declare(Reference("one more"), DAY)


def test_names_lead_to_every_model_that_has_them() -> None:
    catalog = builtin_catalog()
    reference = Reference("ha", (), ("am_adam*0.3+af_heart@slow", "de_DE-thorsten-medium"), ("x",))
    found = {entry.id for entry in catalog if referenced_uses([reference], entry)}
    assert found == {"kokoro/onnx", "kokoro/torch", "piper/de_DE-thorsten-medium"}
    assert unknown_names(reference, list(catalog)) == ["x"]


def test_settings_name_models_voices_and_wake_words() -> None:
    config = Config.model_validate(
        {
            "asr": {"model": "whisper/tiny.en", "extra_ports": {"whisper/small": 0}},
            "tts": {"voice": "en_US-joe-medium", "presets": ["af_heart@slow"]},
            "wake": {"words": ["hey_rhasspy"]},
            "preload": ["whisper/base.en"],
            "models": {"whisper/medium": {"pinned": True}, "whisper/large-v3": {}},
        }
    )
    found = {
        entry.id: [use.detail for use in uses]
        for entry in builtin_catalog()
        if (uses := configured_uses(config, entry))
    }
    assert found == {
        "kokoro/onnx": ["tts.presets has af_heart@slow"],
        "kokoro/torch": ["tts.presets has af_heart@slow"],
        "piper/en_US-joe-medium": ["tts.voice is en_US-joe-medium"],
        "openwakeword": ["wake.words has hey_rhasspy"],
        "speaker/voicefilter": ["speakers.model is speaker/voicefilter"],
        "whisper/tiny.en": ["asr.model is whisper/tiny.en"],
        "whisper/small": ["asr.extra_ports has whisper/small"],
        "whisper/base.en": ["preload has whisper/base.en"],
        "whisper/medium": ["models.whisper/medium.pinned is true"],
    }
