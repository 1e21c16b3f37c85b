import asyncio
import logging
import stat
from pathlib import Path

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import (
    BusyError,
    ConflictError,
    LoadFailedError,
    NotFoundError,
    UnauthorizedError,
)
from wyoming_servers.http.auth.tokens import (
    CODE_SECONDS,
    LOCK_SECONDS,
    MAX_TOKENS,
    TOKEN_FILE,
    Pairing,
    TokenScope,
    TokenStore,
    ensure_token,
    format_address,
    proof,
    proof_text,
)


def test_token_is_created_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    token = ensure_token(folder)
    assert len(token) >= 40
    assert ensure_token(folder) == token
    assert stat.S_IMODE((folder / TOKEN_FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [TOKEN_FILE]


def test_tokens_of_two_installations_differ(tmp_path: Path) -> None:
    assert ensure_token(tmp_path / "a") != ensure_token(tmp_path / "b")


def test_token_written_by_the_user_is_used_and_made_private(tmp_path: Path) -> None:
    path = tmp_path / TOKEN_FILE
    path.write_text("mine\n")
    path.chmod(0o644)
    assert ensure_token(tmp_path) == "mine"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", "schlüssel".encode(), b"\xff"])
def test_unusable_token_file_is_an_error_with_a_hint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / TOKEN_FILE).write_bytes(content)
    with pytest.raises(LoadFailedError, match="API token") as failure:
        ensure_token(tmp_path)
    assert failure.value.hint


def test_data_folder_that_is_a_file_is_an_error_with_its_cause(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(LoadFailedError, match="Cannot read or write"):
        ensure_token(tmp_path / "data")


def test_scope_includes_those_before_it() -> None:
    assert TokenScope.OPERATE.includes(TokenScope.READ)
    assert TokenScope.OPERATE.includes(TokenScope.OPERATE)
    assert not TokenScope.OPERATE.includes(TokenScope.ADMIN)


async def test_created_token_is_accepted_until_it_is_revoked(
    tmp_path: Path, clock: FakeClock
) -> None:
    store = TokenStore(tmp_path / "tokens.json", clock=clock)
    entry, token = await store.create("Home Assistant", TokenScope.OPERATE)
    assert store.scope_of(token) is TokenScope.OPERATE
    assert store.scope_of(token + "x") is None
    again = await asyncio.to_thread(TokenStore.open, tmp_path / "tokens.json", clock)
    assert again.scope_of(token) is TokenScope.OPERATE
    assert again.tokens == (entry,)
    await again.revoke(entry.id)
    assert again.scope_of(token) is None
    empty = await asyncio.to_thread(TokenStore.open, tmp_path / "tokens.json", clock)
    assert empty.tokens == ()
    with pytest.raises(NotFoundError):
        await again.revoke(entry.id)


async def test_file_of_tokens_is_private_and_contains_no_token(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "tokens.json"
    _, token = await TokenStore(path, clock=clock).create("a", TokenScope.READ)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token not in path.read_text()


async def test_number_of_tokens_is_bounded() -> None:
    store = TokenStore()
    for number in range(MAX_TOKENS):
        await store.create(str(number), TokenScope.READ)
    with pytest.raises(ConflictError, match="64"):
        await store.create("more", TokenScope.READ)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"tokens": [1]}', '{"tokens": [{"id": "a"}]}', "\0" * 50,
     '{"tokens": [{"id":"a","name":"b","scope":"god","digest":"00","created":1}]}',
     '{"tokens": [{"id":"a","name":"b","scope":"read","digest":"00","created":1}]}'],
)  # fmt: skip
def test_damaged_file_of_tokens_accepts_none(
    tmp_path: Path, clock: FakeClock, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tokens.json").write_text(content)
    assert TokenStore.open(tmp_path / "tokens.json", clock).tokens == ()
    assert "tokens.json" in caplog.text


def test_proof_is_the_documented_one() -> None:
    """The vectors that clients test against, too."""
    nonce = "0123456789abcdef0123456789abcdef"
    text = proof_text(nonce, "the-uuid", "192.168.1.20:10380")
    expected = "25a28c36e1aa5999506724bd02a666fefa35ff2b2305dc60326dddb3ed66b22d"
    assert proof("correct-horse-battery-staple", text) == expected
    text = proof_text(nonce, "the-uuid", "192.168.1.20:10380", "ab" * 32)
    expected = "866e88b9a7abeaee0005426cdd4ddbf3d6ba1ee111dcdfb66784ad55700add04"
    assert proof("correct-horse-battery-staple", text) == expected


async def test_store_proves_its_tokens_without_keeping_them() -> None:
    store = TokenStore()
    _, token = await store.create("a", TokenScope.READ)
    assert store.proofs("text") == [proof(token, "text")]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.168.1.20", "192.168.1.20:80"), ("::ffff:192.168.1.20", "192.168.1.20:80"),
        ("fe80::1%eth0", "[fe80::1]:80"), ("FD00:0:0::5", "[fd00::5]:80"),
    ],
)  # fmt: skip
def test_addresses_have_one_form(host: str, address: str) -> None:
    assert format_address(host, 80) == address


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
