"""Chunks of a text are computed once, by any thread, and yielded in order."""

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
    """A fake `ChunkRunner`: the value of each output point is its position."""

    def __init__(self, input_name: str, upsampling: int, context: int) -> None:
        self.input_name, self.upsampling, self.context = input_name, upsampling, context
        self.computed: list[tuple[int, int]] = []
        self.before_run: Callable[[], None] = lambda: None

    def run(self, values: Mapping[str, Any], begin: int, end: int) -> Any:
        self.before_run()
        row = values[self.input_name][0, 0]
        context = row[max(0, begin - self.context) : end + self.context]
        # Features that are not computed yet are NaN, and must not be used as context.
        assert not np.isnan(context).any()
        self.computed.append((begin, end))
        return np.repeat(row[begin:end], self.upsampling)[None, None].astype(np.float32)


class Text:
    """A synthesis of numbered frames, with runners that record their calls."""

    def __init__(self, plan: ChunkPlan, submit: Submit | None = None) -> None:
        self.frames = Runner("z", FACTOR, 3)
        self.samples = Runner("h", HOP, 8)
        values = {"z": np.arange(FRAMES, dtype=np.float32)[None, None]}
        self.synthesis = ChunkedSynthesis(
            self.frames,  # type: ignore[arg-type]
            self.samples,  # type: ignore[arg-type]
            values,
            plan,
            ThroughputEstimate(),
            lambda: submit,
        )


def plan(threads: int) -> ChunkPlan:
    return plan_chunks(
        FRAMES,
        ChunkGeometry(frame_seconds=0.01, samples_context=2, features_context=3),
        threads,
        ThroughputEstimate(),
    )


def expected() -> Any:
    return np.repeat(np.arange(FRAMES, dtype=np.float32), FACTOR * HOP)


def test_single_thread_computes_chunks_in_order() -> None:
    text = Text(plan(1))
    np.testing.assert_array_equal(np.concatenate(list(text.synthesis)), expected())
    assert text.samples.computed == sorted(text.samples.computed)


def test_first_samples_need_the_first_features_only() -> None:
    text = Text(plan(1))
    next(iter(text.synthesis))
    assert len(text.frames.computed) == 1
    assert len(text.samples.computed) == 1


@pytest.mark.parametrize("threads", [2, 3])
def test_several_threads_compute_each_chunk_once(threads: int) -> None:
    with ThreadPoolExecutor(threads - 1) as pool:
        for _ in range(30):
            text = Text(plan(threads), pool.submit)
            np.testing.assert_array_equal(np.concatenate(list(text.synthesis)), expected())
            assert len(text.samples.computed) == len(set(text.samples.computed))
            assert len(text.frames.computed) == len(set(text.frames.computed))


def test_helpers_that_never_run_are_not_waited_for() -> None:
    text = Text(plan(2), lambda work: None)
    np.testing.assert_array_equal(np.concatenate(list(text.synthesis)), expected())


def test_failure_in_helper_thread_fails_the_synthesis() -> None:
    with ThreadPoolExecutor(1) as pool:
        text = Text(plan(2), pool.submit)
        main = threading.get_ident()

        def fail() -> None:
            if threading.get_ident() != main:
                raise MemoryError("none left")

        text.frames.before_run = fail
        with pytest.raises(MemoryError, match="none left"):
            list(text.synthesis)


def test_closed_synthesis_starts_no_more_work() -> None:
    submitted: list[Callable[[], object]] = []
    text = Text(plan(2), submitted.append)
    chunks = iter(text.synthesis)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    computed = len(text.frames.computed), len(text.samples.computed)
    for work in submitted:
        work()
    assert (len(text.frames.computed), len(text.samples.computed)) == computed


def test_once_task_runs_once() -> None:
    computed: list[int] = []
    task = OnceTask(lambda: computed.append(1))
    assert task.run_if_unclaimed()
    assert not task.run_if_unclaimed()
    task.result()
    assert computed == [1]


def test_result_runs_another_task_while_it_waits() -> None:
    started, go = threading.Event(), threading.Event()

    def slow() -> str:
        started.set()
        assert go.wait(10)
        return "slow"

    task = OnceTask(slow)
    other = OnceTask(go.set)
    thread = threading.Thread(target=task.run_if_unclaimed)
    thread.start()
    assert started.wait(10)
    assert task.result([other]) == "slow"
    thread.join()
