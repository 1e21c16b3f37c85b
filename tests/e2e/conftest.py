"""Fixtures of the end-to-end tests: one Home Assistant for all tests, whose log must stay clean.

Two installations are added to it: servers added by hand, and one server added by our integration
(`conductor`, `conductor_entry`). The options `--wyoming-stt`, `--wyoming-tts` and `--wyoming-wake`
(HOST:PORT) replace the former by other servers, for comparison. `--screenshots FOLDER` keeps the
screenshots; those in `docs/images` are made this way.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from harness.audio import decode, read_wav, transcribe
from harness.browser import Browser, find_chromium, open_browser
from harness.client import HassClient, log_in
from harness.conductor import Address, Conductor, Servers
from harness.hass import Hass, LogWatch, find_ffmpeg, start_hass
from harness.integration import ConductorEntry, add_conductor
from harness.setup import Assistant, set_up_assistant

RECORDINGS = Path(__file__).parent / "recordings"
ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".venv" / "bin" / "wyoming-conductor"
SLOW_VOICE = "en_US-joe-medium@slow"
OPTIONS = ("--wyoming-stt", "--wyoming-tts", "--wyoming-wake")

Recording = Callable[[str], bytes]
Words = Callable[[bytes], Awaitable[set[str]]]
Decode = Callable[[bytes], Awaitable[bytes]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    for option in OPTIONS:
        parser.addoption(option, metavar="HOST:PORT", help="server to use instead of ours")
    parser.addoption("--screenshots", type=Path, metavar="FOLDER", help="keep the screenshots")


@pytest.fixture(scope="session")
def hass_python() -> Path:
    """Python of Home Assistant's environment."""
    python = ROOT / ".venv-ha" / "bin" / "python"
    if not python.exists():
        pytest.exit("Home Assistant is not installed: run `script/setup homeassistant`.", 2)
    return python


@pytest.fixture(scope="session")
def ffmpeg(hass_python: Path) -> Path:
    """ffmpeg of Home Assistant's environment."""
    return find_ffmpeg(hass_python)


@pytest.fixture(scope="session")
async def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    """Our server with the bundled models, or the servers of the options."""
    addresses = [request.config.getoption(option) for option in OPTIONS]
    if all(addresses):
        yield Servers(*map(Address.parse, addresses))
        return
    async with Conductor(COMMAND, tmp_path_factory.mktemp("conductor")) as ours:
        yield ours.servers


@pytest.fixture(scope="session")
async def hass(
    hass_python: Path, ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hass]:
    """A new Home Assistant."""
    async with start_hass(hass_python, ffmpeg, tmp_path_factory.mktemp("hass")) as running:
        yield running


@pytest.fixture(scope="session")
async def client(hass: Hass) -> AsyncIterator[HassClient]:
    """Client of the owner of Home Assistant."""
    async with log_in(hass.url) as owner:
        yield owner


@pytest.fixture(scope="session")
async def assistant(client: HassClient, servers: Servers) -> Assistant:
    """The servers in Home Assistant, with pipelines that use them."""
    return await set_up_assistant(client, servers, wake_word="hey_jarvis")


@pytest.fixture(scope="session")
def recording() -> Recording:
    """Function that returns the audio of a recording."""
    return lambda name: read_wav(RECORDINGS / f"{name}.wav")


@pytest.fixture(scope="session")
def words_in(servers: Servers) -> Words:
    """Function that returns the words of audio, transcribed by the speech-to-text server."""

    async def transcribed_words(pcm: bytes) -> set[str]:
        text = await transcribe(servers.stt.host, servers.stt.port, pcm)
        return set(re.findall(r"[a-z]+", text.lower()))

    return transcribed_words


@pytest.fixture(scope="session")
def to_pcm(ffmpeg: Path) -> Decode:
    """Function that decodes the audio of an answer."""

    async def decoded(encoded: bytes) -> bytes:
        return await decode(ffmpeg, encoded)

    return decoded


@pytest.fixture(scope="session")
def slow_voice() -> str:
    """A voice of `conductor` that differs from its default voice only by its speed."""
    return SLOW_VOICE


@pytest.fixture(scope="session")
async def conductor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Conductor]:
    """Server for our integration, with a slower preset of its voice as a second voice."""
    settings = {"tts.presets": json.dumps([SLOW_VOICE])}
    async with Conductor(COMMAND, tmp_path_factory.mktemp("integration"), settings) as ours:
        yield ours


@pytest.fixture(scope="session")
async def conductor_entry(
    client: HassClient, assistant: Assistant, conductor: Conductor
) -> ConductorEntry:
    """The server in Home Assistant, with a voice assistant; added after `assistant`."""
    return await add_conductor(client, conductor)


@pytest.fixture(scope="session")
async def browser(
    request: pytest.FixtureRequest,
    hass: Hass,
    client: HassClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Browser]:
    """A logged-in browser; tests that use it are skipped on machines without Chromium."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("No Chromium or Chrome found. Install the package chromium, for example.")
    folder = request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots")
    async with open_browser(chromium, hass.url, folder) as opened:
        yield opened


@pytest.fixture(autouse=True)
def log(hass: Hass, assistant: Assistant) -> Iterator[LogWatch]:
    """Fail a test if Home Assistant logs an unexpected warning or error."""
    watch = LogWatch(hass, hass.line_count())
    yield watch
    watch.check()
