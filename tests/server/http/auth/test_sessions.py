import asyncio
import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import BusyError, NotFoundError
from wyoming_servers.http.auth.sessions import (
    FAILED_SIGN_IN_SECONDS,
    MAX_FAILED_SIGN_INS,
    MAX_SESSIONS,
    SESSION_SECONDS,
    SessionStore,
    SignInLimiter,
    cookie_name,
)
from wyoming_servers.http.auth.tokens import TokenScope
from wyoming_servers.http.context import ApiContext

PAGE = {"Origin": "http://localhost"}
TOKEN = "s3cret"


async def test_session_outlives_a_restart_and_its_cookie_is_not_stored(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "sessions.json"
    session, cookie = await SessionStore(path, clock=clock).create("Firefox", TokenScope.OPERATE)
    assert cookie not in await asyncio.to_thread(path.read_text)
    assert path.stat().st_mode & 0o777 == 0o600
    store = await asyncio.to_thread(SessionStore.open, path, clock)
    assert store.find(cookie) == session
    assert store.find(cookie + "x") is None


async def test_session_expires_unless_the_page_is_opened(clock: FakeClock) -> None:
    store = SessionStore(clock=clock)
    used, used_cookie = await store.create("used", TokenScope.READ)
    _, unused_cookie = await store.create("unused", TokenScope.READ)
    await clock.advance(SESSION_SECONDS - 1)
    await store.touch(used)
    await clock.advance(1)
    assert store.find(used_cookie) is not None
    assert store.find(unused_cookie) is None
    assert [one.name for one in store.sessions] == ["used"]


async def test_session_unused_for_longest_makes_room(clock: FakeClock) -> None:
    store = SessionStore(clock=clock)
    made = []
    for number in range(MAX_SESSIONS):
        await clock.advance(1)
        made.append(await store.create(str(number), TokenScope.READ))
    await clock.advance(1)
    await store.touch(made[0][0])
    _, cookie = await store.create("new", TokenScope.READ)
    assert len(store.sessions) == MAX_SESSIONS
    assert store.find(made[0][1]) is not None
    assert store.find(made[1][1]) is None
    assert store.find(cookie) is not None


@pytest.mark.parametrize("content", ["", "[]", '{"sessions": [{}]}', "\0\0"])
def test_damaged_file_means_signing_in_again(
    tmp_path: Path, clock: FakeClock, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(content)
    assert SessionStore.open(path, clock).sessions == ()
    assert "sign in again" in caplog.text


async def test_unknown_session_cannot_be_ended() -> None:
    with pytest.raises(NotFoundError):
        await SessionStore().end("none")


async def test_failed_sign_ins_lock_one_address_for_a_while(clock: FakeClock) -> None:
    limiter = SignInLimiter(clock)
    for _ in range(MAX_FAILED_SIGN_INS):
        limiter.check("a")
        limiter.record_failure("a")
    limiter.check("b")
    with pytest.raises(BusyError) as raised:
        limiter.check("a")
    assert raised.value.retry_after == FAILED_SIGN_IN_SECONDS
    await clock.advance(FAILED_SIGN_IN_SECONDS)
    limiter.check("a")


async def sign_in(client: httpx.AsyncClient, **credential: str) -> httpx.Response:
    return await client.post("/sessions", json=credential, headers=PAGE)


async def test_browser_signs_in_with_the_token_and_out_again(
    anonymous: httpx.AsyncClient, context: ApiContext
) -> None:
    before = (await anonymous.get("/session")).json()
    assert (before["required"], before["signed_in"], before["scope"]) == (True, False, None)

    answer = await sign_in(anonymous, token=TOKEN)
    assert answer.status_code == 201, answer.text
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(cookie_name("the-uuid") + "=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie

    session = (await anonymous.get("/session")).json()
    assert (session["signed_in"], session["scope"]) == (True, "admin")
    assert (await anonymous.get("/config")).status_code != 401
    listed = (await anonymous.get("/sessions")).json()["sessions"]
    assert [(one["current"], one["scope"]) for one in listed] == [(True, "admin")]

    assert (await anonymous.delete("/session", headers=PAGE)).status_code == 204
    assert context.sessions.sessions == ()
    assert (await anonymous.get("/models")).status_code == 401


async def test_browser_signs_in_with_six_digits(
    anonymous: httpx.AsyncClient, context: ApiContext
) -> None:
    code, _ = context.pairing.show_code()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert (await sign_in(anonymous, code=wrong)).status_code == 401
    assert (await sign_in(anonymous, code=code)).json()["scope"] == "operate"
    assert (await anonymous.get("/models")).status_code == 200
    assert (await anonymous.get("/tokens")).status_code == 403
    assert (await sign_in(anonymous, code=code)).status_code == 401  # used up


async def test_sessions_of_a_higher_scope_are_ended_by_their_equals_only(
    app: FastAPI, anonymous: httpx.AsyncClient, context: ApiContext
) -> None:
    owner, _ = await context.sessions.create("owner", TokenScope.ADMIN)
    code, _ = context.pairing.show_code()
    await sign_in(anonymous, code=code)
    answer = await anonymous.delete(f"/sessions/{owner.id}", headers=PAGE)
    assert answer.json()["code"] == "FORBIDDEN"
    await sign_in(anonymous, token=TOKEN)
    assert (await anonymous.delete(f"/sessions/{owner.id}", headers=PAGE)).status_code == 204


async def test_session_ends_with_its_token(
    anonymous: httpx.AsyncClient, context: ApiContext
) -> None:
    entry, token = await context.tokens.create("phone", TokenScope.USE)
    assert (await sign_in(anonymous, token=token)).json()["scope"] == "use"
    assert (await anonymous.get("/models")).status_code == 200
    await context.tokens.revoke(entry.id)
    assert (await anonymous.get("/models")).status_code == 401
    assert (await anonymous.get("/session")).json()["signed_in"] is False


@pytest.mark.parametrize(
    "headers",
    [
        {},  # a client that is no browser
        {"Origin": "http://localhost:8123"},  # another server of the same machine
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_changes_with_a_cookie_come_from_the_page_only(
    anonymous: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await sign_in(anonymous, token=TOKEN)
    assert (await anonymous.post("/pause", headers=PAGE)).status_code == 200
    answer = await anonymous.post("/pause", headers=headers)
    assert answer.status_code == 403
    assert (await anonymous.get("/models", headers=headers)).status_code == 200
    # A token that a script sends itself needs no such check.
    if not headers:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert (await anonymous.post("/pause", headers=bearer)).status_code == 200


async def test_guessing_tokens_is_slowed_down(anonymous: httpx.AsyncClient) -> None:
    codes = [
        (await sign_in(anonymous, token=f"guess {number}")).status_code
        for number in range(MAX_FAILED_SIGN_INS)
    ]
    assert set(codes) == {401}
    answer = await sign_in(anonymous, token=TOKEN)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 200


@pytest.mark.parametrize("body", [{}, {"token": "a", "code": "123456"}, {"code": "12345"}])
async def test_sign_in_needs_one_credential(
    anonymous: httpx.AsyncClient, body: dict[str, str]
) -> None:
    answer = await anonymous.post("/sessions", content=json.dumps(body), headers=PAGE)
    assert answer.status_code == 400
