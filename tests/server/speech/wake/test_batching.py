"""When audio is due, and which chunks are joined."""

from wyoming_servers.speech.wake.stream import (
    MAX_CLOCK_DRIFT_MS,
    ChunkBatcher,
)

TEN_MS = bytes(320)


def fill(batcher: ChunkBatcher, chunks: int, start: int = 0) -> list[bool]:
    due = []
    for number in range(chunks):
        batcher.add(TEN_MS, start + 10 * number)
        due.append(batcher.is_due)
    return due


def test_batcher_is_due_when_the_audio_completes_a_step() -> None:
    batcher = ChunkBatcher()
    batcher.start_run(lead=400, step=480)  # 25 ms, then every 30 ms
    assert fill(batcher, 3) == [False, False, True]
    assert batcher.take() == (TEN_MS * 3, 0)
    assert fill(batcher, 3, 30) == [False, False, True]
    assert batcher.take() == (TEN_MS * 3, 30)
    assert batcher.sent_samples == 960
    assert not batcher.is_due
    assert fill(batcher, 2, 60) == [False, False]


def test_batcher_first_step_may_be_longer() -> None:
    batcher = ChunkBatcher()
    batcher.start_run(lead=800, step=480)  # 50 ms, then every 30 ms
    assert fill(batcher, 5) == [False, False, False, False, True]


def test_batcher_counts_from_zero_in_a_new_run() -> None:
    batcher = ChunkBatcher()
    batcher.start_run(lead=640, step=640)
    fill(batcher, 5)
    batcher.take()
    batcher.start_run(lead=640, step=640)
    assert fill(batcher, 4) == [False, False, False, True]
    assert batcher.sent_samples == 0


def test_batcher_without_a_step_passes_every_chunk() -> None:
    batcher = ChunkBatcher()
    assert fill(batcher, 2) == [True, True]
    assert [batcher.take(), batcher.take()] == [(TEN_MS, 0), (TEN_MS, 10)]
    assert not batcher.is_due


def test_batcher_does_not_join_chunks_across_skipped_time() -> None:
    batcher = ChunkBatcher()
    batcher.start_run(lead=320, step=320)
    for timestamp in (0, 10, 20 + MAX_CLOCK_DRIFT_MS, 31 + 2 * MAX_CLOCK_DRIFT_MS, 5_000, 5_010):
        batcher.add(TEN_MS, timestamp)
    assert batcher.take() == (TEN_MS * 3, 0)
    assert batcher.take() == (TEN_MS, 31 + 2 * MAX_CLOCK_DRIFT_MS)
    assert batcher.take() == (TEN_MS * 2, 5_000)
    assert batcher.size == 0


def test_batcher_can_drop_the_oldest_chunk() -> None:
    batcher = ChunkBatcher()
    batcher.start_run(lead=160, step=160)
    fill(batcher, 3)
    batcher.drop_oldest()
    assert (batcher.size, batcher.take()) == (640, (TEN_MS * 2, 10))
