"""Who listens on a port: a server of ours, another Wyoming server, or something else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx

from wyoming_servers.cli.client import Address, describe
from wyoming_servers.cli.edge import UnreachableError
from wyoming_servers.errors import UnauthorizedError
from wyoming_servers.servers.info import PROGRAM

Service = Literal["asr", "tts", "wake", "api"]

_SECONDS: Final = 3.0

_LOOPBACK: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)
"""Where to connect to reach a server that listens on every address."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a port, as far as it tells."""

    name: str = ""
    """For people; empty if it tells nothing."""
    ours: bool = False


async def identify(service: Service, address: Address, token: str | None = None) -> Owner:
    """Ask what listens who it is; `token` is for our API. Never raises for a strange answer."""
    address = Address(_LOOPBACK.get(address.host, address.host), address.port)
    if service == "api":
        return await _ask_api(address, token)
    try:
        info = await describe(address, _SECONDS)
    except UnreachableError:
        return Owner()
    names = [program.name for program in (*info.asr, *info.tts, *info.wake, *info.handle)]
    if PROGRAM in names and getattr(info, service):
        return Owner("a running Wyoming Conductor", ours=True)
    return Owner(f"the Wyoming server {', '.join(names) or 'without a name'}")


async def _ask_api(address: Address, token: str | None) -> Owner:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            answer = await client.get(f"http://{address}/info", headers=headers)
            body: Any = answer.json()
    except httpx.RequestError:
        return Owner()
    except ValueError:
        return Owner("a web server")
    body = body if isinstance(body, dict) else {}
    if body.get("name") == "Wyoming Conductor":
        return Owner(f"a running Wyoming Conductor {body.get('version', '')}".rstrip(), ours=True)
    if body.get("code") == UnauthorizedError.code:
        return Owner("a running Wyoming Conductor with another token", ours=True)
    return Owner("a web server")
