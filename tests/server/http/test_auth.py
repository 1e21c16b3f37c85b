import stat
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.http.app import create_app
from wyoming_servers.http.auth import TOKEN_FILE, ensure_token
from wyoming_servers.http.context import ApiContext

OPEN = {"/health/live", "/health/ready"}


async def test_every_endpoint_except_the_probes_requires_a_token(
    app: FastAPI, anonymous: httpx.AsyncClient
) -> None:
    tried = set()
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            answer = await anonymous.request(method, path.replace("{model}", "whisper/base"))
            expected = 200 if path in OPEN else 401
            assert answer.status_code == expected, (method, path)
            tried.add(path)
    assert tried > OPEN


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
