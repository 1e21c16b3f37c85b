from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.http.app import all_routes, create_app
from wyoming_servers.http.auth.access import ROUTE_SCOPES, route_key
from wyoming_servers.http.auth.tokens import TokenScope
from wyoming_servers.http.context import ApiContext

PUBLIC_ROUTES = {
    (key.split()[0].lower(), key.split()[1]) for key, scope in ROUTE_SCOPES.items() if scope is None
}


def test_every_route_declares_its_scope() -> None:
    routes = [route_key(route) for route in all_routes()]
    assert len(routes) > 50
    assert sorted(routes) == sorted(ROUTE_SCOPES)


def test_only_what_comes_before_a_token_is_public() -> None:
    assert {key for key, scope in ROUTE_SCOPES.items() if scope is None} == {
        "GET /docs", "GET /docs/errors", "GET /redoc", "GET /health/live", "GET /health/ready",
        "GET /proof", "POST /pair", "POST /pair/code",
        "GET /", "GET /session", "POST /sessions", "DELETE /session",
    }  # fmt: skip


def test_nothing_is_changed_with_scope_read() -> None:
    # A ticket allows what the token allows already, and every client may give up its own token.
    own = ("POST /tickets", "DELETE /pair")
    changing = [key for key in ROUTE_SCOPES if not key.startswith("GET ") and key not in own]
    assert len(changing) > 20
    assert not [key for key in changing if ROUTE_SCOPES[key] is TokenScope.READ]


@pytest.mark.parametrize("scope", list(TokenScope))
async def test_token_opens_what_its_scope_includes_and_nothing_else(
    app: FastAPI, context: ApiContext, anonymous: httpx.AsyncClient, scope: TokenScope
) -> None:
    _, token = await context.tokens.create("test", scope)
    tried: set[int] = set()
    for path, methods in app.openapi()["paths"].items():
        if path in ("/events", "/model/events"):
            continue  # never end
        for method, operation in methods.items():
            needed = operation.get("x-required-scope")
            if needed is None or (method, path) == ("delete", "/pair"):  # revokes the token
                continue
            answer = await anonymous.request(
                method,
                path.replace("{model}", "whisper/base"),
                headers={"Authorization": f"Bearer {token}"},
            )
            allowed = scope.includes(TokenScope(needed))
            assert (answer.status_code == 403) is not allowed, (method, path, answer.text)
            if not allowed:
                assert answer.json()["code"] == "FORBIDDEN"
                assert needed in answer.json()["error"]
            tried.add(answer.status_code)
    assert 200 in tried
    assert 403 in tried or scope is TokenScope.ADMIN


async def test_info_says_what_the_token_allows(
    context: ApiContext, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/info")).json()["scope"] == "admin"
    _, token = await context.tokens.create("test", TokenScope.READ)
    answer = await client.get("/info", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["scope"] == "read"


async def test_revoked_token_is_rejected(context: ApiContext, anonymous: httpx.AsyncClient) -> None:
    entry, token = await context.tokens.create("test", TokenScope.READ)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await anonymous.get("/info", headers=headers)).status_code == 200
    await context.tokens.revoke(entry.id)
    assert (await anonymous.get("/info", headers=headers)).status_code == 401


async def test_every_endpoint_except_the_probes_requires_a_token(
    app: FastAPI, anonymous: httpx.AsyncClient
) -> None:
    tried = set()
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            answer = await anonymous.request(method, path.replace("{model}", "whisper/base"))
            refused = answer.status_code == 401 and "token" in answer.json()["error"]
            assert refused is ((method, path) not in PUBLIC_ROUTES), path
            tried.add((method, path))
    assert tried > {
        key for key in PUBLIC_ROUTES if key[1] not in ("/", "/docs", "/docs/errors", "/redoc")
    }


async def test_unauthorized_response_says_where_the_token_is(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/models")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "UNAUTHORIZED"
    assert "<data_dir>/api-token" in answer.json()["detail"]


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret", "Bearer"]
)
async def test_wrong_token_is_rejected(anonymous: httpx.AsyncClient, header: str) -> None:
    answer = await anonymous.get("/models", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_token_with_invalid_bytes_is_rejected(
    anonymous: httpx.AsyncClient,
) -> None:
    answer = await anonymous.get("/models", headers={"Authorization": b"Bearer s\xe9cret"})
    assert answer.status_code == 401


async def test_valid_token_is_accepted(client: httpx.AsyncClient) -> None:
    assert (await client.get("/models")).status_code == 200


async def test_api_without_a_token_accepts_every_request(context: ApiContext) -> None:
    transport = httpx.ASGITransport(app=create_app(replace(context, token=None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/models")).status_code == 200
