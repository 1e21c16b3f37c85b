import socket
from dataclasses import replace

import httpx
import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import ApiSection, Config
from wyoming_servers.http.app import create_app
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.middleware import HostCheckMiddleware


async def nothing(*_: object) -> None:
    raise NotImplementedError


def checked(*names: str) -> HostCheckMiddleware:
    settings = ApiSection(allowed_hosts=list(names))
    return HostCheckMiddleware(nothing, lambda: settings)


@pytest.mark.parametrize(
    "name",
    [
        "localhost", "127.0.0.1", "192.168.1.20", "::1", "fe80::1", "2001:db8::7", "box",
        "Box.Local", "box.local.", "conductor.home.arpa", "conductor.internal",
        "speech.example.com", "8.8.8.8",
    ],
)  # fmt: skip
def test_host_names_that_are_not_public_are_allowed(name: str) -> None:
    assert checked("Speech.example.com").is_local_name(name)


@pytest.mark.parametrize(
    "name",
    ["evil.com", "localhost.evil.com", "127.0.0.1.evil.com", "", None, "x:y", "evil.com."],
)
def test_public_host_names_are_not_allowed(name: str | None) -> None:
    assert not checked().is_local_name(name)


def test_host_name_of_this_machine_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "box.example.org")
    assert checked().is_local_name("BOX.example.org")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:10380", 200), ("[::1]:10380", 200), ("box", 200), ("evil.com", 421),
        ("evil.com:10380", 421), ("localhost@evil.com", 421), ("[::1", 421),
        ("evil.com@127.0.0.1", 421), ("127.0.0.1#.evil.com", 421), ("127.0.0.1/.evil.com", 421),
        ("", 421), ("127.0.0.1:port", 421),
    ],
)  # fmt: skip
async def test_request_with_a_public_host_header_is_rejected(
    anonymous: httpx.AsyncClient, host: str, status: int
) -> None:
    answer = await anonymous.get("/health/live", headers={"Host": host})
    assert answer.status_code == status
    if status != 200:
        assert "api.allowed_hosts" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://evil.com", 403),
        ("null", 403),
        ("http://192.168.1.5:8123", 403),
        ("", 202),
        ("http://203.0.113.5", 403),
        ("http://localhost:8123", 403),
        ("http://localhost", 202),
        ("https://localhost", 202),
        ("http://LOCALHOST:80", 202),
        ("http://localhost@evil.com", 403),
        ("http://localhost:80:80", 403),
        ("file://localhost", 403),
        ("localhost", 403),
    ],
)
async def test_request_with_another_origin_cannot_change_anything(
    context: ApiContext, origin: str, status: int
) -> None:
    app = create_app(replace(context, token=None))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://localhost"
    ) as client:
        answer = await client.post("/model/load", headers={"Origin": origin} if origin else {})
        assert answer.status_code == status
        assert (await client.get("/model/status", headers={"Origin": origin})).status_code == 200


async def test_allowed_hosts_of_the_configuration_are_accepted(context: ApiContext) -> None:
    config = Config.model_validate({"api": {"allowed_hosts": ["speech.example.com"]}})
    transport = httpx.ASGITransport(
        app=create_app(replace(context, config_holder=ConfigHolder(config)))
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for host, status in (("speech.example.com", 200), ("other.example.com", 421)):
            answer = await client.get("/health/live", headers={"Host": host})
            assert answer.status_code == status


CROSS = {"Sec-Fetch-Site": "cross-site"}
SAME_SITE = {"Sec-Fetch-Site": "same-site"}
PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "allowed"),
    [
        ("GET", "/model/status", CROSS, False),  # an image or script of another site
        ("GET", "/docs", LINK, True),
        ("GET", "/model/status", SAME_SITE, True),
        ("POST", "/model/load", CROSS, False),
        ("POST", "/model/load", LINK, False),  # a form of another site
        ("POST", "/model/load", SAME_SITE, False),  # another port of this machine
        ("POST", "/model/load", PAGE, True),
        ("POST", "/model/load", {"Sec-Fetch-Site": "none"}, True),
        ("POST", "/model/load", {**CROSS, "Origin": "https://page.example"}, True),
    ],
)
async def test_fetch_metadata_of_browsers_is_considered(
    context: ApiContext, method: str, path: str, headers: dict[str, str], allowed: bool
) -> None:
    config = Config.model_validate({"api": {"cors_origins": ["https://page.example"]}})
    app = create_app(replace(context, token=None, config_holder=ConfigHolder(config)))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://localhost"
    ) as client:
        answer = await client.request(method, path, headers=headers)
        assert (answer.status_code != 403) is allowed, answer.text
