"""Client of Home Assistant's REST and websocket APIs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp

REQUEST_TIMEOUT = 60.0

USERNAME = "tester"
PASSWORD = "correct horse"
"""Credentials of the owner."""


class HassError(Exception):
    """Raised when Home Assistant rejects a request; contains its message."""


class Subscription:
    """Events of a websocket command in order."""

    def __init__(self, command_id: int) -> None:
        """Belong to the command with this id."""
        self.command_id = command_id
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def put(self, event: dict[str, Any]) -> None:
        """Add an event."""
        self._events.put_nowait(event)

    async def next(self) -> dict[str, Any]:
        """Wait for the next event; the caller sets a timeout."""
        return await self._events.get()


class HassClient:
    """Client of a logged-in user, created by `log_in`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
        url: str,
        token: str,
    ) -> None:
        """Use an open session and an authorized websocket."""
        self._session = session
        self._socket = socket
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._command_ids = count(1)
        self._responses: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._subscriptions: dict[int, Subscription] = {}

    async def get(self, path: str) -> Any:
        """GET a path of the API; return the JSON."""
        async with self._session.get(self._url + path, headers=self._headers) as response:
            return await _json(response)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST JSON to a path of the API; return the JSON."""
        async with self._session.post(
            self._url + path, json=body, headers=self._headers
        ) as response:
            return await _json(response)

    async def delete(self, path: str) -> Any:
        """DELETE a path of the API; return the JSON."""
        async with self._session.delete(self._url + path, headers=self._headers) as response:
            return await _json(response)

    async def fetch(self, path: str, on_begin: Callable[[], None] = lambda: None) -> bytes:
        """GET a file without a token, as a media player does; `on_begin` is called at its start."""
        async with self._session.get(self._url + path) as response:
            content = await response.content.readany()
            on_begin()
            content += await response.read()
            if response.status != 200:
                raise HassError(f"GET {path}: {response.status} {content[:200]!r}")
            return content

    async def state(self, entity_id: str) -> str:
        """Return the state of an entity."""
        state: str = (await self.get(f"/api/states/{entity_id}"))["state"]
        return state

    async def command(self, command: str, **fields: Any) -> Any:
        """Send a websocket command; return its result."""
        return (await self._send(command, fields))[1]

    async def subscribe(self, command: str, **fields: Any) -> Subscription:
        """Send a websocket command that returns events."""
        return (await self._send(command, fields))[0]

    async def wait_for_state(self, entity_id: str, *states: str, within: float) -> str:
        """Wait up to `within` seconds until an entity has one of the states; return the state."""
        found = ""
        try:
            async with asyncio.timeout(within):
                while found not in states:
                    await asyncio.sleep(0.05)
                    every = await self.get("/api/states")
                    found = next((o["state"] for o in every if o["entity_id"] == entity_id), "")
        except TimeoutError as err:
            err.add_note(f"{entity_id} is {found or 'missing'}, not {' or '.join(states)}")
            raise
        return found

    async def send_audio(self, handler: int, pcm: bytes) -> None:
        """Send audio to a running pipeline; empty `pcm` marks its end."""
        await self._socket.send_bytes(bytes([handler]) + pcm)

    async def receive(self) -> None:
        """Dispatch messages to the waiting callers until the socket closes."""
        async for message in self._socket:
            content = message.json()
            for item in content if isinstance(content, list) else [content]:
                if item["type"] == "result" and (response := self._responses.pop(item["id"], None)):
                    response.set_result(item)
                elif item["type"] == "event":
                    self._subscriptions[item["id"]].put(item["event"])

    async def _send(self, command: str, fields: dict[str, Any]) -> tuple[Subscription, Any]:
        command_id = next(self._command_ids)
        # Before the command is sent, because its first event may arrive with its result.
        subscription = self._subscriptions[command_id] = Subscription(command_id)
        response = self._responses[command_id] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": command_id, "type": command, **fields})
        async with asyncio.timeout(REQUEST_TIMEOUT):
            answer = await response
        if not answer["success"]:
            raise HassError(f"{command}: {answer['error']}")
        return subscription, answer["result"]


@asynccontextmanager
async def log_in(url: str) -> AsyncIterator[HassClient]:
    """Create the owner of a new Home Assistant and yield a client when it is running."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        token = await _create_owner(session, url)
        async with session.ws_connect(f"{url}/api/websocket", max_msg_size=0) as socket:
            await socket.receive_json()  # auth_required
            await socket.send_json({"type": "auth", "access_token": token})
            answer = await socket.receive_json()
            if answer["type"] != "auth_ok":
                raise HassError(f"The websocket rejected the token: {answer}")
            client = HassClient(session, socket, url, token)
            listener = asyncio.create_task(client.receive(), name="websocket of Home Assistant")
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT):
                    await _wait_until_running(client)
                yield client
            finally:
                await socket.close()
                await listener


async def _wait_until_running(client: HassClient) -> None:
    """Wait until all integrations are set up; the caller sets a timeout."""
    while True:
        if (await client.command("get_config"))["state"] == "RUNNING":
            return
        await asyncio.sleep(0.1)


async def _create_owner(session: aiohttp.ClientSession, url: str) -> str:
    """Do the user step of onboarding; return an access token."""
    client_id = f"{url}/"
    person = {"name": "Tester", "username": USERNAME, "password": PASSWORD, "language": "en"}
    async with session.post(
        f"{url}/api/onboarding/users", json={**person, "client_id": client_id}
    ) as response:
        code = (await _json(response))["auth_code"]
    grant = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
    async with session.post(f"{url}/auth/token", data=grant) as response:
        token: str = (await _json(response))["access_token"]
        return token


async def _json(response: aiohttp.ClientResponse) -> Any:
    if response.status >= 400:
        raise HassError(
            f"{response.method} {response.url}: {response.status} {(await response.text())[:500]}"
        )
    return await response.json()
