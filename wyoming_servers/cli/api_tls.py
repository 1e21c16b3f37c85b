"""Trust in the certificate of a server, for `--server https://...`."""

import asyncio
import hashlib
import secrets
import socket
import ssl
from typing import Any, Final

import certifi
import httpx

from wyoming_servers.cli.errors import UnreachableError
from wyoming_servers.cli.wyoming_client import Address
from wyoming_servers.core.errors import ForbiddenError
from wyoming_servers.http.auth.tokens import proof, proof_text

_SECONDS: Final = 5.0


async def trusted_context(address: Address, token: str | None) -> ssl.SSLContext:
    """Return the context for connections to a server, which trusts one certificate.

    1. A certificate that an authority has verified.
    2. A certificate of the server's own, if the server proves that it knows the token and that the
       certificate is its own. The token is not sent for that.

    Raises UnreachableError, ForbiddenError if the certificate cannot be trusted.
    """
    return await asyncio.to_thread(_trusted_context, address, token)


def _trusted_context(address: Address, token: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    try:
        with (
            socket.create_connection((address.host, address.port), _SECONDS) as sock,
            context.wrap_socket(sock, server_hostname=address.host),
        ):
            return context  # 1
    except ssl.SSLCertVerificationError:
        pass
    except OSError as err:
        raise UnreachableError(
            f"No server answers with HTTPS at {address}.",
            hint="Set api.tls: true on the server, or leave out https://.",
        ) from err
    if not token:
        raise ForbiddenError(
            f"The certificate of {address} is not trusted.",
            hint="Pass the token with --token-file: the server then proves its certificate.",
        )
    try:
        pem = ssl.get_server_certificate((address.host, address.port), timeout=_SECONDS)
        context = _only(pem)
        is_proven = _is_proven(address, token, context, pem)
    except (OSError, ValueError, KeyError, TypeError, httpx.HTTPError) as err:
        raise UnreachableError(f"The server at {address} does not prove its certificate.") from err
    if not is_proven:
        raise ForbiddenError(
            f"The server at {address} does not know the token, or its certificate is not its own.",
            hint="The token was not sent. Check --token-file and the address.",
        )
    return context  # 2


def _only(pem: str) -> ssl.SSLContext:
    """Return a context that trusts this certificate and no other; its names do not matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=pem)
    return context


def _is_proven(address: Address, token: str, context: ssl.SSLContext, pem: str) -> bool:
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    nonce = secrets.token_urlsafe(32)
    with httpx.Client(verify=context, timeout=_SECONDS, trust_env=False) as client:
        response = client.get(f"https://{address}/proof", params={"nonce": nonce})
    answer: Any = response.json()
    if not response.is_success:
        return False
    # A relay cannot use the proof of another certificate, so the claimed address is enough.
    expected = proof(token, proof_text(nonce, answer["uuid"], answer["address"], fingerprint))
    return any(secrets.compare_digest(str(given), expected) for given in answer["proofs"])
