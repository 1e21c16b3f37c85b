"""Webhook calls: signed, and only to checked addresses."""

import asyncio
import base64
import hashlib
import hmac
import socket
import threading

import pytest

from wyoming_servers.webhooks.sender import SendError, WebhookSender, resolve_host
from wyoming_servers.webhooks.ssrf_guard import AddressGuard

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def sender(*allow: str, resolve=None) -> WebhookSender:
    return WebhookSender(lambda: AddressGuard(allow), SECRET, resolve=resolve)


async def test_call_has_a_valid_signature(receiver) -> None:
    async with sender("127.0.0.1") as calls:
        assert (
            await calls.post(receiver.url, b'{"a":1}', message_id="id-1", timestamp=42, timeout=5)
            == 200
        )
    ((headers, body),) = receiver.received
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("id-1", "42")
    digest = hmac.new(KEY, b"id-1.42." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert headers["content-type"] == "application/json"


async def test_private_address_is_never_connected_to(receiver) -> None:
    async with sender("public") as calls:
        with pytest.raises(SendError, match=r"webhooks\.allowed_targets") as failure:
            await calls.post(receiver.url, b"{}", message_id="x", timestamp=1, timeout=5)
    assert failure.value.final
    assert receiver.received == []


async def test_name_that_resolves_to_private_addresses_is_refused(receiver) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "::ffff:10.0.0.1"]

    async with sender("public", resolve=resolve) as calls:
        with pytest.raises(SendError, match="resolves to 127"):
            await calls.post(
                f"http://good.example:{receiver.port}/",
                b"{}",
                message_id="x",
                timestamp=1,
                timeout=5,
            )
    assert receiver.received == []


async def test_name_is_resolved_once_per_call(receiver) -> None:
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    async def resolve(host: str, port: int) -> list[str]:
        return answers.pop(0)

    async with sender("127.0.0.0/8", resolve=resolve) as calls:
        await calls.post(
            f"http://twice.example:{receiver.port}/p", b"{}", message_id="x", timestamp=1, timeout=5
        )
    assert len(answers) == 1
    assert receiver.received[0][0]["host"] == f"twice.example:{receiver.port}"


async def test_redirect_is_not_followed(receiver) -> None:
    receiver.statuses, receiver.location = [302], receiver.url + "/inner"
    async with sender("127.0.0.1") as calls:
        with pytest.raises(SendError, match="302"):
            await calls.post(receiver.url, b"{}", message_id="x", timestamp=1, timeout=5)
    assert receiver.targets == ["/hook"]


async def test_endless_response_is_not_read(receiver) -> None:
    receiver.endless = True
    async with sender("127.0.0.1") as calls:
        assert await calls.post(receiver.url, b"{}", message_id="x", timestamp=1, timeout=5) == 200


async def test_call_without_response_times_out(receiver) -> None:
    receiver.silent = True
    async with sender("127.0.0.1") as calls:
        with pytest.raises(SendError, match="no response"):
            await calls.post(receiver.url, b"{}", message_id="x", timestamp=1, timeout=0.1)


async def test_refused_connection_may_be_retried(receiver) -> None:
    async with sender("127.0.0.1") as calls:
        with pytest.raises(SendError) as failure:
            await calls.post("http://127.0.0.1:1/", b"{}", message_id="x", timestamp=1, timeout=5)
    assert not failure.value.final


async def test_system_resolver_returns_addresses_unchanged() -> None:
    assert await resolve_host("127.0.0.1", 80) == ["127.0.0.1"]


async def test_slow_name_server_occupies_no_thread_that_others_need(monkeypatch) -> None:
    answered, asked, look_up = threading.Event(), asyncio.Semaphore(0), socket.getaddrinfo
    loop = asyncio.get_running_loop()

    def slow(*arguments, **options):
        loop.call_soon_threadsafe(asked.release)
        answered.wait(60)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    lookups = [asyncio.create_task(resolve_host("127.0.0.1", 80)) for _ in range(64)]
    try:
        async with asyncio.timeout(30):
            for _ in lookups:
                await asked.acquire()
            assert await asyncio.to_thread(int, "7") == 7
        lookups[0].cancel()
        await asyncio.wait(lookups[:1], timeout=30)
        assert lookups[0].cancelled()
    finally:
        answered.set()
    assert await asyncio.gather(*lookups[1:]) == [["127.0.0.1"]] * 63
