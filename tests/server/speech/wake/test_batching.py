"""When audio is due, and what is joined."""

from wyoming_servers.speech.wake.stream import (
    MAX_CLOCK_DRIFT_MS,
    ChunkBatcher,
)

TEN_MS = bytes(320)


def fill(bundle: ChunkBatcher, pieces: int, start: int = 0) -> list[bool]:
    due = []
    for number in range(pieces):
        bundle.add(TEN_MS, start + 10 * number)
        due.append(bundle.is_due)
    return due


def test_batcher_is_due_when_the_audio_completes_a_step() -> None:
    bundle = ChunkBatcher()
    bundle.start_run(lead=400, step=480)  # 25 ms, then every 30 ms
    assert fill(bundle, 3) == [False, False, True]
    assert bundle.take() == (TEN_MS * 3, 0)
    assert fill(bundle, 3, 30) == [False, False, True]
    assert bundle.take() == (TEN_MS * 3, 30)
    assert bundle.sent_samples == 960
    assert not bundle.is_due
    assert fill(bundle, 2, 60) == [False, False]


def test_batcher_first_step_may_be_longer() -> None:
    bundle = ChunkBatcher()
    bundle.start_run(lead=800, step=480)  # 50 ms, then every 30 ms
    assert fill(bundle, 5) == [False, False, False, False, True]


def test_batcher_counts_from_zero_in_a_new_run() -> None:
    bundle = ChunkBatcher()
    bundle.start_run(lead=640, step=640)
    fill(bundle, 5)
    bundle.take()
    bundle.start_run(lead=640, step=640)
    assert fill(bundle, 4) == [False, False, False, True]
    assert bundle.sent_samples == 0


def test_batcher_without_a_step_passes_every_chunk() -> None:
    bundle = ChunkBatcher()
    assert fill(bundle, 2) == [True, True]
    assert [bundle.take(), bundle.take()] == [(TEN_MS, 0), (TEN_MS, 10)]
    assert not bundle.is_due


def test_batcher_does_not_join_chunks_across_skipped_time() -> None:
    bundle = ChunkBatcher()
    bundle.start_run(lead=320, step=320)
    for timestamp in (0, 10, 20 + MAX_CLOCK_DRIFT_MS, 31 + 2 * MAX_CLOCK_DRIFT_MS, 5_000, 5_010):
        bundle.add(TEN_MS, timestamp)
    assert bundle.take() == (TEN_MS * 3, 0)
    assert bundle.take() == (TEN_MS, 31 + 2 * MAX_CLOCK_DRIFT_MS)
    assert bundle.take() == (TEN_MS * 2, 5_000)
    assert bundle.size == 0


def test_batcher_can_drop_the_oldest_chunk() -> None:
    bundle = ChunkBatcher()
    bundle.start_run(lead=160, step=160)
    fill(bundle, 3)
    bundle.drop_oldest()
    assert (bundle.size, bundle.take()) == (640, (TEN_MS * 2, 10))
