import stat
from pathlib import Path

import pytest

from wyoming_servers.net.tls import (
    create_certificate,
    group_fingerprint,
    load_identity,
    own_names,
)


@pytest.fixture
def blockbuster() -> None:
    """These functions run in threads."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "api-certificate.pem"
    create_certificate(path, own_names())
    return path


def test_certificate_is_private_and_stays_the_same(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = load_identity(path)
    assert len(bytes.fromhex(first.fingerprint)) == 32
    assert load_identity(path).fingerprint == first.fingerprint
    assert group_fingerprint(first.fingerprint).replace(":", "").lower() == first.fingerprint


def test_every_certificate_has_a_key_of_its_own(path: Path) -> None:
    before = load_identity(path).fingerprint
    create_certificate(path, ["localhost"])
    assert load_identity(path).fingerprint != before


def test_access_of_other_users_is_taken_away(path: Path) -> None:
    path.chmod(0o644)
    load_identity(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "\0" * len(text),
        lambda text: text[: text.index("-----BEGIN CERTIFICATE")],
        lambda text: text[text.index("-----BEGIN CERTIFICATE") :],
        lambda text: text.replace("A", "B", 40),
        lambda text: text + text[len(text) // 2 :],
        lambda text: "é" * 100,
    ],
)
def test_damaged_file_is_a_value_error(path: Path, damage) -> None:
    text = path.read_text()
    path.write_text(damage(text))
    try:
        load_identity(path)
    except ValueError:
        return
    # Text after the certificate changes nothing.
    assert path.read_text().startswith(text)


def test_encrypted_key_is_a_value_error_and_no_question(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    text = path.read_bytes()
    key = load_pem_private_key(text, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    path.write_bytes(key + text[text.index(b"-----BEGIN CERTIFICATE") :])
    with pytest.raises(ValueError, match="cannot be used"):
        load_identity(path)
