"""A sender pauses when its window is used up and goes on when the other side has taken some."""

from wyoming_servers.protocol.flow import OVERHEAD, Meter, Window, cost
from wyoming_servers.protocol.messages import InferenceChunk, InputChunk


def test_chunks_without_payload_count_too() -> None:
    assert cost(InferenceChunk(run=1)) == OVERHEAD
    assert cost(InputChunk(run=1, payload=b"x" * 100)) == OVERHEAD + 100


def test_a_window_closes_when_it_is_used_up_and_opens_again() -> None:
    window = Window(1_000)
    window.spend(999)
    assert window.open
    window.spend(5_000)
    assert not window.open
    window.refill(4_999)
    assert not window.open
    window.refill(1)
    assert window.open


def test_small_credits_are_saved_up() -> None:
    meter = Meter(1_000)
    assert [meter.take(100) for _ in range(5)] == [0, 0, 300, 0, 0]


def test_what_a_meter_holds_back_never_closes_a_window() -> None:
    window, meter = Window(1_000), Meter(1_000)
    for _ in range(100):
        assert window.open
        window.spend(260)
        window.refill(meter.take(260))
