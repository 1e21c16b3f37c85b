"""TLS with a certificate of the server's own, which clients pin by its fingerprint.

No authority issues certificates for machines in a home, so the server makes one when it needs it
and keeps it: a client that has seen it once recognizes the server by it.
"""

import asyncio
import hashlib
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from wyoming_servers.core.files import PRIVATE_MODE, atomic_write, protect

CERTIFICATE_FILE: Final = "api-certificate.pem"
"""One file for the key and the certificate, so that they are replaced together."""

_HANDSHAKE: Final = b"\x16"
"""First byte of a TLS connection (content type, RFC 8446); no HTTP request begins with it."""

_VALID_FROM: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""Long ago, because small machines start with a clock that is wrong."""

_VALID_UNTIL: Final = datetime(2049, 12, 31, tzinfo=UTC)
"""Pinned certificates do not expire; this is the last year of the format of certificates' times."""

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """The certificate of the server, ready to be used."""

    context: ssl.SSLContext
    fingerprint: str
    """SHA-256 of the certificate, 64 lower-case hexadecimal digits."""


def load_identity(path: Path) -> TlsIdentity:
    """Read the key and the certificate, with the certificates of its issuers if there are any.

    Blocks on the disk. Raises FileNotFoundError, ValueError if they cannot be used, OSError.
    """
    text = path.read_text(encoding="ascii")
    protect(path)
    found = _CERTIFICATE.search(text)
    if found is None:
        raise ValueError("It contains no certificate.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password OpenSSL would ask for it on the terminal.
        context.load_cert_chain(path, password="")
    except ssl.SSLError as err:
        raise ValueError("Its key and its certificate cannot be used.") from err
    der = ssl.PEM_cert_to_DER_cert(found[0])
    return TlsIdentity(context, hashlib.sha256(der).hexdigest())


def create_certificate(path: Path, names: Sequence[str]) -> None:
    """Make a key and a certificate for host names and addresses, readable by the owner only.

    Blocks on the disk. Raises OSError.
    """
    # Imported here: it is needed once in the life of an installation.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wyoming Conductor")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_UNTIL)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    atomic_write(path, private + public, mode=PRIVATE_MODE)


def own_names() -> list[str]:
    """Return the names under which a server of this machine is usually reached.

    Addresses of the network change, and are left out: a client that pins does not look at names.
    """
    host = socket.gethostname().rstrip(".").lower()
    names = [host, f"{host}.local"] if re.fullmatch(r"[a-z0-9-]{1,63}", host) else []
    return [*names, "localhost", "127.0.0.1", "::1"]


def group_fingerprint(fingerprint: str) -> str:
    """Return a fingerprint as browsers and OpenSSL show it: `AB:CD:...`."""
    return ":".join(re.findall("..", fingerprint.upper()))


async def speaks_tls(sock: socket.socket) -> bool:
    """Wait for the first byte of a connection, and return whether it begins TLS; reads nothing.

    Raises ConnectionError if the client closes the connection instead. `sock` must not block.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        while True:
            await readable.wait()
            try:
                first = sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                readable.clear()
                continue
            if not first:
                raise ConnectionResetError("closed before the first byte")
            return first == _HANDSHAKE
    finally:
        loop.remove_reader(sock)
