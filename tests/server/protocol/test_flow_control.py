"""Flow control: a sender pauses when its window is used up, and resumes with credit."""

from wyoming_servers.protocol.messages import InferenceChunk, InputChunk
from wyoming_servers.protocol.session import (
    CHUNK_OVERHEAD,
    CreditMeter,
    SendWindow,
    window_cost,
)


def test_chunk_without_payload_has_a_cost() -> None:
    assert window_cost(InferenceChunk(run=1)) == CHUNK_OVERHEAD
    assert window_cost(InputChunk(run=1, payload=b"x" * 100)) == CHUNK_OVERHEAD + 100


def test_window_closes_when_used_up_and_reopens() -> None:
    window = SendWindow(1_000)
    window.consume(999)
    assert window.is_open
    window.consume(5_000)
    assert not window.is_open
    window.refill(4_999)
    assert not window.is_open
    window.refill(1)
    assert window.is_open


def test_meter_sums_small_credits() -> None:
    meter = CreditMeter(1_000)
    assert [meter.record(100) for _ in range(5)] == [0, 0, 300, 0, 0]


def test_credit_that_a_meter_holds_back_never_closes_a_window() -> None:
    window, meter = SendWindow(1_000), CreditMeter(1_000)
    for _ in range(100):
        assert window.is_open
        window.consume(260)
        window.refill(meter.record(260))
