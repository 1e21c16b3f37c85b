"""HTTPS with a certificate that clients recognize by its fingerprint."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from wyoming_servers.http import server as http_server
from wyoming_servers.http.app import create_app
from wyoming_servers.http.auth.tokens import TokenScope, proof, proof_text
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.server import ApiServer
from wyoming_servers.net import listener
from wyoming_servers.net.connection_limits import ConnectionLimits
from wyoming_servers.net.tls import TlsIdentity, create_certificate, load_identity
from wyoming_servers.wyoming.discovery import lan_addresses

NONCE = "n" * 32


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "api-certificate.pem"
    create_certificate(path, ["localhost", "127.0.0.1"])
    return path


@pytest.fixture
async def identity(certificate: Path) -> TlsIdentity:
    return await asyncio.to_thread(load_identity, certificate)


@pytest.fixture
def connections() -> ConnectionLimits:
    return ConnectionLimits()


@pytest.fixture
async def port(
    context: ApiContext, identity: TlsIdentity, connections: ConnectionLimits
) -> AsyncIterator[int]:
    app = create_app(replace(context, fingerprint=identity.fingerprint))
    server = ApiServer(app, "127.0.0.1", 0, tls=identity, connections=connections)
    yield await server.start()
    await server.stop(1)
    assert connections.total == 0


@pytest.fixture
async def trusting(certificate: Path) -> ssl.SSLContext:
    """The context of a client that trusts this certificate and checks the name."""
    return await asyncio.to_thread(ssl.create_default_context, cafile=str(certificate))


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def test_client_that_trusts_the_certificate_is_served(
    port: int, trusting: ssl.SSLContext
) -> None:
    async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
        answer = await client.get(f"https://127.0.0.1:{port}/health/live")
        assert answer.json() == {"status": "ok"}
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://[::ffff:127.0.0.2]:{port}/health/live")


async def test_proof_covers_the_certificate_that_the_client_has_received(
    port: int, context: ApiContext, trusting: ssl.SSLContext, identity: TlsIdentity
) -> None:
    _, token = await context.tokens.create("Home Assistant", TokenScope.OPERATE)
    async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
        response = await client.get(f"https://127.0.0.1:{port}/proof", params={"nonce": NONCE})
        stream = response.extensions["network_stream"]
        received = stream.get_extra_info("ssl_object").getpeercert(binary_form=True)
    fingerprint = hashlib.sha256(received).hexdigest()
    answer = response.json()
    assert answer["fingerprint"] == fingerprint == identity.fingerprint
    text = (NONCE, "the-uuid", f"127.0.0.1:{port}")
    assert proof(token, proof_text(*text, fingerprint)) in answer["proofs"]
    # A relay with a certificate of its own gets no proof for it.
    assert proof(token, proof_text(*text, "00" * 32)) not in answer["proofs"]


async def test_pairing_code_comes_with_the_fingerprint(
    port: int, trusting: ssl.SSLContext, identity: TlsIdentity
) -> None:
    async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
        response = await client.get(
            f"https://127.0.0.1:{port}/pair/code", headers={"Authorization": "Bearer s3cret"}
        )
    assert response.json()["fingerprint"] == identity.fingerprint


async def test_this_machine_may_use_plain_http_for_health_checks(port: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/health/live")).status_code == 200


async def test_this_machine_may_use_plain_http_at_its_own_address(
    context: ApiContext, identity: TlsIdentity
) -> None:
    own = [address for address in await lan_addresses("0.0.0.0") if ":" not in address]
    if not own:
        pytest.skip("this machine has only loopback addresses")
    server = ApiServer(create_app(context), own[0], 0, tls=identity)
    port = await server.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://{own[0]}:{port}/health/live")).status_code == 200
    await server.stop(1)


async def test_plain_http_of_another_machine_is_refused_with_the_reason(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "client_address", lambda _: "192.0.2.7")
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(
            f"http://127.0.0.1:{port}/health/live", headers={"Authorization": "Bearer s3cret"}
        )
    assert answer.status_code == 400
    assert "HTTPS" in answer.json()["error"]


@pytest.mark.parametrize("beginning", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16" * 600])
async def test_unfinished_handshake_keeps_nobody_waiting_and_ends(
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    connections: ConnectionLimits,
    trusting: ssl.SSLContext,
    beginning: bytes,
) -> None:
    monkeypatch.setattr(http_server, "HEADER_TIMEOUT_SECONDS", 1.0)
    slow = [await connect(port) for _ in range(20)]
    for _, writer in slow:
        writer.write(beginning)
    async with httpx.AsyncClient(verify=trusting, trust_env=False, timeout=5) as client:
        assert (await client.get(f"https://127.0.0.1:{port}/health/live")).status_code == 200
    for reader, writer in slow:
        async with asyncio.timeout(10):
            # A TLS alert may come first.
            await reader.read()
        writer.close()
    assert connections.total <= 1  # that of the client above may still be closing


async def test_client_that_leaves_before_its_handshake_is_forgotten(
    port: int, connections: ConnectionLimits
) -> None:
    gone = asyncio.Event()
    connections.on_release(gone.set)
    _, writer = await connect(port)
    writer.close()
    async with asyncio.timeout(5):
        await gone.wait()
    assert connections.total == 0


async def test_waiting_handshake_makes_way_for_a_new_client(
    context: ApiContext, identity: TlsIdentity, trusting: ssl.SSLContext
) -> None:
    connections = ConnectionLimits(max_total=4)
    server = ApiServer(create_app(context), "127.0.0.1", 0, tls=identity, connections=connections)
    port = await server.start()
    held = [await connect(port) for _ in range(4)]
    async with httpx.AsyncClient(verify=trusting, trust_env=False, timeout=5) as client:
        assert (await client.get(f"https://127.0.0.1:{port}/health/live")).status_code == 200
    assert connections.total <= 4
    await server.stop(1)
    for reader, writer in held:
        assert await reader.read() == b""
        writer.close()
    assert connections.total == 0


async def test_old_tls_is_refused(port: int) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=old)
    writer.close()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", port, ssl=old)
