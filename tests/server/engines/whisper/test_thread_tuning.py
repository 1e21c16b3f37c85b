"""How the number of threads is found."""

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
    """A machine on which a load takes a while and each number of threads has its speed."""

    def __init__(self, speeds: dict[int, float], load: float) -> None:
        self.speeds = speeds
        self.load = load
        self.clock = 0.0
        self.tried: list[int] = []

    def attempt(self, threads: int) -> float:
        self.clock += self.load if self.tried else 0.0
        self.tried.append(threads)
        self.clock += 3 * self.speeds[threads]
        return self.speeds[threads]

    def choose(self, guess: int, others: list[int]) -> TuningResult:
        return tune_threads(
            guess, others, self.attempt, reload_seconds=self.load, now=lambda: self.clock
        )


def test_the_fastest_number_is_chosen() -> None:
    bench = Bench({4: 0.05, 8: 0.06, 2: 0.03, 1: 0.06}, load=0.05)
    assert bench.choose(4, [8, 2, 1]) == (2, True)
    assert bench.tried == [4, 8, 2, 1]


def test_threads_that_gain_little_are_left_to_another_utterance() -> None:
    assert Bench({2: 0.040, 1: 0.050}, load=0.05).choose(2, [1]) == (1, True)
    assert Bench({2: 0.030, 1: 0.050}, load=0.05).choose(2, [1]) == (2, True)
    assert Bench({4: 0.030, 2: 0.035, 1: 0.060}, load=0.05).choose(4, [2, 1]) == (2, True)


@pytest.mark.parametrize(
    ("cores", "threads", "utterances"), [(1, 1, 1), (2, 1, 2), (2, 2, 1), (4, 8, 1), (16, 2, 4)]
)
def test_cores_that_an_utterance_leaves_transcribe_others(
    cores: int, threads: int, utterances: int
) -> None:
    assert thread_tuning.worker_count(cores, threads) == utterances


def test_a_model_that_loads_slowly_is_not_loaded_again() -> None:
    bench = Bench({4: 0.05, 2: 0.01}, load=2.0)
    assert bench.choose(4, [2]) == (4, False)
    assert bench.tried == [4]


def test_no_more_is_tried_when_the_time_is_over() -> None:
    bench = Bench({4: 0.2, 8: 0.4, 2: 0.01, 1: 0.01}, load=0.4)
    assert bench.choose(4, [8, 2, 1]) == (4, True)
    assert bench.tried == [4, 8]
    assert bench.clock < 1.5 * thread_tuning.TUNING_SECONDS


@pytest.mark.parametrize(
    ("cores", "physical", "guess", "others"),
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
def test_what_is_tried_depends_on_the_cores(
    cores: int, physical: int | None, guess: int, others: list[int]
) -> None:
    assert initial_threads(cores) == guess
    assert candidates(cores, physical) == others


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> int:
    """A machine of eight."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    return 8


def test_the_quota_of_a_container_counts(cores: int, tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == cores
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cores(tmp_path) == cores
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert usable_cores(tmp_path) == 3
    (tmp_path / "cpu.max").write_text("20000 100000\n")
    assert usable_cores(tmp_path) == 1


def test_an_older_quota_counts_too(cores: int, tmp_path: Path) -> None:
    folder = tmp_path / "cpu"
    folder.mkdir()
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert usable_cores(tmp_path) == cores
    (folder / "cpu.cfs_quota_us").write_text("200000\n")
    assert usable_cores(tmp_path) == 2


def test_what_was_found_is_kept_beside_a_model_of_the_store(tmp_path: Path) -> None:
    save_tuned_threads(tmp_path, "int8", 1)
    assert load_tuned_threads(tmp_path, "int8") is None
    (tmp_path / "receipt.json").write_text("{}")
    save_tuned_threads(tmp_path, "int8", 1)
    assert load_tuned_threads(tmp_path, "int8") == 1
    assert load_tuned_threads(tmp_path, "float32") is None


def test_what_was_found_on_another_machine_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "receipt.json").write_text("{}")
    save_tuned_threads(tmp_path, "int8", 1)
    monkeypatch.setattr(thread_tuning.platform, "node", lambda: "another")
    assert load_tuned_threads(tmp_path, "int8") is None


@pytest.mark.parametrize("content", ["", "[]", "{", json.dumps({"x": 2})])
def test_a_file_that_makes_no_sense_is_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / thread_tuning.TUNING_FILE).write_text(content)
    assert load_tuned_threads(tmp_path, "int8") is None
