"""Memory that clients can make the server hold: at most 8 bytes per byte sent, 256 MiB in sum."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

_LOGGER = logging.getLogger(__name__)
"""Shows measured values with `--log-cli-level=info`."""

MAX_EXPANSION = 8
MAX_PER_CONNECTION = 128 * 1024
"""Bytes that a connection costs before it sends anything, and what its first events may cost."""
MAX_SUM = 256 * 1024 * 1024
NOISE = 24 * 1024 * 1024
"""What a server takes during its first requests of any kind, and what the allocator keeps."""

MIB = 1024 * 1024

Send = Callable[[Any], Awaitable[int]]
"""Sends what it can and returns the number of bytes."""


async def pour(peer: Any, data: bytes, times: int = 1) -> int:
    """Send data until the server reads no more; return the bytes sent."""
    sent = 0
    for _ in range(times):
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.5):
                await peer.send_bytes(data)
                sent += len(data)
                continue
        break
    return sent


def header(type_: str, **lengths: int) -> bytes:
    fields = "".join(f', "{name}_length": {value}' for name, value in lengths.items())
    return f'{{"type": "{type_}"{fields}}}\n'.encode()


async def unfinished_payload(peer: Any) -> int:
    return await pour(peer, header("audio-chunk", payload=MIB) + bytes(MIB - 1))


async def unfinished_names(peer: Any) -> int:
    return await pour(peer, header("transcribe", data=MIB) + b" " * (MIB - 1))


async def empty_lists(peer: Any) -> int:
    names = b'{"transcript_names": [' + b"[]," * 300_000 + b"[]]}"
    return await pour(peer, header("transcribe", data=len(names)) + names)


async def short_names(peer: Any) -> int:
    names = b'{"transcript_names": [' + b'"Lamp", ' * 100_000 + b'"Lamp"]}'
    return await pour(peer, header("transcribe", data=len(names)) + names)


async def long_unknown_fields(peer: Any) -> int:
    data = b'{"unknown": "' + b"x" * (MIB - 100) + b'"}'
    return await pour(peer, header("transcribe", data=len(data)) + data)


async def tiny_events(peer: Any) -> int:
    """Events of 22 bytes behind a request that is not done."""
    await peer.send("transcribe")
    await peer.send("audio-stop")
    return await pour(peer, b'{"type":"transcribe"}\n' * 1_000, 100)


async def audio_of_the_lowest_rate(peer: Any) -> int:
    await peer.send("transcribe", context={"turn_detection": False})
    audio = b"\x10\xf0" * 20_000
    data = b'{"rate": 4000, "width": 1, "channels": 1}'
    return await pour(
        peer, header("audio-chunk", data=len(data), payload=len(audio)) + data + audio, 10
    )


async def pings_whose_answers_are_not_read(peer: Any) -> int:
    return await pour(peer, b'{"type":"ping","data":{"text":"x"}}\n' * 1_000, 30)


ATTACKS = [
    unfinished_payload,
    unfinished_names,
    empty_lists,
    short_names,
    long_unknown_fields,
    tiny_events,
    audio_of_the_lowest_rate,
    pings_whose_answers_are_not_read,
]


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize("send", ATTACKS, ids=lambda send: send.__name__)
async def test_memory_for_clients_is_bounded_by_what_they_send_and_in_sum(
    start_server: Callable[..., Any], attack: Any, send: Send
) -> None:
    server = start_server()
    port = server.ports["asr"]
    await attack.describe_seconds(port)
    before = server.rss
    count = 240
    peers = await attack.hold([port], count, ["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    sent, most = 0, before
    waits = []
    for start in range(0, len(peers), 40):
        sent += sum(await asyncio.gather(*(send(peer) for peer in peers[start : start + 40])))
        waits.append(await attack.describe_seconds(port))
        most = max(most, server.rss)
    grown = most - before
    _LOGGER.info(
        "%s: sent %.1f MiB, grew by %.1f MiB, describe at most %.0f ms",
        getattr(send, "__name__", ""),
        sent / MIB,
        grown / MIB,
        1_000 * max(waits),
    )
    assert sent
    assert grown <= MAX_SUM
    assert grown <= MAX_EXPANSION * sent + MAX_PER_CONNECTION * count + NOISE
    assert max(waits) < 5
