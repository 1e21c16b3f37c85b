"""Stretches of a text are made by whoever comes first, and heard in order."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from wyoming_servers.engines.piper.streaming import (
    ChunkedSynthesis,
    ChunkGeometry,
    ChunkPlan,
    OnceTask,
    Submit,
    ThroughputEstimate,
    plan_chunks,
)

FACTOR = 4
HOP = 2
FRAMES = 700


class Runner:
    """Counts upwards as a stretch would: each point says where it is."""

    def __init__(self, given: str, factor: int, margin: int) -> None:
        self.input_name, self.upsampling, self.context = given, factor, margin
        self.made: list[tuple[int, int]] = []
        self.gate: Callable[[], None] = lambda: None

    def run(self, values: Mapping[str, Any], begin: int, end: int) -> Any:
        self.gate()
        row = values[self.input_name][0, 0]
        around = row[max(0, begin - self.context) : end + self.context]
        # What was not made yet is not a number, and may be no neighbour.
        assert not np.isnan(around).any()
        self.made.append((begin, end))
        return np.repeat(row[begin:end], self.upsampling)[None, None].astype(np.float32)


class Text:
    """A stream of numbered frames, with runners that note what they make."""

    def __init__(self, how: ChunkPlan, help_: Submit | None = None) -> None:
        self.frames = Runner("z", FACTOR, 3)
        self.samples = Runner("h", HOP, 8)
        values = {"z": np.arange(FRAMES, dtype=np.float32)[None, None]}
        self.stream = ChunkedSynthesis(
            self.frames,  # type: ignore[arg-type]
            self.samples,  # type: ignore[arg-type]
            values,
            how,
            ThroughputEstimate(),
            lambda: help_,
        )


def cut(threads: int) -> ChunkPlan:
    return plan_chunks(
        FRAMES,
        ChunkGeometry(frame_seconds=0.01, samples_context=2, features_context=3),
        threads,
        ThroughputEstimate(),
    )


def expected() -> Any:
    return np.repeat(np.arange(FRAMES, dtype=np.float32), FACTOR * HOP)


def test_one_thread_makes_all_in_order() -> None:
    text = Text(cut(1))
    np.testing.assert_array_equal(np.concatenate(list(text.stream)), expected())
    assert text.samples.made == sorted(text.samples.made)


def test_the_first_sound_is_there_before_the_other_features() -> None:
    text = Text(cut(1))
    next(iter(text.stream))
    assert len(text.frames.made) == 1
    assert len(text.samples.made) == 1


@pytest.mark.parametrize("threads", [2, 3])
def test_several_threads_make_the_same(threads: int) -> None:
    with ThreadPoolExecutor(threads - 1) as pool:
        for _ in range(30):
            text = Text(cut(threads), pool.submit)
            np.testing.assert_array_equal(np.concatenate(list(text.stream)), expected())
            assert len(text.samples.made) == len(set(text.samples.made))
            assert len(text.frames.made) == len(set(text.frames.made))


def test_helpers_that_never_come_are_not_waited_for() -> None:
    text = Text(cut(2), lambda work: None)
    np.testing.assert_array_equal(np.concatenate(list(text.stream)), expected())


def test_what_fails_in_another_thread_fails_the_text() -> None:
    with ThreadPoolExecutor(1) as pool:
        text = Text(cut(2), pool.submit)
        main = threading.get_ident()

        def fail() -> None:
            if threading.get_ident() != main:
                raise MemoryError("none left")

        text.frames.gate = fail
        with pytest.raises(MemoryError, match="none left"):
            list(text.stream)


def test_nothing_is_begun_for_a_text_that_was_left() -> None:
    offered: list[Callable[[], object]] = []
    text = Text(cut(2), offered.append)
    sounds = iter(text.stream)
    next(sounds)
    sounds.close()  # type: ignore[attr-defined]
    made = len(text.frames.made), len(text.samples.made)
    for work in offered:
        work()
    assert (len(text.frames.made), len(text.samples.made)) == made


def test_a_task_is_made_once() -> None:
    made: list[int] = []
    task = OnceTask(lambda: made.append(1))
    assert task.run_if_unclaimed()
    assert not task.run_if_unclaimed()
    task.result()
    assert made == [1]


def test_while_another_thread_is_at_it_something_else_is_made() -> None:
    begun, go = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go.wait(10)
        return "slow"

    task = OnceTask(slow)
    other = OnceTask(go.set)
    thread = threading.Thread(target=task.run_if_unclaimed)
    thread.start()
    assert begun.wait(10)
    assert task.result([other]) == "slow"
    thread.join()
