from wyoming_servers.core.domain import Priority
from wyoming_servers.scheduling.planner.load_queue import (
    LoadQueue,
    LoadReason,
    PendingRequest,
)


def request(number: int, model: str, priority: Priority = Priority.ASR, since: float = 0.0):
    return PendingRequest(number, model, priority, queued_at=since, deadline=since + 60)


def order(queue: LoadQueue, now: float = 0.0) -> list[str]:
    return [demand.model for demand in queue.ordered(now)]


def test_a_voice_goes_before_a_transcript_before_the_rest():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "other", Priority.BACKGROUND))
    queue.add(request(2, "asr", Priority.ASR))
    queue.add(request(3, "tts", Priority.TTS))
    assert order(queue) == ["tts", "asr", "other"]
    assert [queue.position(name, 0.0) for name in ("tts", "other", "nobody")] == [1, 3, 0]


def test_of_equal_priority_the_older_goes_first():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "second", since=2.0))
    queue.add(request(2, "first", since=1.0))
    assert order(queue, 3.0) == ["first", "second"]


def test_whoever_waits_long_passes_a_fresh_one_of_higher_priority():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "patient", Priority.BACKGROUND, since=0.0))
    queue.add(request(2, "voice", Priority.TTS, since=8.0))
    assert order(queue, 8.0) == ["voice", "patient"]
    queue.remove(2)
    queue.add(request(3, "voice", Priority.TTS, since=10.0))
    assert order(queue, 10.0) == ["patient", "voice"]


def test_requests_for_one_model_share_a_demand_with_the_best_of_their_ranks():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "a", Priority.BACKGROUND))
    queue.add(request(2, "b", Priority.ASR))
    queue.add(request(3, "a", Priority.TTS))
    assert order(queue) == ["a", "b"]
    assert queue.waiting("a") == 2
    assert [r.id for r in queue.take("a")] == [1, 3]
    assert len(queue) == 1
    assert queue.take("a") == []


def test_a_request_that_leaves_takes_its_demand_with_it():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add(request(1, "a"))
    assert 1 in queue
    assert queue.remove(1).model == "a"
    assert queue.remove(1) is None
    assert queue.get("a") is None
    assert len(queue) == 0


def test_the_queue_is_full_at_its_bound_and_wants_do_not_count():
    queue = LoadQueue(max_requests=2, priority_aging=1.0)
    queue.add_reason("c", LoadReason.OPERATOR, Priority.ASR, 0.0)
    queue.add(request(1, "a"))
    assert not queue.full
    queue.add(request(2, "b"))
    assert queue.full


def test_speculative_wants_come_after_everything_that_somebody_waits_for():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add_reason("preload", LoadReason.PRELOAD, Priority.TTS, 0.0)
    queue.add_reason("prefetch", LoadReason.PREFETCH, Priority.ASR, 5.0)
    queue.add_reason("operator", LoadReason.OPERATOR, Priority.BACKGROUND, 5.0)
    queue.add(request(1, "client", Priority.BACKGROUND, since=9.0))
    assert order(queue, 1_000.0) == ["operator", "client", "prefetch", "preload"]


def test_the_stronger_reason_stays():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add_reason("a", LoadReason.OPERATOR, Priority.ASR, 0.0)
    queue.add_reason("a", LoadReason.PRELOAD, Priority.TTS, 1.0)
    assert queue.get("a").reason is LoadReason.OPERATOR
    assert not queue.get("a").speculative


def test_a_request_makes_a_preload_real_and_its_leaving_makes_it_speculative_again():
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


def test_taking_a_want_back_leaves_the_requests():
    queue = LoadQueue(max_requests=9, priority_aging=1.0)
    queue.add_reason("a", LoadReason.PREFETCH, Priority.ASR, 0.0)
    queue.add(request(1, "a"))
    queue.withdraw("a")
    assert queue.waiting("a") == 1
