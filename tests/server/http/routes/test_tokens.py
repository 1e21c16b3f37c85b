from dataclasses import replace

import httpx
import pytest

from wyoming_servers.http.app import create_app
from wyoming_servers.http.auth.tokens import TokenScope, proof, proof_text
from wyoming_servers.http.context import ApiContext

NONCE = "n" * 32


async def test_server_proves_that_it_knows_a_token_at_this_address(
    live: httpx.AsyncClient, context: ApiContext
) -> None:
    _, token = await context.tokens.create("Home Assistant", TokenScope.OPERATE)
    del live.headers["Authorization"]
    answer = (await live.get("/proof", params={"nonce": NONCE})).json()
    assert answer["uuid"] == "the-uuid"
    assert answer["address"] == f"127.0.0.1:{live.base_url.port}"
    assert answer["proofs"] == [proof(token, proof_text(NONCE, "the-uuid", answer["address"]))]
    assert token not in str(answer)


async def test_proof_is_for_the_address_that_was_asked_and_not_for_the_host_header(
    live: httpx.AsyncClient, context: ApiContext
) -> None:
    """A stranger who passes the question on cannot get a proof for his own address."""
    _, token = await context.tokens.create("Home Assistant", TokenScope.OPERATE)
    answer = await live.get(
        "/proof", params={"nonce": NONCE}, headers={"Host": "192.168.1.66:10380"}
    )
    forged = proof(token, proof_text(NONCE, "the-uuid", "192.168.1.66:10380"))
    assert forged not in answer.json()["proofs"]


async def test_short_token_is_not_proved_because_it_could_be_guessed(
    live: httpx.AsyncClient,
) -> None:
    answer = await live.get("/proof", params={"nonce": NONCE})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_owner_token_is_proved(context: ApiContext) -> None:
    token = "a-token-that-is-long-enough"
    app = create_app(replace(context, token=token))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        # The transport's server has a name, which is no address.
        assert (await client.get("/proof", params={"nonce": NONCE})).status_code == 404
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:80") as client:
        answer = (await client.get("/proof", params={"nonce": NONCE})).json()
        text = proof_text(NONCE, "the-uuid", answer["address"])
        assert answer["proofs"] == [proof(token, text)]


@pytest.mark.parametrize("nonce", ["", "n" * 31, "n" * 129, "n" * 31 + " ", "ü" * 32])
async def test_unusable_nonce_is_rejected(anonymous: httpx.AsyncClient, nonce: str) -> None:
    answer = await anonymous.get("/proof", params={"nonce": nonce})
    assert answer.status_code == 400


async def test_code_is_exchanged_for_a_token_that_may_operate(
    anonymous: httpx.AsyncClient, context: ApiContext
) -> None:
    assert (await anonymous.post("/pair/code")).json() == {"expires_in_secs": 300}
    code, _ = context.pairing.show_code()
    answer = await anonymous.post("/pair", json={"code": code, "name": "Kitchen"})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["name"], body["scope"], body["uuid"]) == ("Kitchen", "operate", "the-uuid")
    headers = {"Authorization": f"Bearer {body['token']}"}
    assert (await anonymous.get("/info", headers=headers)).json()["scope"] == "operate"
    assert (await anonymous.post("/pair", json={"code": code})).status_code == 401


async def test_wrong_code_is_rejected_and_pairing_locked(
    anonymous: httpx.AsyncClient, context: ApiContext
) -> None:
    code, _ = context.pairing.show_code()
    wrong = "000000" if code != "000000" else "000001"
    for _ in range(3):
        assert (await anonymous.post("/pair", json={"code": wrong})).status_code == 401
    assert (await anonymous.post("/pair", json={"code": code})).status_code == 401
    answer = await anonymous.post("/pair/code")
    assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
    assert int(answer.headers["retry-after"]) > 3_000


async def test_owner_lists_creates_and_revokes_tokens(client: httpx.AsyncClient) -> None:
    created = await client.post("/tokens", json={"name": "Grafana", "scope": "read"})
    assert created.status_code == 201
    entry = created.json()
    assert entry.pop("token")
    del entry["uuid"]
    assert (await client.get("/tokens")).json() == {"tokens": [entry]}
    assert (await client.delete(f"/tokens/{entry['id']}")).status_code == 204
    assert (await client.get("/tokens")).json() == {"tokens": []}
    assert (await client.delete(f"/tokens/{entry['id']}")).status_code == 404


async def test_client_gives_up_its_own_token(
    client: httpx.AsyncClient, context: ApiContext
) -> None:
    _, kept = await context.tokens.create("Grafana", TokenScope.READ)
    _, token = await context.tokens.create("Home Assistant", TokenScope.READ)
    client.headers["Authorization"] = f"Bearer {token}"
    assert (await client.delete("/pair")).status_code == 204
    assert (await client.delete("/pair")).status_code == 401
    assert [entry.name for entry in context.tokens.tokens] == ["Grafana"]
    client.headers["Authorization"] = f"Bearer {context.token}"
    assert (await client.delete("/pair")).status_code == 404
    assert context.tokens.scope_of(kept) is TokenScope.READ


async def test_owner_sees_the_code(client: httpx.AsyncClient, context: ApiContext) -> None:
    shown = (await client.get("/pair/code")).json()
    assert len(shown["code"]) == 6
    context.pairing.redeem(shown["code"])


async def test_server_without_authentication_pairs_and_proves_nothing(context: ApiContext) -> None:
    app = create_app(replace(context, token=None))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:80") as client:
        assert (await client.post("/pair/code")).status_code == 404
        assert (await client.post("/pair", json={"code": "123456"})).status_code == 404
        assert (await client.get("/proof", params={"nonce": NONCE})).status_code == 404
        assert (await client.get("/info")).json()["scope"] == "operate"
        assert (await client.post("/tokens", json={"name": "x"})).status_code == 403
