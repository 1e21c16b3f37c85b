"""Ports and hosts that the server could not open at the next start."""

import socket
from collections.abc import Iterator

import pytest

from wyoming_servers.app.listeners import check_listeners
from wyoming_servers.config.schema import Config


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of the loopback address that another program uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def config(host: str = "127.0.0.1", **ports: int) -> Config:
    sections = {name: {"port": ports.get(name, 0)} for name in ("asr", "tts", "wake", "api")}
    return Config.model_validate({"host": host, **sections})


async def problems(saved: Config, effective: Config) -> dict[str, str]:
    return {problem.path: problem.message for problem in await check_listeners(saved, effective)}


async def test_port_in_use_is_a_problem(taken: int) -> None:
    found = await problems(config(asr=taken), config())
    assert list(found) == ["asr.port"]
    assert str(taken) in found["asr.port"]


async def test_port_that_the_server_itself_uses_is_none(taken: int) -> None:
    assert await problems(config(tts=taken), config(asr=taken)) == {}


async def test_port_of_a_service_that_is_turned_on_is_checked(taken: int) -> None:
    off = config(asr=taken).model_copy(
        update={"asr": config(asr=taken).asr.model_copy(update={"enabled": False})}
    )
    assert list(await problems(config(asr=taken), off)) == ["asr.port"]
    assert await problems(off, off) == {}


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_host_that_is_not_of_this_machine_is_a_problem(host: str) -> None:
    assert list(await problems(config(host), config())) == ["host"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost"])
async def test_host_of_this_machine_is_none(host: str) -> None:
    assert await problems(config(host), config()) == {}
