"""One call, made to the address that was checked."""

import base64
import hashlib
import hmac

import pytest

from wyoming_servers.webhooks.sender import SendError, WebhookSender, resolve_host
from wyoming_servers.webhooks.ssrf_guard import AddressGuard

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def sender(*allow: str, resolve=None) -> WebhookSender:
    return WebhookSender(lambda: AddressGuard(allow), SECRET, resolve=resolve)


async def test_a_call_is_signed_so_that_the_other_side_can_check_it(listener) -> None:
    async with sender("127.0.0.1") as calls:
        assert (
            await calls.post(listener.url, b'{"a":1}', message_id="id-1", timestamp=42, timeout=5)
            == 200
        )
    ((headers, body),) = listener.heard
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("id-1", "42")
    digest = hmac.new(KEY, b"id-1.42." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert headers["content-type"] == "application/json"


async def test_an_address_at_home_is_never_connected_to(listener) -> None:
    async with sender("public") as calls:
        with pytest.raises(SendError, match=r"webhooks\.allowed_targets") as failure:
            await calls.post(listener.url, b"{}", message_id="x", timestamp=1, timeout=5)
    assert failure.value.final
    assert listener.heard == []


async def test_a_name_that_points_home_is_refused_whatever_it_looks_like(listener) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "::ffff:10.0.0.1"]

    async with sender("public", resolve=resolve) as calls:
        with pytest.raises(SendError, match="resolves to 127"):
            await calls.post(
                f"http://good.example:{listener.port}/",
                b"{}",
                message_id="x",
                timestamp=1,
                timeout=5,
            )
    assert listener.heard == []


async def test_a_name_is_resolved_once_so_that_it_cannot_change_in_between(listener) -> None:
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    async def resolve(host: str, port: int) -> list[str]:
        return answers.pop(0)

    async with sender("127.0.0.0/8", resolve=resolve) as calls:
        await calls.post(
            f"http://twice.example:{listener.port}/p", b"{}", message_id="x", timestamp=1, timeout=5
        )
    assert len(answers) == 1
    assert listener.heard[0][0]["host"] == f"twice.example:{listener.port}"


async def test_a_redirect_is_not_followed(listener) -> None:
    listener.statuses, listener.location = [302], listener.url + "/inner"
    async with sender("127.0.0.1") as calls:
        with pytest.raises(SendError, match="302"):
            await calls.post(listener.url, b"{}", message_id="x", timestamp=1, timeout=5)
    assert listener.targets == ["/hook"]


async def test_an_endless_answer_is_not_read(listener) -> None:
    listener.endless = True
    async with sender("127.0.0.1") as calls:
        assert await calls.post(listener.url, b"{}", message_id="x", timestamp=1, timeout=5) == 200


async def test_who_does_not_answer_is_given_up(listener) -> None:
    listener.silent = True
    async with sender("127.0.0.1") as calls:
        with pytest.raises(SendError, match="no response"):
            await calls.post(listener.url, b"{}", message_id="x", timestamp=1, timeout=0.1)


async def test_nobody_there_is_a_failure_that_may_pass(listener) -> None:
    async with sender("127.0.0.1") as calls:
        with pytest.raises(SendError) as failure:
            await calls.post("http://127.0.0.1:1/", b"{}", message_id="x", timestamp=1, timeout=5)
    assert not failure.value.final


async def test_the_system_resolves_addresses_to_themselves() -> None:
    assert await resolve_host("127.0.0.1", 80) == ["127.0.0.1"]
