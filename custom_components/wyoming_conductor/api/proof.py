"""Proof of a server that it knows the API token, so that the token is only sent to the right one.

The client sends a random nonce without the token. The server answers with a MAC of the nonce, its
uuid, the socket address of the connection, and the pinned certificate if there is one, keyed by the
token. Address and certificate prevent a relay: a stranger who passes the nonce on to the real
server receives a proof for the address and the certificate of the real server.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


def create_nonce() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def format_address(ip: str, port: int) -> str:
    """Return the address as it is part of a proof: without zone, IPv4-mapped IPv6 as IPv4."""
    address = ip_address(ip.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"[{address}]:{port}"
        address = address.ipv4_mapped
    return f"{address}:{port}"


def compute_proof(token: str, nonce: str, uuid: str, address: str, fingerprint: str = "") -> str:
    """Return the proof that the server `uuid` gives at `address`, in hexadecimal.

    `fingerprint` is the SHA-256 of its certificate, lower-case hexadecimal; empty without TLS, and
    if an authority has verified the certificate.
    """
    key = hashlib.sha256(token.encode()).digest()
    lines = ["wyoming-conductor proof v1", nonce, uuid, address]
    text = "\n".join([*lines, fingerprint] if fingerprint else lines)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAnswer:
    """Answer of a server that was asked for a proof; untrusted until it is checked."""

    nonce: str
    peer: str
    """Address to which this client connected."""
    uuid: str
    """Identity that the server claims."""
    address: str
    """Address that the server claims; it differs from `peer` behind NAT, and through a relay."""
    fingerprint: str = ""
    """SHA-256 of the certificate with which the peer has answered; empty unless it is pinned."""
    proofs: tuple[str, ...]
    """One for each token that the server accepts."""

    def is_proven(self, token: str | None, uuid: str) -> bool:
        """Return whether the peer itself is the server `uuid` and knows the token."""
        return self._has_proof(token, uuid, self.peer)

    def knows_token(self, token: str | None, uuid: str) -> bool:
        """Return whether the server `uuid`, which knows the token, answered, perhaps by a relay."""
        return self.is_proven(token, uuid) or self._has_proof(token, uuid, self.address)

    def _has_proof(self, token: str | None, uuid: str, address: str) -> bool:
        if not token:
            return False
        expected = compute_proof(token, self.nonce, uuid, address, self.fingerprint).encode()
        return any(hmac.compare_digest(proof.encode(), expected) for proof in self.proofs)
