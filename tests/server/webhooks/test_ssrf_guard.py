"""Which addresses may be called."""

from ipaddress import ip_address

import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.webhooks.ssrf_guard import AddressGuard

INSIDE = [
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.10",
    "172.16.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:192.168.1.1",
    "2002:7f00:1::",
    "2002:db5::1",
    "2001:0:5db8:d70e::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
]
OUTSIDE = ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"]


@pytest.mark.parametrize("address", INSIDE)
def test_private_address_is_not_public(address: str) -> None:
    assert not AddressGuard(["public"]).permits("evil.example", ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_internet_address_is_public(address: str) -> None:
    assert AddressGuard(["public"]).permits("example.com", ip_address(address))
    assert not AddressGuard([]).permits("example.com", ip_address(address))


def test_private_network_can_be_allowed() -> None:
    guard = AddressGuard(["192.168.1.0/24", "10.0.0.7", "fd00::/8"])
    allowed = ["192.168.1.10", "10.0.0.7", "fd00::1", "::ffff:192.168.1.10"]
    assert all(guard.permits("x", ip_address(address)) for address in allowed)
    refused = ["192.168.2.10", "10.0.0.8", "fe80::1", "93.184.215.14"]
    assert not any(guard.permits("x", ip_address(address)) for address in refused)


def test_host_can_be_allowed_at_any_address() -> None:
    guard = AddressGuard(["NAS.local", "*.lan"])
    home = ip_address("192.168.1.10")
    assert guard.permits("nas.local.", home)
    assert guard.permits("box.lan", home)
    assert not guard.permits("lan", home)
    assert not guard.permits("nas.local.evil.example", home)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "nonsense",
        "http://user:pass@example.com/",
        "http://exa mple.com/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://example.com/\r\nX: y",
        "http://example.com/" + "x" * 3_000,
        "http://127。0。0。1/",
        "http://example.com/ü",
    ],
)
def test_disallowed_url_is_rejected_without_resolving(url: str) -> None:
    with pytest.raises(BadRequestError, match="webhook_url"):
        AddressGuard(["public"]).check_url(url)


def test_name_passes_if_anything_is_allowed() -> None:
    AddressGuard(["public"]).check_url("https://example.com:8443/hook?x=1")
    AddressGuard(["10.0.0.0/8"]).check_url("http://whatever/")
    with pytest.raises(BadRequestError, match=r"webhooks\.allow"):
        AddressGuard(["nas.local"]).check_url("http://other.local/")
    with pytest.raises(BadRequestError):
        AddressGuard([]).check_url("https://example.com/")


@pytest.mark.parametrize(
    "address", ["64:ff9b:1::a00:1", "64:ff9b:1:ffff::1", "::7f00:1", "::10.0.0.1", "fec0::1"]
)
def test_addresses_that_may_lead_into_the_home_are_not_public(address: str) -> None:
    assert not AddressGuard(["public"]).permits("x.example", ip_address(address))
    assert AddressGuard([address]).permits("x.example", ip_address(address))


@pytest.mark.parametrize(
    "url", ["http://127。0。0。1:24399/a", "http://bücher.example/", "http://a.example/ü"]
)
def test_url_that_is_not_ascii_is_refused_with_a_hint(url: str) -> None:
    with pytest.raises(BadRequestError, match="ASCII") as refused:
        AddressGuard(["public", "bücher.example"]).check_url(url)
    assert "xn--" in refused.value.hint
