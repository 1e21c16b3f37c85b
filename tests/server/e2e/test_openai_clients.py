"""Clients of OpenAI's API, as others wrote them, against a real server.

`script/setup clients` installs them; without them the tests are skipped.
"""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent / "openai_clients"
RECORDING = ROOT / "tests/e2e/recordings/turn_on_the_kitchen_light.wav"
PYTHON = ROOT / ".venv-clients/bin/python"
NODE_FOLDER = ROOT / ".tools/openai-clients"

JAVASCRIPT_CLIENTS = {"openai (JavaScript)", "Vercel AI SDK"}
PYTHON_CLIENTS = {"openai (Python)", "LiteLLM", "LangChain"}


@pytest.fixture(scope="module")
def server(start_servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server with HTTPS, which clients on the same machine may reach by HTTP as well."""
    with start_servers(tmp_path_factory.mktemp("server")) as start:
        running = start(**{"api.tls": "true"})
        for model in ("whisper/tiny.en", "piper/en_US-joe-medium"):
            running.wait_state(model, "ready")
        yield running


async def run(server: Any, *command: str, scheme: str = "http") -> dict[str, dict[str, Any]]:
    """Return what the clients print in their last line."""
    base = f"{scheme}://127.0.0.1:{server.ports['api']}/v1"
    token = (server.data_dir / "api-token").read_text().strip()
    process = await asyncio.create_subprocess_exec(
        *command,
        *(base, token, str(RECORDING)),
        env=os.environ | {"NODE_EXTRA_CA_CERTS": str(server.data_dir / "api-certificate.pem")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3_000:]
    results: dict[str, dict[str, Any]] = json.loads(output.decode().splitlines()[-1])
    return results


def check(results: dict[str, dict[str, Any]]) -> None:
    for client, result in results.items():
        # LangChain encodes the recording as MP3, after which the smallest model may miss a word.
        assert "turn on the kitchen" in result["text"].lower(), client
        assert "turn on the kitchen" in result.get("streamed", result["text"]).lower(), client
        # AI SDK translates the language's name into a code.
        assert result.get("language", "en") in ("en", "english"), client
        assert result.get("words", 5) == 5, client
        assert result.get("speech", 5_000) > 2_000, client
        assert result.get("lists", True), client


@pytest.mark.skipif(not PYTHON.exists(), reason="run `script/setup clients`")
async def test_python_clients_of_openai_transcribe_and_speak(server: Any) -> None:
    results = await run(server, str(PYTHON), str(HERE / "clients.py"))
    assert results.keys() == PYTHON_CLIENTS
    check(results)


needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE_FOLDER / "node_modules").is_dir(),
    reason="run `script/setup clients` with node and npm",
)


@needs_node
async def test_javascript_clients_of_openai_transcribe_and_speak(server: Any) -> None:
    results = await run(server, "node", str(NODE_FOLDER / "clients.mjs"))
    assert results.keys() == JAVASCRIPT_CLIENTS
    check(results)


@needs_node
async def test_javascript_client_of_openai_holds_a_conversation(server: Any) -> None:
    # Node.js 20 has WebSocket behind an option; later versions know the option, too.
    command = ("node", "--experimental-websocket", str(NODE_FOLDER / "realtime.mjs"))
    result: dict[str, Any] = await run(server, *command, scheme="https")
    assert "turn on the kitchen" in result["heard"].lower()
    assert result["text"] == result["heard"]
    assert result["status"] == "completed"
    assert result["protocol"] == "realtime"
    assert result["speech"] > 24_000
