"""Model and language selection: ports of single models, names, languages."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wyoming.asr import Transcribe
from wyoming.event import Event
from wyoming.info import Describe

pytestmark = [pytest.mark.e2e, pytest.mark.component]

TINY, BASE = "whisper/tiny.en", "whisper/base"
EXTRA = f"asr:{BASE}"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, start_servers: Any) -> Iterator[Any]:
    """A server that has tiny.en by default and base on a port of its own."""
    with start_servers(tmp_path_factory.mktemp("both")) as start:
        running = start(
            **{"asr.extra_ports": f"{{{BASE}: 0}}", "asr.languages": "[en, de]"},
            tts__enabled="false",
            wake__enabled="false",
        )
        for model in (TINY, BASE):
            running.wait_state(model, "ready")
        yield running


async def say(client: Any, helpers: Any, pcm: bytes, **asked: Any) -> Event:
    """Send an utterance on an open connection and return the answer to it."""
    if asked:
        await client.write_event(Transcribe(**asked).event())
    await helpers.send_audio(client, pcm)
    return await helpers.read_until(client, "transcript", "error")


def requests(server: Any, model: str) -> int:
    """Number of requests of a model since startup."""
    return [trace["model"] for trace in server.http("/traces")["traces"]].count(model)


async def test_port_transcribes_with_its_own_model(
    both: Any, clip: Callable[[str], bytes], helpers: Any
) -> None:
    before = {model: requests(both, model) for model in (TINY, BASE)}
    for service in ("asr", EXTRA, EXTRA):
        async with both.connect(service) as client:
            answer = await say(client, helpers, clip("goforward"))
            assert "forward" in answer.data["text"].lower(), answer.data
    assert requests(both, TINY) == before[TINY] + 1
    assert requests(both, BASE) == before[BASE] + 2


async def test_port_describes_its_own_model_first(both: Any, helpers: Any) -> None:
    for service, name in (("asr", TINY), (EXTRA, BASE)):
        async with both.connect(service) as client:
            await client.write_event(Describe().event())
            info = await helpers.read_until(client, "info")
            assert info.data["asr"][0]["models"][0]["name"] == name
            assert info.data["asr"][0]["installed"]


def test_info_lists_every_port(both: Any) -> None:
    ports = both.http("/info")["ports"]
    assert ports == both.ports
    assert len({ports["asr"], ports[EXTRA], ports["api"]}) == 3


async def test_connection_selects_and_names_models(
    both: Any, clip: Callable[[str], bytes], helpers: Any
) -> None:
    before = {model: requests(both, model) for model in (TINY, BASE)}
    async with both.connect("asr") as client:
        await say(client, helpers, clip("goforward"), name=BASE, language="en")
        await client.write_event(Event("select-program", {"name": BASE}))
        await say(client, helpers, clip("goforward"))
        await client.write_event(Event("select-program", {"name": "nobody"}))
        await say(client, helpers, clip("goforward"), language="en")
        await client.write_event(Event("select-program", {"name": TINY}))
        answer = await say(client, helpers, clip("goforward"))
        assert "forward" in answer.data["text"].lower()
        unknown = await say(client, helpers, clip("goforward"), name="whisper/enormous")
        assert (unknown.type, unknown.data["code"]) == ("error", "MODEL_MISSING")
    assert requests(both, BASE) == before[BASE] + 3
    assert requests(both, TINY) == before[TINY] + 1


async def test_transcript_names_the_detected_language(
    both: Any, clip: Callable[[str], bytes], helpers: Any
) -> None:
    async with both.connect(EXTRA) as client:
        for asked in ({}, {"language": "auto"}):
            answer = await say(client, helpers, clip("goforward"), **asked)
            assert answer.data["language"] == "en"


async def test_language_codes_are_accepted_in_every_spelling_and_unknown_ones_refused(
    both: Any, clip: Callable[[str], bytes], helpers: Any
) -> None:
    async with both.connect(EXTRA) as client:
        for written, code in (("zh-CN", "zh"), ("de_DE", "de"), ("en-GB", "en")):
            answer = await say(client, helpers, clip("goforward"), language=written)
            assert (answer.type, answer.data["language"]) == ("transcript", code)
        answer = await say(client, helpers, clip("goforward"), language="tlh")
        assert (answer.type, answer.data["code"]) == ("error", "UNSUPPORTED_LANGUAGE")
        only_english = await say(client, helpers, clip("goforward"), name=TINY, language="de")
        assert only_english.data["code"] == "UNSUPPORTED_LANGUAGE"


@pytest.mark.parametrize(
    ("ports", "path"),
    [
        ("{whisper/bse: 0}", "asr.extra_ports.whisper/bse"),
        ("{whisper/large-v3: 0}", "asr.extra_ports.whisper/large-v3"),
    ],
)
def test_startup_names_the_key_of_a_model_that_cannot_be_served(
    tmp_path: Path, ports: str, path: str
) -> None:
    command = [sys.executable, "-m", "wyoming_servers", "serve", "--data-dir", str(tmp_path)]
    settings = {
        "asr.extra_ports": ports,
        "asr.model": TINY,
        "downloads.offline": "true",
        "host": "127.0.0.1",
        "discovery.zeroconf": "false",
        **{f"{service}.port": "0" for service in ("asr", "tts", "wake", "api")},
    }
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2, ended.stderr
    assert path in ended.stderr
    assert not (tmp_path / "server.json").exists()


def test_doctor_names_the_key_of_a_model_that_cannot_be_served(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wyoming_servers", "doctor", "--json"]
    command += ["--data-dir", str(tmp_path), "--set", "asr.extra_ports.whisper/bse=0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    broken = [found for found in json.loads(ended.stdout) if found["level"] == "broken"]
    assert any("asr.extra_ports.whisper/bse" in found["text"] for found in broken)
    assert any("whisper/base" in found["cure"] for found in broken)
