"""Who listens on a port: a server of ours, another Wyoming server, or something else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx

from wyoming_servers.cli.client import Address, describe
from wyoming_servers.cli.edge import UnreachableError
from wyoming_servers.errors import UnauthorizedError
from wyoming_servers.servers.info import PROGRAM_NAME

ProbedService = Literal["asr", "tts", "wake", "api"]

_PROBE_SECONDS: Final = 3.0

_LOOPBACK: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)
"""Where to connect to reach a server that listens on every address."""


@dataclass(frozen=True, slots=True)
class PortOwner:
    """Who holds a port, as far as it tells."""

    name: str = ""
    """For people; empty if it tells nothing."""
    ours: bool = False


async def identify_port_owner(service: ProbedService, address: Address, token: str | None = None) -> PortOwner:
    """Ask what listens who it is; `token` is for our API. Never raises for a strange answer."""
    address = Address(_LOOPBACK.get(address.host, address.host), address.port)
    if service == "api":
        return await _identify_api(address, token)
    try:
        info = await describe(address, _PROBE_SECONDS)
    except UnreachableError:
        return PortOwner()
    names = [program.name for program in (*info.asr, *info.tts, *info.wake, *info.handle)]
    if PROGRAM_NAME in names and getattr(info, service):
        return PortOwner("a running Wyoming Conductor", ours=True)
    return PortOwner(f"the Wyoming server {', '.join(names) or 'without a name'}")


async def _identify_api(address: Address, token: str | None) -> PortOwner:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx.AsyncClient(timeout=_PROBE_SECONDS, trust_env=False) as client:
            answer = await client.get(f"http://{address}/info", headers=headers)
            body: Any = answer.json()
    except httpx.RequestError:
        return PortOwner()
    except ValueError:
        return PortOwner("a web server")
    body = body if isinstance(body, dict) else {}
    if body.get("name") == "Wyoming Conductor":
        return PortOwner(f"a running Wyoming Conductor {body.get('version', '')}".rstrip(), ours=True)
    if body.get("code") == UnauthorizedError.code:
        return PortOwner("a running Wyoming Conductor with another token", ours=True)
    return PortOwner("a web server")
