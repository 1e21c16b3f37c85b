"""The number of threads is measured, and kept for the machine."""

import json
import os
from pathlib import Path

import pytest

from wyoming_servers.engines.whisper import thread_tuning
from wyoming_servers.engines.whisper.thread_tuning import (
    TuningResult,
    candidates,
    initial_threads,
    load_tuned_threads,
    save_tuned_threads,
    tune_threads,
    usable_cores,
)


class Bench:
    """A fake machine: a load takes a while, and each number of threads has its speed."""

    def __init__(self, speeds: dict[int, float], load: float) -> None:
        self.speeds = speeds
        self.load = load
        self.clock = 0.0
        self.attempts: list[int] = []

    def attempt(self, threads: int) -> float:
        self.clock += self.load if self.attempts else 0.0
        self.attempts.append(threads)
        self.clock += 3 * self.speeds[threads]
        return self.speeds[threads]

    def tune(self, initial: int, others: list[int]) -> TuningResult:
        return tune_threads(
            initial, others, self.attempt, reload_seconds=self.load, now=lambda: self.clock
        )


def test_fastest_number_is_chosen() -> None:
    bench = Bench({4: 0.05, 8: 0.06, 2: 0.03, 1: 0.06}, load=0.05)
    assert bench.tune(4, [8, 2, 1]) == (2, True)
    assert bench.attempts == [4, 8, 2, 1]


def test_threads_that_gain_little_are_not_used() -> None:
    assert Bench({2: 0.040, 1: 0.050}, load=0.05).tune(2, [1]) == (1, True)
    assert Bench({2: 0.030, 1: 0.050}, load=0.05).tune(2, [1]) == (2, True)
    assert Bench({4: 0.030, 2: 0.035, 1: 0.060}, load=0.05).tune(4, [2, 1]) == (2, True)


@pytest.mark.parametrize(
    ("cores", "threads", "utterances"), [(1, 1, 1), (2, 1, 2), (2, 2, 1), (4, 8, 1), (16, 2, 4)]
)
def test_worker_count_follows_from_cores_and_threads(
    cores: int, threads: int, utterances: int
) -> None:
    assert thread_tuning.worker_count(cores, threads) == utterances


def test_slow_model_is_not_loaded_again() -> None:
    bench = Bench({4: 0.05, 2: 0.01}, load=2.0)
    assert bench.tune(4, [2]) == (4, False)
    assert bench.attempts == [4]


def test_attempts_end_with_the_time_limit() -> None:
    bench = Bench({4: 0.2, 8: 0.4, 2: 0.01, 1: 0.01}, load=0.4)
    assert bench.tune(4, [8, 2, 1]) == (4, True)
    assert bench.attempts == [4, 8]
    assert bench.clock < 1.5 * thread_tuning.TUNING_SECONDS


@pytest.mark.parametrize(
    ("cores", "physical", "initial", "others"),
    [
        (1, 1, 1, []),
        (2, 2, 2, [1]),
        (2, None, 2, [1]),
        (2, 1, 2, [1]),
        (4, 4, 4, [2, 1]),
        (4, 2, 4, [2, 1]),
        (16, 8, 4, [8, 2, 1]),
    ],
)
def test_candidates_depend_on_the_cores(
    cores: int, physical: int | None, initial: int, others: list[int]
) -> None:
    assert initial_threads(cores) == initial
    assert candidates(cores, physical) == others


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> int:
    """A machine with eight cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    return 8


def test_container_quota_limits_cores(cores: int, tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == cores
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cores(tmp_path) == cores
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert usable_cores(tmp_path) == 3
    (tmp_path / "cpu.max").write_text("20000 100000\n")
    assert usable_cores(tmp_path) == 1


def test_container_quota_of_version_1_limits_cores(cores: int, tmp_path: Path) -> None:
    folder = tmp_path / "cpu"
    folder.mkdir()
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert usable_cores(tmp_path) == cores
    (folder / "cpu.cfs_quota_us").write_text("200000\n")
    assert usable_cores(tmp_path) == 2


def test_results_are_kept_for_each_number_format(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert load_tuned_threads(cache, "int8") is None
    save_tuned_threads(cache, "int8", 1)
    save_tuned_threads(cache, "float32", 2)
    assert load_tuned_threads(cache, "int8") == 1
    assert load_tuned_threads(cache, "float32") == 2
    save_tuned_threads(cache, "int8", 2)
    assert load_tuned_threads(cache, "int8") == 2
    assert [path.name for path in cache.iterdir()] == [thread_tuning.TUNING_FILE]


def test_results_of_another_machine_are_kept_but_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tuned_threads(tmp_path, "int8", 1)
    with monkeypatch.context() as patch:
        patch.setattr(thread_tuning.platform, "node", lambda: "another")
        assert load_tuned_threads(tmp_path, "int8") is None
        save_tuned_threads(tmp_path, "int8", 2)
    assert load_tuned_threads(tmp_path, "int8") == 1


def test_interrupted_write_keeps_the_old_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tuned_threads(tmp_path, "int8", 1)

    def fail(self: Path, target: Path) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        save_tuned_threads(tmp_path, "float32", 2)
    assert load_tuned_threads(tmp_path, "int8") == 1


def test_cache_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    save_tuned_threads(tmp_path / "file" / "cache", "int8", 1)
    assert load_tuned_threads(tmp_path / "file" / "cache", "int8") is None


@pytest.mark.parametrize("content", ["", "[]", "{", json.dumps({"x": 2})])
def test_damaged_file_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / thread_tuning.TUNING_FILE).write_text(content)
    assert load_tuned_threads(tmp_path, "int8") is None
    save_tuned_threads(tmp_path, "int8", 1)
    assert load_tuned_threads(tmp_path, "int8") == 1
