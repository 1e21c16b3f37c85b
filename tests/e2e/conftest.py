"""One Home Assistant for all end-to-end tests; each test leaves a clean log.

It knows two installations: servers that were added by hand, and one that our integration steers
(`conductor`, `steered`). The former are ours unless `--wyoming-stt`, `--wyoming-tts` and
`--wyoming-wake` (HOST:PORT) put others in their place, to compare. `--pictures FOLDER` keeps what
the browser saw; `docs/images` is made by it.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from harness.audio import decode, read_wav, understand
from harness.browser import Browser, find_chromium, open_browser
from harness.client import HassClient, log_in
from harness.conductor import Address, Conductor, Servers
from harness.hass import Hass, LogWatch, find_ffmpeg, start_hass
from harness.setup import Assistant, set_up_assistant
from harness.steered import Steered, add_conductor

RECORDINGS = Path(__file__).parent / "recordings"
ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".venv" / "bin" / "wyoming-conductor"
SLOW_VOICE = "en_US-joe-medium@slow"
OPTIONS = ("--wyoming-stt", "--wyoming-tts", "--wyoming-wake")

Recording = Callable[[str], bytes]
Words = Callable[[bytes], Awaitable[set[str]]]
Decode = Callable[[bytes], Awaitable[bytes]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    for option in OPTIONS:
        parser.addoption(option, metavar="HOST:PORT", help="a server to use instead of ours")
    parser.addoption("--pictures", type=Path, metavar="FOLDER", help="keep what the browser saw")


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
    return find_ffmpeg(hass_python)


@pytest.fixture(scope="session")
async def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    """Ours, with the embedded models, or those that the options name."""
    named = [request.config.getoption(option) for option in OPTIONS]
    if all(named):
        yield Servers(*map(Address.parse, named))
        return
    async with Conductor(COMMAND, tmp_path_factory.mktemp("conductor")) as ours:
        yield ours.servers


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


@pytest.fixture(scope="session")
def slow_voice() -> str:
    """A voice of `conductor` that differs from its default by its pace alone."""
    return SLOW_VOICE


@pytest.fixture(scope="session")
async def conductor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Conductor]:
    """A server that the integration steers, with a second voice: the first one, but slower."""
    settings = {"tts.presets": json.dumps([SLOW_VOICE])}
    async with Conductor(COMMAND, tmp_path_factory.mktemp("steered"), settings) as ours:
        yield ours


@pytest.fixture(scope="session")
async def steered(client: HassClient, assistant: Assistant, conductor: Conductor) -> Steered:
    """It in Home Assistant, with a voice assistant made of it; `assistant` was there before."""
    return await add_conductor(client, conductor)


@pytest.fixture(scope="session")
async def browser(
    request: pytest.FixtureRequest,
    hass: Hass,
    client: HassClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Browser]:
    """A browser that is logged in; tests that want it are skipped on a machine without Chromium."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("There is no Chromium or Chrome: install one, such as the package chromium.")
    pictures = request.config.getoption("--pictures") or tmp_path_factory.mktemp("pictures")
    async with open_browser(chromium, hass.url, pictures) as one:
        yield one


@pytest.fixture(autouse=True)
def log(hass: Hass, assistant: Assistant) -> Iterator[LogWatch]:
    """Fail a test that made Home Assistant log a warning or an error that it does not expect."""
    watch = LogWatch(hass, hass.lines())
    yield watch
    watch.check()
