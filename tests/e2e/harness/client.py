"""A client of Home Assistant's REST and websocket interfaces, as a browser is one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp

REPLY_SECONDS = 60.0

USERNAME = "tester"
PASSWORD = "correct horse"
"""Of the owner."""


class HassError(Exception):
    """Raised when Home Assistant refuses a request; the text is its own."""


class Subscription:
    """The events of one websocket command, in order."""

    def __init__(self, number: int) -> None:
        """Belong to the command with this id."""
        self.number = number
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def put(self, event: dict[str, Any]) -> None:
        """Add an event that arrived."""
        self._events.put_nowait(event)

    async def next(self) -> dict[str, Any]:
        """Wait for the next event; the caller brings the deadline."""
        return await self._events.get()


class HassClient:
    """One logged-in user; make it with `log_in`."""

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
        self._numbers = count(1)
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._subscriptions: dict[int, Subscription] = {}

    async def get(self, path: str) -> Any:
        """GET a path of the API; return the JSON."""
        async with self._session.get(self._url + path, headers=self._headers) as reply:
            return await _json(reply)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST JSON to a path of the API; return the JSON."""
        async with self._session.post(self._url + path, json=body, headers=self._headers) as reply:
            return await _json(reply)

    async def delete(self, path: str) -> Any:
        """DELETE a path of the API; return the JSON."""
        async with self._session.delete(self._url + path, headers=self._headers) as reply:
            return await _json(reply)

    async def fetch(self, path: str, on_begin: Callable[[], None] = lambda: None) -> bytes:
        """GET a file without a token, as a media player does; `on_begin` at its first byte."""
        async with self._session.get(self._url + path) as reply:
            content = await reply.content.readany()
            on_begin()
            content += await reply.read()
            if reply.status != 200:
                raise HassError(f"GET {path}: {reply.status} {content[:200]!r}")
            return content

    async def state(self, entity_id: str) -> str:
        """Return the state of an entity."""
        state: str = (await self.get(f"/api/states/{entity_id}"))["state"]
        return state

    async def ask(self, command: str, **fields: Any) -> Any:
        """Send a websocket command; return its result."""
        return (await self._send(command, fields))[1]

    async def subscribe(self, command: str, **fields: Any) -> Subscription:
        """Send a websocket command that is answered by events."""
        return (await self._send(command, fields))[0]

    async def shows(self, entity_id: str, *states: str, within: float) -> str:
        """Wait until an entity has one of the states; return which. `within` is in seconds."""
        found = ""
        try:
            async with asyncio.timeout(within):
                while found not in states:
                    await asyncio.sleep(0.05)
                    every = await self.get("/api/states")
                    found = next((o["state"] for o in every if o["entity_id"] == entity_id), "")
        except TimeoutError as err:
            err.add_note(f"{entity_id} is {found or 'not there'}, not {' or '.join(states)}")
            raise
        return found

    async def send_sound(self, handler: int, pcm: bytes) -> None:
        """Send sound to a running pipeline; empty `pcm` says that no more comes."""
        await self._socket.send_bytes(bytes([handler]) + pcm)

    async def listen(self) -> None:
        """Hand each message to whoever waits for it, until the socket closes."""
        async for message in self._socket:
            content = message.json()
            for item in content if isinstance(content, list) else [content]:
                if item["type"] == "result" and (reply := self._replies.pop(item["id"], None)):
                    reply.set_result(item)
                elif item["type"] == "event":
                    self._subscriptions[item["id"]].put(item["event"])

    async def _send(self, command: str, fields: dict[str, Any]) -> tuple[Subscription, Any]:
        number = next(self._numbers)
        # Before the command is sent: its first event may come together with its result.
        subscription = self._subscriptions[number] = Subscription(number)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "type": command, **fields})
        async with asyncio.timeout(REPLY_SECONDS):
            answer = await reply
        if not answer["success"]:
            raise HassError(f"{command}: {answer['error']}")
        return subscription, answer["result"]


@asynccontextmanager
async def log_in(url: str) -> AsyncIterator[HassClient]:
    """Create the owner of a new Home Assistant and yield its client, once the home has started."""
    timeout = aiohttp.ClientTimeout(total=REPLY_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        token = await _create_owner(session, url)
        async with session.ws_connect(f"{url}/api/websocket", max_msg_size=0) as socket:
            await socket.receive_json()  # auth_required
            await socket.send_json({"type": "auth", "access_token": token})
            answer = await socket.receive_json()
            if answer["type"] != "auth_ok":
                raise HassError(f"The websocket refused the token: {answer}")
            client = HassClient(session, socket, url, token)
            listener = asyncio.create_task(client.listen(), name="websocket of Home Assistant")
            try:
                async with asyncio.timeout(REPLY_SECONDS):
                    await _started(client)
                yield client
            finally:
                await socket.close()
                await listener


async def _started(client: HassClient) -> None:
    """Wait until every integration is set up; the caller brings the deadline."""
    while True:
        if (await client.ask("get_config"))["state"] == "RUNNING":
            return
        await asyncio.sleep(0.1)


async def _create_owner(session: aiohttp.ClientSession, url: str) -> str:
    """Do the user step of onboarding; return an access token."""
    client_id = f"{url}/"
    person = {"name": "Tester", "username": USERNAME, "password": PASSWORD, "language": "en"}
    async with session.post(
        f"{url}/api/onboarding/users", json={**person, "client_id": client_id}
    ) as reply:
        code = (await _json(reply))["auth_code"]
    grant = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
    async with session.post(f"{url}/auth/token", data=grant) as reply:
        token: str = (await _json(reply))["access_token"]
        return token


async def _json(reply: aiohttp.ClientResponse) -> Any:
    if reply.status >= 400:
        raise HassError(f"{reply.method} {reply.url}: {reply.status} {(await reply.text())[:500]}")
    return await reply.json()
