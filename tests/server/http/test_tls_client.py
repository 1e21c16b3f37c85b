"""The Python client and the command line with a server that has a certificate of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession
from wyoming_conductor_client import (
    ConductorCertificateError,
    ConductorClient,
    ConductorConnectionError,
)

from wyoming_servers.cli.api_client import ApiClient, find_api_address
from wyoming_servers.cli.errors import UnreachableError
from wyoming_servers.cli.wyoming_client import Address
from wyoming_servers.config.schema import Config
from wyoming_servers.core.errors import ForbiddenError
from wyoming_servers.http.app import create_app
from wyoming_servers.http.auth.tokens import TokenScope
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.server import ApiServer
from wyoming_servers.net.tls import TlsIdentity, create_certificate, load_identity

Start = Callable[[TlsIdentity | None], Awaitable[int]]


@pytest.fixture
def blockbuster() -> None:
    """Disabled: the client loads the certificates of authorities in the event loop."""


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> tuple[TlsIdentity, TlsIdentity]:
    """Those of the server and of a stranger."""
    found = []
    for name in ("server", "stranger"):
        path: Path = tmp_path_factory.mktemp(name) / "api-certificate.pem"
        create_certificate(path, ["localhost", "127.0.0.1"])
        found.append(load_identity(path))
    return found[0], found[1]


@pytest.fixture
async def start(
    context: ApiContext, identities: tuple[TlsIdentity, TlsIdentity]
) -> AsyncIterator[Start]:
    """Serve the answers of the real server under any certificate, as a relay could."""
    servers: list[ApiServer] = []

    async def begin(tls: TlsIdentity | None) -> int:
        app = create_app(replace(context, fingerprint=identities[0].fingerprint))
        servers.append(ApiServer(app, "127.0.0.1", 0, tls=tls))
        return await servers[-1].start()

    yield begin
    for server in servers:
        await server.stop(1)


async def test_client_pins_a_certificate_that_the_server_has_proved(
    start: Start, context: ApiContext, identities: tuple[TlsIdentity, TlsIdentity]
) -> None:
    _, token = await context.tokens.create("Home Assistant", TokenScope.OPERATE)
    port = await start(identities[0])
    async with ClientSession() as session:
        with pytest.raises(ConductorCertificateError):
            await ConductorClient(session, "127.0.0.1", port, tls=True, token=token).info()
        fingerprint = await ConductorClient(
            session, "127.0.0.1", port, tls=True
        ).fetch_fingerprint()
        client = ConductorClient(session, "127.0.0.1", port, token=token, fingerprint=fingerprint)
        assert client.url == f"https://127.0.0.1:{port}"
        answer = await client.request_proof()
        assert answer.is_proven(token, "the-uuid")
        assert not answer.is_proven("another-token-of-enough-letters", "the-uuid")
        assert (await client.info()).uuid == "the-uuid"


async def test_relay_with_another_certificate_gets_no_token(
    start: Start, context: ApiContext, identities: tuple[TlsIdentity, TlsIdentity]
) -> None:
    _, token = await context.tokens.create("Home Assistant", TokenScope.OPERATE)
    server, stranger = identities
    port = await start(stranger)
    async with ClientSession() as session:
        seen = await ConductorClient(session, "127.0.0.1", port, tls=True).fetch_fingerprint()
        assert seen == stranger.fingerprint
        pinned = ConductorClient(session, "127.0.0.1", port, fingerprint=seen)
        answer = await pinned.request_proof()
        assert len(answer.proofs) == 2
        assert not answer.knows_token(token, "the-uuid")
        client = ConductorClient(
            session, "127.0.0.1", port, token=token, fingerprint=server.fingerprint
        )
        with pytest.raises(ConductorCertificateError):
            await client.info()


async def test_client_with_a_pinned_certificate_never_speaks_without_tls(
    start: Start, identities: tuple[TlsIdentity, TlsIdentity]
) -> None:
    port = await start(None)
    async with ClientSession() as session:
        client = ConductorClient(
            session,
            "127.0.0.1",
            port,
            token="s3cret",
            tls=False,
            fingerprint=identities[0].fingerprint,
        )
        assert client.url.startswith("https://")
        with pytest.raises(ConductorConnectionError):
            await client.info()
        with pytest.raises(ConductorConnectionError):
            await client.fetch_fingerprint()


async def test_command_line_trusts_a_certificate_that_the_server_proves(
    start: Start, context: ApiContext, identities: tuple[TlsIdentity, TlsIdentity]
) -> None:
    _, token = await context.tokens.create("laptop", TokenScope.ADMIN)
    server, stranger = identities
    address = find_api_address(Config(), f"https://127.0.0.1:{await start(server)}")
    async with ApiClient(address, token) as client:
        assert (await client.get("/info"))["uuid"] == "the-uuid"
    for given in (None, "another-token-of-enough-letters"):
        with pytest.raises(ForbiddenError) as refused:
            async with ApiClient(address, given):
                pass
        assert "--token-file" in refused.value.hint
    relay = Address("127.0.0.1", await start(stranger), tls=True)
    with pytest.raises(ForbiddenError, match="not its own"):
        async with ApiClient(relay, token):
            pass
    plain = Address("127.0.0.1", await start(None), tls=True)
    with pytest.raises(UnreachableError) as error:
        async with ApiClient(plain, token):
            pass
    assert "api.tls" in error.value.hint
