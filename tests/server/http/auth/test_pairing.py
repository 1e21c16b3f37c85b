import logging

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import BusyError, UnauthorizedError
from wyoming_servers.http.auth.pairing import CODE_SECONDS, LOCK_SECONDS, Pairing


@pytest.fixture
def pairing(clock: FakeClock) -> Pairing:
    codes = iter(range(7, 100))
    return Pairing(clock, randbelow=lambda _: next(codes))


def test_code_is_shown_in_the_log_once(pairing: Pairing, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert pairing.request_code("192.168.1.5") == CODE_SECONDS
        assert pairing.request_code("192.168.1.6") == CODE_SECONDS
    assert [record.getMessage() for record in caplog.records] == [
        "Pairing code 000007, valid for 5 minutes (asked for by 192.168.1.5)"
    ]
    pairing.redeem("000007")


def test_code_works_once(pairing: Pairing) -> None:
    code, _ = pairing.show_code()
    pairing.redeem(code)
    with pytest.raises(UnauthorizedError, match="No pairing code"):
        pairing.redeem(code)


async def test_code_expires(pairing: Pairing, clock: FakeClock) -> None:
    code, _ = pairing.show_code()
    await clock.advance(CODE_SECONDS)
    with pytest.raises(UnauthorizedError, match="No pairing code"):
        pairing.redeem(code)


async def test_three_wrong_codes_lock_pairing_longer_each_time(
    pairing: Pairing, clock: FakeClock
) -> None:
    pauses = []
    for _ in range(8):
        pairing.request_code("x")
        for _ in range(3):
            with pytest.raises(UnauthorizedError, match="wrong"):
                pairing.redeem("999999")
        with pytest.raises(BusyError) as locked:
            pairing.request_code("x")
        assert locked.value.retry_after is not None
        pauses.append(locked.value.retry_after / LOCK_SECONDS)
        await clock.advance(locked.value.retry_after)
    assert pauses == [1, 2, 4, 8, 16, 24, 24, 24]


async def test_wrong_codes_are_counted_across_codes(pairing: Pairing, clock: FakeClock) -> None:
    for _ in range(3):
        pairing.request_code("x")
        with pytest.raises(UnauthorizedError):
            pairing.redeem("999999")
        await clock.advance(CODE_SECONDS)
    with pytest.raises(BusyError):
        pairing.request_code("x")


def test_owner_gets_a_code_while_pairing_is_locked(pairing: Pairing) -> None:
    pairing.request_code("x")
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            pairing.redeem("999999")
    code, _ = pairing.show_code()
    pairing.redeem(code)
    pairing.request_code("x")
