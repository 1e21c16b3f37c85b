import asyncio
import signal
import socket

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.core.errors import BadRequestError, BusyError
from wyoming_servers.http.server import ApiServer


async def test_server_listens_on_the_returned_port(live: httpx.AsyncClient) -> None:
    answer = await live.get("/health/live")
    assert answer.json() == {"status": "ok"}
    assert "server" not in answer.headers


async def test_server_installs_no_signal_handlers(app: FastAPI) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    server = ApiServer(app, "127.0.0.1", 0)
    await server.start()
    during = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    await server.stop(1)
    assert during == before


async def test_port_in_use_is_an_error_with_a_hint(app: FastAPI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ApiServer(app, "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(BusyError, match="the port is in use") as failure:
            await server.start()
    assert "api.port" in failure.value.hint
    await server.stop(1)


async def test_address_of_another_machine_is_an_error(app: FastAPI) -> None:
    with pytest.raises(BadRequestError, match="cannot listen"):
        await ApiServer(app, "192.0.2.1", 0).start()


async def test_all_addresses_of_a_host_name_share_the_port(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    async def two(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))
            for address in ("127.0.0.1", "127.0.0.2")
        ]

    monkeypatch.setattr(loop, "getaddrinfo", two)
    server = ApiServer(app, "both", 0)
    port = await server.start()
    monkeypatch.undo()
    async with httpx.AsyncClient(trust_env=False) as client:
        for address in ("127.0.0.1", "127.0.0.2"):
            answer = await client.get(f"http://{address}:{port}/health/live")
            assert answer.status_code == 200
    await server.stop(1)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["", "::"])
async def test_api_on_every_address_accepts_ipv4_and_ipv6(app: FastAPI, host: str) -> None:
    server = ApiServer(app, host, 0)
    port = await server.start()
    for address in ("127.0.0.1", "::1"):
        _, writer = await asyncio.open_connection(address, port)
        writer.close()
    await server.stop(1)


async def test_running_response_is_finished_within_the_grace_time(
    app: FastAPI,
) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        started.set()
        await go.wait()
        return "done"

    app.add_api_route("/slow", slow)
    server = ApiServer(app, "127.0.0.1", 0)
    port = await server.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        request = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/slow"))
        await started.wait()
        stopping = asyncio.create_task(server.stop(20))
        await asyncio.sleep(0)
        go.set()
        assert (await request).json() == "done"
        await stopping


async def test_endless_response_is_aborted_after_the_grace_time(app: FastAPI) -> None:
    started = asyncio.Event()

    async def stuck() -> None:
        started.set()
        await asyncio.Event().wait()

    app.add_api_route("/stuck", stuck)
    server = ApiServer(app, "127.0.0.1", 0)
    port = await server.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        request = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/stuck"))
        await started.wait()
        async with asyncio.timeout(10):
            await server.stop(0.05)
        answer = await asyncio.gather(request, return_exceptions=True)
    failed = isinstance(answer[0], httpx.HTTPError)
    assert failed or answer[0].status_code == 500  # type: ignore[union-attr]


async def test_stop_without_start_does_nothing(app: FastAPI) -> None:
    await ApiServer(app, "127.0.0.1", 0).stop(1)
