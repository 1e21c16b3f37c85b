"""Recordings and synthetic sounds, 16 kHz, 16 bit, mono."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wyoming_servers.audio import wav

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="session")
def recordings() -> dict[str, bytes]:
    """Every recording of `tests/data`; read before the event loop of a test runs."""
    return {path.stem: wav.read(path).speech() for path in DATA.glob("*.wav")}


@pytest.fixture
def clip(recordings: dict[str, bytes]) -> Callable[[str], bytes]:
    """Return a recording by its name."""
    return recordings.__getitem__


@pytest.fixture
def noise() -> Callable[..., bytes]:
    """Make white noise: `seconds`, level in dBFS."""

    def make(seconds: float, level: float = -30.0) -> bytes:
        loud = 32_768 * 10 ** (level / 20)
        samples = np.random.default_rng(7).normal(0, loud, int(seconds * 16_000))
        return bytes(np.clip(samples, -32_768, 32_767).astype("<i2").tobytes())

    return make


@pytest.fixture
def tone() -> Callable[..., bytes]:
    """Make a beeping alarm: half a second on, half a second off."""

    def make(seconds: float, hertz: float = 1_000.0) -> bytes:
        time = np.arange(int(seconds * 16_000)) / 16_000
        samples = 12_000 * np.sin(2 * np.pi * hertz * time) * (time % 1.0 < 0.5)
        return bytes(samples.astype("<i2").tobytes())

    return make
