"""The streaming features compared with the library's, on recorded speech."""

from collections.abc import Callable

import numpy as np
import pytest

from wyoming_servers.engines.wake.feature_selection import (
    StreamingFeatures,
    library_graph,
    max_difference,
)
from wyoming_servers.engines.wake.features import (
    EMBEDDING,
    STEP,
    FloatArray,
)
from wyoming_servers.engines.wake.reference import ReferenceFeatures

pytestmark = pytest.mark.component

Recorded = Callable[[str], bytes]


@pytest.fixture(scope="module")
def streaming() -> StreamingFeatures:
    return StreamingFeatures(library_graph())


def _floats(pcm: bytes) -> FloatArray:
    return np.frombuffer(pcm, "<i2").astype(np.float32)


@pytest.mark.parametrize("name", ["cards_003", "goforward", "digits_2934z"])
def test_embeddings_equal_those_of_the_library(
    streaming: StreamingFeatures, recorded: Recorded, name: str
) -> None:
    # Numbers of an embedding reach 80, a float32 there is exact to 0.000008.
    assert max_difference(streaming, ReferenceFeatures(), _floats(recorded(name))) < 0.001


def test_streams_in_a_batch_are_independent(
    streaming: StreamingFeatures, recorded: Recorded
) -> None:
    audios = [_floats(recorded(name))[: 8 * STEP] for name in ("cards_001", "goforward")]
    audios.append(np.zeros(8 * STEP, np.float32))

    def embeddings(audios: list[FloatArray]) -> FloatArray:
        states = [streaming.open() for _ in audios]
        steps = np.stack(audios).reshape(len(audios), -1, STEP).swapaxes(0, 1)
        return np.stack([streaming.step(states, step) for step in steps], axis=1)

    alone = np.concatenate([embeddings([audio]) for audio in audios])
    assert np.abs(embeddings(audios) - alone).max() < 0.001
    assert alone.shape == (3, 8, EMBEDDING)
    assert np.abs(alone[0] - alone[1]).max() > 1


def test_new_stream_starts_after_silence(streaming: StreamingFeatures) -> None:
    state = streaming.open()
    for _ in range(3):
        (embedding,) = streaming.step([state], np.zeros((1, STEP), np.float32))
        assert np.abs(embedding - streaming.silence()).max() < 0.001


def test_new_stream_does_not_depend_on_others(
    streaming: StreamingFeatures, recorded: Recorded
) -> None:
    loud = _floats(recorded("goforward"))[np.newaxis, STEP : 2 * STEP]
    first = streaming.step([streaming.open()], loud)
    streaming.step([streaming.open()], -loud)
    assert np.array_equal(streaming.step([streaming.open()], loud), first)
