"""One Home Assistant and one set of servers for all end-to-end tests; each test leaves a clean log.

By default the servers are ours. `--wyoming-stt`, `--wyoming-tts` and `--wyoming-wake` (HOST:PORT)
put others in their place, to compare.
"""

import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from harness.audio import decode, read_wav, understand
from harness.client import HassClient, log_in
from harness.conductor import Address, Servers, start_conductor
from harness.hass import Hass, start_hass
from harness.setup import Assistant, set_up_assistant

RECORDINGS = Path(__file__).parent / "recordings"
ROOT = Path(__file__).parents[2]
OPTIONS = ("--wyoming-stt", "--wyoming-tts", "--wyoming-wake")

Recording = Callable[[str], bytes]
Words = Callable[[bytes], Awaitable[set[str]]]
Decode = Callable[[bytes], Awaitable[bytes]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    for option in OPTIONS:
        parser.addoption(option, metavar="HOST:PORT", help="a server to use instead of ours")


@pytest.fixture(scope="session")
def hass_python() -> Path:
    """The interpreter of Home Assistant's environment."""
    python = ROOT / ".venv-ha" / "bin" / "python"
    if not python.exists():
        pytest.exit("Home Assistant is not installed: run `script/setup homeassistant`.", 2)
    return python


@pytest.fixture(scope="session")
def ffmpeg(hass_python: Path) -> Path:
    """The ffmpeg that is installed beside Home Assistant."""
    code = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"
    answer = subprocess.run([hass_python, "-c", code], check=True, capture_output=True, text=True)
    return Path(answer.stdout.strip())


@pytest.fixture(scope="session")
async def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    """Ours, with the embedded models, or those that the options name."""
    named = [request.config.getoption(option) for option in OPTIONS]
    if all(named):
        yield Servers(*map(Address.parse, named))
        return
    command = ROOT / ".venv" / "bin" / "wyoming-conductor"
    async with start_conductor(command, tmp_path_factory.mktemp("conductor")) as ours:
        yield ours


@pytest.fixture(scope="session")
async def hass(
    hass_python: Path, ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hass]:
    """A Home Assistant that has just been installed."""
    async with start_hass(hass_python, ffmpeg, tmp_path_factory.mktemp("hass")) as running:
        yield running


@pytest.fixture(scope="session")
async def client(hass: Hass) -> AsyncIterator[HassClient]:
    """Its owner."""
    async with log_in(hass.url) as owner:
        yield owner


@pytest.fixture(scope="session")
async def assistant(client: HassClient, servers: Servers) -> Assistant:
    """The servers in Home Assistant, and pipelines made of them."""
    return await set_up_assistant(client, servers, wake_word="hey_jarvis")


@pytest.fixture(scope="session")
def recording() -> Recording:
    """The sound of a recording, by its name."""
    return lambda name: read_wav(RECORDINGS / f"{name}.wav")


@pytest.fixture(scope="session")
def words_in(servers: Servers) -> Words:
    """The words that the speech-to-text server hears in a sound."""

    async def heard(pcm: bytes) -> set[str]:
        text = await understand(servers.stt.host, servers.stt.port, pcm)
        return set(re.findall(r"[a-z]+", text.lower()))

    return heard


@pytest.fixture(scope="session")
def to_pcm(ffmpeg: Path) -> Decode:
    """What a loudspeaker would play of an encoded answer."""

    async def decoded(encoded: bytes) -> bytes:
        return await decode(ffmpeg, encoded)

    return decoded


@pytest.fixture(autouse=True)
def clean_log(hass: Hass, assistant: Assistant) -> Iterator[None]:
    """Fail a test that made Home Assistant log a warning or an error."""
    before = hass.lines()
    yield
    assert hass.problems(since=before) == []
