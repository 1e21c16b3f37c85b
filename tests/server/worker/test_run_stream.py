"""Chunks arrive in order before one end, whether the writer or the reader is first."""

import asyncio

import pytest

from wyoming_servers.core.errors import (
    BusyError,
    CancelledError,
)
from wyoming_servers.worker.client import RunStream
from wyoming_servers.worker.interface import OutputChunk

ONE, TWO = OutputChunk({"n": 1}), OutputChunk({"n": 2})


async def test_late_reader_gets_everything() -> None:
    outcome = RunStream()
    outcome.push(ONE)
    outcome.push(TWO)
    outcome.finish({"text": "x"})
    assert [chunk async for chunk in outcome.chunks()] == [ONE, TWO]
    assert await outcome.result() == {"text": "x"}
    assert await outcome.result() == {"text": "x"}


async def test_early_reader_waits() -> None:
    outcome = RunStream()
    reading = asyncio.create_task(anext(aiter(outcome.chunks())))
    await asyncio.sleep(0)
    outcome.push(ONE)
    assert await reading == ONE


async def test_chunks_before_a_failure_are_read_first() -> None:
    outcome = RunStream()
    outcome.push(ONE)
    outcome.fail(BusyError("No."))
    chunks = aiter(outcome.chunks())
    assert await anext(chunks) == ONE
    with pytest.raises(BusyError):
        await anext(chunks)
    with pytest.raises(BusyError):
        await outcome.result()


async def test_first_end_wins() -> None:
    outcome = RunStream()
    outcome.finish({})
    outcome.fail(CancelledError("Late."))
    outcome.push(ONE)
    assert [chunk async for chunk in outcome.chunks()] == []
    assert outcome.error is None


async def test_waiting_for_the_result_discards_chunks_and_reports_them_as_consumed() -> None:
    taken: list[OutputChunk] = []
    outcome = RunStream(taken.append)
    waiting = asyncio.create_task(outcome.result())
    outcome.push(ONE)
    await asyncio.sleep(0)
    outcome.push(TWO)
    await asyncio.sleep(0)
    outcome.finish({"text": ""})
    assert await waiting == {"text": ""}
    assert taken == [ONE, TWO]
