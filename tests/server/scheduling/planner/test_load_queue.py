from wyoming_servers.core.domain import Priority
from wyoming_servers.scheduling.planner.load_queue import (
    LoadQueue,
    LoadReason,
    PendingRequest,
)


def request(number: int, model: str, priority: Priority = Priority.ASR, since: float = 0.0):
    return PendingRequest(number, model, priority, queued_at=since, deadline=since + 60)


def order(queue: LoadQueue, now: float = 0.0) -> list[str]:
    return [load.model for load in queue.ordered(now)]


def test_queue_orders_tts_before_asr_before_background():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "other", Priority.BACKGROUND))
    queue.add(request(2, "asr", Priority.ASR))
    queue.add(request(3, "tts", Priority.TTS))
    assert order(queue) == ["tts", "asr", "other"]
    assert [queue.position(name, 0.0) for name in ("tts", "other", "nobody")] == [1, 3, 0]


def test_queue_orders_equal_priorities_by_age():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "second", since=2.0))
    queue.add(request(2, "first", since=1.0))
    assert order(queue, 3.0) == ["first", "second"]


def test_queue_raises_the_priority_of_old_requests():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "old", Priority.BACKGROUND, since=0.0))
    queue.add(request(2, "new", Priority.TTS, since=8.0))
    assert order(queue, 8.0) == ["new", "old"]
    queue.remove(2)
    queue.add(request(3, "new", Priority.TTS, since=10.0))
    assert order(queue, 10.0) == ["old", "new"]


def test_queue_ranks_a_load_by_its_best_request():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "a", Priority.BACKGROUND))
    queue.add(request(2, "b", Priority.ASR))
    queue.add(request(3, "a", Priority.TTS))
    assert order(queue) == ["a", "b"]
    assert queue.waiting("a") == 2
    assert [r.id for r in queue.take("a")] == [1, 3]
    assert len(queue) == 1
    assert queue.take("a") == []


def test_queue_drops_a_load_with_its_last_request():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "a"))
    assert 1 in queue
    assert queue.remove(1).model == "a"
    assert queue.remove(1) is None
    assert queue.get("a") is None
    assert len(queue) == 0


def test_queue_limit_counts_requests_but_not_speculative_loads():
    queue = LoadQueue(max_requests=2, priority_aging=1.0)
    queue.add_reason("c", LoadReason.OPERATOR, Priority.ASR, 0.0)
    queue.add(request(1, "a"))
    assert not queue.full
    queue.add(request(2, "b"))
    assert queue.full


def test_queue_orders_speculative_loads_last():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add_reason("preload", LoadReason.PRELOAD, Priority.TTS, 0.0)
    queue.add_reason("prefetch", LoadReason.PREFETCH, Priority.ASR, 5.0)
    queue.add_reason("operator", LoadReason.OPERATOR, Priority.BACKGROUND, 5.0)
    queue.add(request(1, "client", Priority.BACKGROUND, since=9.0))
    assert order(queue, 1_000.0) == ["operator", "client", "prefetch", "preload"]


def test_queue_keeps_the_strongest_reason():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add_reason("a", LoadReason.OPERATOR, Priority.ASR, 0.0)
    queue.add_reason("a", LoadReason.PRELOAD, Priority.TTS, 1.0)
    assert queue.get("a").reason is LoadReason.OPERATOR
    assert not queue.get("a").speculative


def test_queue_load_is_speculative_only_without_requests():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add_reason("a", LoadReason.PRELOAD, Priority.ASR, 0.0)
    assert queue.get("a").speculative
    queue.add(request(1, "a"))
    assert not queue.get("a").speculative
    queue.remove(1)
    assert queue.get("a").speculative
    queue.withdraw("a")
    queue.withdraw("a")
    assert list(queue) == []


def test_queue_withdraw_keeps_the_requests():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add_reason("a", LoadReason.PREFETCH, Priority.ASR, 0.0)
    queue.add(request(1, "a"))
    queue.withdraw("a")
    assert queue.waiting("a") == 1
