"""The first start with a network that does not answer."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from wyoming.info import Describe, Info

pytestmark = [pytest.mark.e2e, pytest.mark.component]

MODEL = "whisper/small"
"""In no Python package, so that it has to be downloaded."""

DESCRIBE_SECONDS = 1.0


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A mirror that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_server_serves_installed_models_while_another_is_downloaded(
    start_server: Callable[..., Any], black_hole: str, clip: Callable[[str], bytes]
) -> None:
    server = start_server(
        asr__model=MODEL, downloads__endpoint=black_hole, preload="false", wake__enabled="false"
    )
    async with server.connect("asr") as client:
        started = time.monotonic()
        await client.write_event(Describe().event())
        info = Info.from_event(await client.read_event())
        assert time.monotonic() - started < DESCRIBE_SECONDS
    assert MODEL not in [model.name for program in info.asr for model in program.models]
    assert (await server.synthesize("All is well.")).seconds > 0.3
    answer = await server.transcribe(clip("goforward"))
    assert (answer.event.type, answer.code) == ("error", "BUSY")
    assert f"{MODEL} is being installed (download 0 %)" in answer.text
    (reason,) = server.http("/health")["reasons"]
    assert reason == f"asr: {MODEL} is being installed (download 0 %)"
    assert server.stop() == 0
