"""Conversation agents: sources of answers. A language model, Home Assistant, or an echo."""

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import certifi
import httpx

from wyoming_servers.config.schema import ConversationSection, HomeAssistantAgentSection
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    ConductorError,
    DeadlineError,
    InferenceFailedError,
    shorten,
)

MAX_ANSWER_BYTES: Final = 1024 * 1024
"""Longest answer that is read from an agent."""

AGENTS: Final = ("echo", "openai", "home_assistant")

_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
"""Seconds between two parts of an answer; a language model may have to be loaded first."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function that the client should call."""

    call_id: str
    name: str
    arguments: str
    """JSON."""


AgentOutput = TextDelta | FunctionCall


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """A conversation that needs an answer."""

    messages: Sequence[dict[str, Any]]
    """Messages of OpenAI's chat completions, the last one at the end."""
    model: str = ""
    """Model that the client asked for; empty for the configured one."""
    language: str = ""
    """Language of the last message; empty if it is not known."""
    conversation_id: str = ""
    tools: Sequence[dict[str, Any]] = ()
    """Functions, as in OpenAI's chat completions."""
    tool_choice: Any = None
    max_tokens: int | None = None
    temperature: float | None = None

    @property
    def last_text(self) -> str:
        """The last message of the user."""
        return next(
            (
                str(message["content"])
                for message in reversed(self.messages)
                if message["role"] == "user" and message.get("content")
            ),
            "",
        )


class Agent(Protocol):
    """Answers a conversation; cancelling the iteration stops the answer."""

    def answer(self, request: AgentRequest) -> AsyncGenerator[AgentOutput, None]:
        """Yield the answer as it grows. Raises ConductorError."""
        ...


class EchoAgent:
    """Repeats the last message; needs nothing, so it tests microphone and voice."""

    async def answer(self, request: AgentRequest) -> AsyncGenerator[AgentOutput, None]:
        if request.last_text:
            yield TextDelta(request.last_text)


class OpenAiAgent:
    """A language model behind an API like OpenAI's chat completions."""

    def __init__(self, client: httpx.AsyncClient, config: ConversationSection) -> None:
        self._client = client
        self._config = config.openai
        if not self._config.url:
            raise BadRequestError(
                "No language model is configured.", hint="Set conversation.openai.url."
            )

    async def answer(self, request: AgentRequest) -> AsyncGenerator[AgentOutput, None]:
        body: dict[str, Any] = {
            "model": request.model or self._config.model or await self._first_model(),
            "messages": list(request.messages),
            "stream": True,
        }
        if request.tools:
            body["tools"] = list(request.tools)
            if request.tool_choice is not None:
                body["tool_choice"] = request.tool_choice
        if request.max_tokens is not None:
            body["max_tokens"] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        calls: dict[int, dict[str, str]] = {}
        async with _open(
            self._client,
            "POST",
            self._url("chat/completions"),
            self._config.api_key,
            json=body,
        ) as response:
            async for chunk in _sse_data(response):
                delta = _first_delta(chunk)
                if text := delta.get("content"):
                    yield TextDelta(str(text))
                for part in delta.get("tool_calls") or ():
                    _merge_call(calls, part)
        for call in calls.values():
            yield FunctionCall(call["id"], call["name"], call["arguments"] or "{}")

    async def _first_model(self) -> str:
        async with _open(
            self._client, "GET", self._url("models"), self._config.api_key
        ) as response:
            found = await _read_json(response)
        models = found.get("data") if isinstance(found, dict) else None
        match models:
            case [{"id": str(name)}, *_]:
                return name
        raise InferenceFailedError(
            "The language model's API lists no model.", hint="Set conversation.openai.model."
        )

    def _url(self, path: str) -> str:
        return f"{self._config.url.rstrip('/')}/{path}"


class HomeAssistantAgent:
    """A conversation agent of Home Assistant, by its conversation API."""

    def __init__(self, client: httpx.AsyncClient, config: HomeAssistantAgentSection) -> None:
        self._client = client
        self._config = config
        self._conversation_id: str | None = None
        """Home Assistant's own id; it keeps the history."""
        if not config.url or not config.token:
            raise BadRequestError(
                "Home Assistant is not configured as a conversation agent.",
                hint="Set conversation.home_assistant.url and conversation.home_assistant.token.",
            )

    async def answer(self, request: AgentRequest) -> AsyncGenerator[AgentOutput, None]:
        body: dict[str, Any] = {"text": request.last_text}
        if self._conversation_id:
            body["conversation_id"] = self._conversation_id
        if request.language:
            body["language"] = request.language
        if self._config.agent_id:
            body["agent_id"] = self._config.agent_id
        url = f"{self._config.url.rstrip('/')}/api/conversation/process"
        async with _open(self._client, "POST", url, self._config.token, json=body) as response:
            found = await _read_json(response)
        try:
            text = found["response"]["speech"]["plain"]["speech"]
        except (KeyError, TypeError):
            text = ""
        if isinstance(found, dict):
            self._conversation_id = found.get("conversation_id")
        if text:
            yield TextDelta(str(text))


def make_agent(client: httpx.AsyncClient, config: ConversationSection, name: str = "") -> Agent:
    """Return the agent of this name, by default the configured one.

    Raises BadRequestError if it is not configured.
    """
    match name or config.agent:
        case "openai":
            return OpenAiAgent(client, config)
        case "home_assistant":
            return HomeAssistantAgent(client, config.home_assistant)
        case _:
            return EchoAgent()


def make_http_client() -> httpx.AsyncClient:
    """Return a client that keeps connections to agents open; blocks while it reads certificates."""
    context = ssl.create_default_context(cafile=certifi.where())
    return httpx.AsyncClient(verify=context, timeout=_TIMEOUT, follow_redirects=False)


@asynccontextmanager
async def _open(
    client: httpx.AsyncClient, method: str, url: str, key: str, **content: Any
) -> AsyncIterator[httpx.Response]:
    """Send a request and yield its successful response. Raises ConductorError."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with client.stream(method, url, headers=headers, **content) as response:
            if response.status_code >= 400:
                raise await _refused(response)
            yield response
    except httpx.TimeoutException as err:
        raise DeadlineError(f"{_host(url)} did not answer in time.") from err
    except (httpx.HTTPError, httpx.InvalidURL) as err:
        raise InferenceFailedError(
            f"{_host(url)} cannot be reached: {str(err) or type(err).__name__}.",
            hint="Check that it runs, and the address in the settings of `conversation`.",
        ) from err


async def _refused(response: httpx.Response) -> ConductorError:
    text = shorten((await response.aread())[:2_000].decode(errors="replace").strip())
    message = f"{_host(str(response.url))} answered {response.status_code}: {text or 'no text'}."
    if response.status_code in (401, 403):
        return InferenceFailedError(
            message, hint="Check the key or token in the settings of `conversation`."
        )
    if response.status_code in (429, 503):
        return BusyError(message)
    return InferenceFailedError(message, hint="Its log may say more.")


async def _read_json(response: httpx.Response) -> Any:
    size, parts = 0, []
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise InferenceFailedError("The conversation agent's answer is too long.")
        parts.append(part)
    try:
        return json.loads(b"".join(parts))
    except ValueError as err:
        raise InferenceFailedError("The conversation agent's answer is not JSON.") from err


async def _sse_data(response: httpx.Response) -> AsyncIterator[Any]:
    """Yield the decoded data of server-sent events until `[DONE]`."""
    size, rest = 0, b""
    async for part in response.aiter_bytes():
        size += len(part)
        if size > 16 * MAX_ANSWER_BYTES:
            raise InferenceFailedError("The conversation agent's answer is too long.")
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            try:
                yield json.loads(data)
            except ValueError as err:
                raise InferenceFailedError("The conversation agent's answer is not JSON.") from err


def _first_delta(chunk: Any) -> dict[str, Any]:
    """Return the delta of a chunk. Raises InferenceFailedError for an error in the stream."""
    match chunk:
        case {"error": error}:
            message = error.get("message") if isinstance(error, dict) else error
            raise InferenceFailedError(f"The language model failed: {shorten(str(message))}.")
        case {"choices": [{"delta": dict(delta)}, *_]}:
            return delta
    return {}


def _merge_call(calls: dict[int, dict[str, str]], part: Any) -> None:
    """Add a part of a function call to the calls so far."""
    if not isinstance(part, dict):
        return
    index = part.get("index") or 0
    function = part.get("function") or {}
    call = calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
    call["id"] = part.get("id") or call["id"] or f"call_{index}"
    call["name"] += function.get("name") or ""
    call["arguments"] += function.get("arguments") or ""


def _host(url: str) -> str:
    try:
        return httpx.URL(url).netloc.decode() or url
    except httpx.InvalidURL:
        return url
