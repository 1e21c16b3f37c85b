"""Agents against servers that answer as the test says."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from wyoming_servers.config.schema import ConversationSection
from wyoming_servers.core.errors import BadRequestError, BusyError, InferenceFailedError
from wyoming_servers.speech.conversation.agents import (
    AgentOutput,
    AgentRequest,
    FunctionCall,
    TextDelta,
    make_agent,
)

QUESTION = AgentRequest(messages=({"role": "user", "content": "Hello."},), language="en")
CONFIG = ConversationSection.model_validate(
    {
        "openai": {"url": "http://llm/v1/", "model": "small", "api_key": "k3y"},
        "home_assistant": {"url": "http://home", "token": "t0ken"},
    }
)


async def answer(
    name: str, respond: Callable[[httpx.Request], httpx.Response], config: Any = CONFIG
) -> list[AgentOutput]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as client:
        agent = make_agent(client, config, name)
        return [output async for output in agent.answer(QUESTION)]


def stream(*chunks: Any) -> httpx.Response:
    """Server-sent events with CR LF, comments and a delta for each chunk."""
    lines = [f"data: {json.dumps(chunk)}\r\n\r\n: comment\r\n" for chunk in chunks]
    return httpx.Response(200, text="".join(lines) + "data: [DONE]\r\n\r\ndata: late\r\n")


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"delta": fields}]}


async def test_echo_repeats_the_last_message() -> None:
    assert await answer("echo", lambda _: httpx.Response(500)) == [TextDelta("Hello.")]


async def test_language_model_streams_text_and_function_calls() -> None:
    first = {"index": 0, "id": "c1", "function": {"name": "light", "arguments": '{"on"'}}
    second = {"index": 0, "function": {"arguments": ": true}"}}
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return stream(
            delta(role="assistant", content=""),
            delta(content="Yes"),
            delta(tool_calls=[first]),
            delta(tool_calls=[second]),
            {"choices": []},
        )

    assert await answer("openai", respond) == [
        TextDelta("Yes"),
        FunctionCall("c1", "light", '{"on": true}'),
    ]
    assert str(requests[0].url) == "http://llm/v1/chat/completions"
    assert requests[0].headers["authorization"] == "Bearer k3y"
    assert json.loads(requests[0].content)["model"] == "small"


async def test_first_model_is_used_if_none_is_set() -> None:
    bodies: list[bytes] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"data": [{"id": "gemma"}, {"id": "other"}]})
        bodies.append(request.content)
        return stream(delta(content="Yes"))

    config = ConversationSection.model_validate({"openai": {"url": "http://llm/v1"}})
    await answer("openai", respond, config)
    assert json.loads(bodies[0])["model"] == "gemma"


@pytest.mark.parametrize(
    ("response", "error", "message"),
    [
        (httpx.Response(401, text="no"), InferenceFailedError, "llm answered 401: no. Check"),
        (httpx.Response(429), BusyError, "llm answered 429"),
        (httpx.Response(500, text="x" * 9_999), InferenceFailedError, "llm answered 500: xxx"),
        (httpx.Response(200, text="data: {\n"), InferenceFailedError, "not JSON"),
        (stream({"error": {"message": "no memory"}}), InferenceFailedError, "no memory"),
    ],
)
async def test_failure_of_a_language_model_names_its_cause(
    response: httpx.Response, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as failure:
        await answer("openai", lambda _: response)
    assert message in str(failure.value)
    assert len(str(failure.value)) < 300


async def test_language_model_that_is_not_running_is_named() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(InferenceFailedError, match="llm cannot be reached: refused"):
        await answer("openai", refuse)


async def test_home_assistant_keeps_the_conversation() -> None:
    bodies: list[dict[str, Any]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer t0ken"
        bodies.append(json.loads(request.content))
        speech = {"speech": {"plain": {"speech": "It is on."}}}
        return httpx.Response(200, json={"response": speech, "conversation_id": "c1"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as client:
        agent = make_agent(client, CONFIG, "home_assistant")
        for _ in range(2):
            assert [part async for part in agent.answer(QUESTION)] == [TextDelta("It is on.")]
    assert bodies == [
        {"text": "Hello.", "language": "en"},
        {"text": "Hello.", "language": "en", "conversation_id": "c1"},
    ]


@pytest.mark.parametrize("name", ["openai", "home_assistant"])
async def test_agent_that_is_not_configured_says_which_key_to_set(name: str) -> None:
    with pytest.raises(BadRequestError, match=f"Set conversation.{name}"):
        await answer(name, lambda _: httpx.Response(200), ConversationSection())
