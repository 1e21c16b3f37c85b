"""The server on networks that change, fail, delay and lose; each time clients find it again."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

Serve = Callable[..., Any]
Dial = Callable[..., Any]


async def check_served(dial: Dial, machine: Any, address: str, server: Any) -> None:
    """Describe every service, and let the server speak."""
    for service in ("asr", "tts", "wake"):
        line = await dial(machine, address, server.ports[service])
        assert await line.ask("describe", "info") == "info"
    line = await dial(machine, address, server.ports["tts"])
    assert await line.ask("synthesize", "audio-stop", "error", text="Hello.") == "audio-stop"


async def test_ipv6_alone(network: Any, serve: Serve, dial: Dial) -> None:
    machine, name = network.add_machine()
    for end, address in ((network.server, "fd77::1/64"), (machine, "fd77::2/64")):
        end.ip("address", "add", address, "dev", name, "nodad")
    server = serve(host="::")
    await check_served(dial, machine, "fd77::1", server)
    machine.wait_discovered("fd77::1", version=6)


async def test_changed_address_is_announced_at_once(network: Any, serve: Serve, dial: Dial) -> None:
    machine, name = network.add_ipv4()
    server = serve()
    machine.wait_discovered("10.77.1.1")
    network.server.ip("address", "del", "10.77.1.1/24", "dev", name)
    network.server.ip("address", "add", "10.77.1.9/24", "dev", name)
    network.server.ip("route", "replace", "default", "dev", name)
    started = time.monotonic()
    machine.wait_discovered("10.77.1.9")
    assert time.monotonic() - started < 20  # without a signal of the kernel: up to 30 s
    await check_served(dial, machine, "10.77.1.9", server)


async def test_two_interfaces(network: Any, serve: Serve, dial: Dial) -> None:
    machines = [network.add_ipv4(number)[0] for number in (1, 2)]
    server = serve()
    for number, machine in enumerate(machines, 1):
        assert f"10.77.{number}.1" in machine.discover_addresses()
        await check_served(dial, machine, f"10.77.{number}.1", server)


async def test_link_down_and_up(network: Any, serve: Serve, dial: Dial) -> None:
    machine, name = network.add_ipv4()
    server = serve()
    line = await dial(machine, "10.77.1.1", server.ports["wake"])
    assert await line.ask("ping", "pong") == "pong"
    network.server.ip("link", "set", name, "down")
    asking = asyncio.create_task(line.ask("ping", "pong"))
    await asyncio.sleep(2)
    assert not asking.done()
    network.server.ip("link", "set", name, "up")
    network.server.ip("route", "replace", "default", "dev", name)
    assert await asking == "pong"
    await check_served(dial, machine, "10.77.1.1", server)
    machine.wait_discovered("10.77.1.1")


async def test_half_open_connections_are_closed(
    network: Any, serve: Serve, dial: Dial, count_connections: Callable[[Any], int]
) -> None:
    machine, _ = network.add_ipv4()
    other, _ = network.add_ipv4(2)
    server = serve(limits__idle_timeout=3)
    lines = [await dial(machine, "10.77.1.1", server.ports["wake"]) for _ in range(20)]
    for line in lines:
        assert await line.ask("ping", "pong") == "pong"
    assert count_connections(server) >= 20
    machine.ip("link", "set", "lan1", "down")  # their machine is gone, without a word
    async with asyncio.timeout(30):
        while count_connections(server):  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.2)
    await check_served(dial, other, "10.77.2.1", server)
    assert "10.77.2.1" in other.discover_addresses()


async def test_delay_of_200_ms_and_loss_of_2_percent(
    network: Any, serve: Serve, dial: Dial
) -> None:
    machine, relay = network.add_lossy_machine(delay=0.1, loss=0.02)  # 0.2 s there and back
    server = serve()
    for _ in range(3):
        await check_served(dial, machine, "10.77.1.1", server)
    machine.wait_discovered("10.77.1.1")
    assert relay.lost > 1


async def test_slow_readers_do_not_disturb_others(network: Any, serve: Serve, dial: Dial) -> None:
    machine, _ = network.add_ipv4()
    server = serve()
    text = "This sentence is spoken again and again, to a client that never reads. " * 20
    slow = [await dial(machine, "10.77.1.1", server.ports["tts"]) for _ in range(20)]
    before = server.rss
    for line in slow:
        line.reader._transport.pause_reading()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await line.ask("synthesize", "audio-stop", text=text)
    await check_served(dial, machine, "10.77.1.1", server)
    assert server.rss - before < 128 * 1024 * 1024
    machine.wait_discovered("10.77.1.1")


@pytest.mark.usefixtures("many_descriptors")
async def test_thousand_clients(network: Any, serve: Serve, dial: Dial) -> None:
    machine, name = network.add_ipv4()
    addresses = [f"10.77.1.{number}" for number in range(100, 110)]
    for address in addresses:
        machine.ip("address", "add", f"{address}/24", "dev", name)
    server = serve()
    ports = [server.ports[service] for service in ("asr", "tts", "wake", "api")]

    def connect(number: int) -> Any:
        source = (addresses[number % len(addresses)], 0)
        return machine.connect("10.77.1.1", ports[number % 4], source_address=source)

    clients = [await asyncio.to_thread(connect, number) for number in range(1_000)]
    await check_served(dial, machine, "10.77.1.1", server)
    machine.wait_discovered("10.77.1.1")
    for client in clients:
        client.close()
