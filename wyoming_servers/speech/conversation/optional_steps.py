"""Steps that an answer can do without: each has a budget and is skipped when it is used up."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import httpx

from wyoming_servers.core.clock import Clock
from wyoming_servers.speech.conversation.agents import Agent, AgentRequest, TextDelta
from wyoming_servers.speech.conversation.history import Item

_Result = TypeVar("_Result")

SUMMARY_PROMPT: Final = (
    "Summarize this conversation in at most five sentences. Keep names, numbers, requests and open "
    "questions."
)

_LOGGER: Final = logging.getLogger(__name__)


async def within_budget(
    step: asyncio.Task[_Result], seconds: float, clock: Clock, name: str
) -> _Result | None:
    """Return the result of a step; None, with a line in the log, if it fails or is late."""
    if not step.done():
        timer = asyncio.create_task(clock.sleep(seconds), name=f"budget of {name}")
        try:
            await asyncio.wait([step, timer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
    if not step.done():
        step.cancel()
        _LOGGER.warning("%s was skipped: no result within %g s", name, seconds)
        return None
    if step.cancelled() or step.exception() is not None:
        error = None if step.cancelled() else step.exception()
        _LOGGER.warning("%s was skipped: %s", name, error or "cancelled")
        return None
    return step.result()


async def is_flagged(client: httpx.AsyncClient, url: str, key: str, text: str) -> bool:
    """Ask a moderation service with OpenAI's API whether a text is flagged."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    response = await client.post(url, headers=headers, json={"input": text})
    response.raise_for_status()
    results: Any = response.json().get("results") or []
    return any(bool(result.get("flagged")) for result in results)


async def summarize(agent: Agent, model: str, summary: str, dropped: list[Item]) -> str:
    """Have a language model add dropped items to the summary so far; return the new one."""
    lines = [f"Summary so far: {summary}"] if summary else []
    lines += [f"{item.role}: {item.text}" for item in dropped if item.text]
    request = AgentRequest(
        messages=(
            {"role": "system", "content": SUMMARY_PROMPT},
            {"role": "user", "content": "\n".join(lines)},
        ),
        model=model,
        max_tokens=300,
    )
    parts = [part.text async for part in agent.answer(request) if isinstance(part, TextDelta)]
    return "".join(parts).strip()


async def ignore_result(step: Awaitable[object]) -> None:
    """Wait for a step whose failure changes nothing."""
    try:
        await step
    except Exception as err:  # noqa: BLE001  (a conversation goes on without it)
        _LOGGER.warning("An optional step of a conversation failed: %s", err)
