"""`vocabulary`, `lexicon` and `cache` with the real HTTP API in a thread."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from wyoming_servers.cli.errors import ExitCode
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.data_dir.locks import InstanceLock
from wyoming_servers.http.app import create_app
from wyoming_servers.http.auth.tokens import TOKEN_FILE
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.server import ApiServer
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.references import References
from wyoming_servers.models.store import ModelStore
from wyoming_servers.speech.fake import (
    SPECS,
    FakeCoordinator,
)
from wyoming_servers.speech.tts.phrase_cache import (
    Phrase,
    PhraseCache,
)
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.telemetry.metrics import Metrics
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.vocabulary import Vocabulary

Command = Callable[..., Result]


class Serving:
    """The HTTP API in a thread, with its dependencies."""

    def __init__(self, folder: Path) -> None:
        self.phrases = PhraseCache(folder / "phrases", memory=1 << 20, disk=0)
        self.lexicon = Lexicon(folder / "lexicon.yaml")
        self.vocabulary = Vocabulary(folder / "vocabulary.json")
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._open = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self.port = 0

    def start(self) -> None:
        self._thread.start()
        assert self._open.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _run(self) -> None:
        config, bus, clock = Config(data_dir=self._folder), EventBus(), SystemClock()
        coordinator = FakeCoordinator(SPECS)
        store = await ModelStore.open(self._folder, offline=True)
        steered: Any = coordinator
        library = ModelManager(
            store, steered, {}, ConfigHolder(config), bus, served=["whisper/base"],
            references=References(self._folder / "references.json", bus, clock), clock=clock,
        )  # fmt: skip
        context = ApiContext(
            config_holder=ConfigHolder(config),
            coordinator=steered,
            bus=bus,
            version="1.2.3",
            uuid="the-uuid",
            token="s3cret",
            ports={},
            ready=lambda: (True, []),
            metrics=Metrics(coordinator.snapshot, "1.2.3").registry,
            tts=TtsPipeline(
                coordinator, SPECS, ConfigHolder(config), bus, clock, self.phrases, self.lexicon
            ),
            vocabulary=self.vocabulary,
            model_manager=library,
        )
        server = ApiServer(create_app(context), "127.0.0.1", 0)
        self.port = await server.start()
        self._open.set()
        await self._stop.wait()
        await server.stop(1)
        await library.close()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    running = Serving(tmp_path / "server")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def command(run: Any, serving: Serving, tmp_path: Path) -> Iterator[Command]:
    """Run a command on the machine of the server."""
    folder = tmp_path / "here"
    lock = InstanceLock(folder).acquire()
    lock.publish_state("127.0.0.1", {"api": serving.port})
    (folder / TOKEN_FILE).write_text("s3cret\n")
    yield lambda *arguments: run(*arguments, "--data-dir", folder)
    lock.release()


def test_token_is_created_listed_and_revoked(command: Command, serving: Serving) -> None:
    created = command("token", "create", "Grafana", "--scope", "read")
    assert created.exit_code == 0, created.output
    token = created.stdout.strip()
    assert len(token) > 40
    listed = json.loads(command("token", "list", "--json").stdout)["tokens"]
    assert [(entry["name"], entry["scope"]) for entry in listed] == [("Grafana", "read")]
    assert "Grafana" in command("token", "list").stdout
    assert command("token", "revoke", listed[0]["id"]).exit_code == 0
    assert json.loads(command("token", "list", "--json").stdout) == {"tokens": []}
    assert command("token", "revoke", listed[0]["id"]).exit_code == ExitCode.USAGE


def test_pair_prints_six_digits(command: Command) -> None:
    shown = command("pair")
    assert shown.exit_code == 0
    assert shown.stdout.strip().isdecimal()
    assert len(shown.stdout.strip()) == 6
    assert command("pair").stdout == shown.stdout


def test_vocabulary_is_set_shown_and_cleared(
    command: Command, serving: Serving, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("Zigbee Hub\nreolink\n")
    result = command("vocabulary", "set", "Reolink", "--file", names, "--term", "scullery")
    assert result.exit_code == 0, result.output
    assert result.stderr == "2 names, 1 terms\n"
    assert serving.vocabulary.names == ("Reolink", "Zigbee Hub")
    assert command("vocabulary", "show").stdout == "Reolink\nZigbee Hub\nscullery\n"
    assert json.loads(command("vocabulary", "show", "--json").stdout)["terms"] == ["scullery"]
    assert command("vocabulary", "clear").exit_code == 0
    assert serving.vocabulary.names == ()


def test_vocabulary_refuses_an_invalid_name(command: Command) -> None:
    result = command("vocabulary", "set", "x" * 1000)
    assert result.exit_code == ExitCode.USAGE
    assert "error [BAD_REQUEST]: names[0] is longer than" in result.stderr


def test_lexicon_words_are_added_listed_and_removed(command: Command, serving: Serving) -> None:
    assert command("lexicon", "add", "en", "C/C++ 5%", "see plus plus").exit_code == 0
    result = command("lexicon", "add", "*", "gnocchi", "ˈnjɒki", "--ipa")
    assert result.stderr == "gnocchi is pronounced /ˈnjɒki/\n"
    assert serving.lexicon.entries == {
        "en": {"C/C++ 5%": "see plus plus"},
        "*": {"gnocchi": "/ˈnjɒki/"},
    }
    listed = command("lexicon", "list").stdout
    assert listed == "en\tC/C++ 5%\tsee plus plus\n*\tgnocchi\t/ˈnjɒki/\n"
    assert len(json.loads(command("lexicon", "list", "--json").stdout)["words"]) == 2
    assert command("lexicon", "remove", "en", "C/C++ 5%").exit_code == 0
    result = command("lexicon", "remove", "en", "C/C++ 5%")
    assert result.exit_code == ExitCode.USAGE
    assert "error [NOT_FOUND]" in result.stderr


def test_models_are_loaded_and_unloaded(command: Command, serving: Serving) -> None:
    (model, *_) = SPECS
    result = command("models", "load", model)
    assert (result.exit_code, f"{model} is ready on cpu" in result.stderr) == (0, True)
    assert command("models", "load", model, "--no-wait").exit_code == 0
    assert f"{model} is being unloaded" in command("models", "unload", model).stderr
    missing = command("models", "load", "whisper/nothing")
    assert "error [MODEL_MISSING]" in missing.stderr


def test_cache_is_shown_and_cleared(command: Command, serving: Serving) -> None:
    for key in ("a1", "b2"):
        serving.phrases.put(key, Phrase("joe", 22_050, bytes(100), f"This is {key}."))
    result = command("cache", "show")
    assert result.exit_code == 0, result.output
    assert "2 phrases" in result.stdout
    assert "This is a1." in command("cache", "show", "phrases").stdout
    assert command("cache", "clear", "phrases", "a1").stderr == "0 MB freed\n"
    assert [entry.key for entry in serving.phrases.entries()] == ["b2"]
    assert command("cache", "show", "models").exit_code == 0
    plan = command("cache", "clear", "--dry-run")
    assert plan.stderr.endswith("would be freed\n")
    assert command("cache", "clear", "--force").exit_code == ExitCode.USAGE
    assert json.loads(command("cache", "show", "--json").stdout)["phrases"]["phrases"] == 1
    assert command("cache", "clear").exit_code == 0
    assert serving.phrases.entries() == []
    assert json.loads(command("cache", "show", "--json").stdout)["phrases"]["phrases"] == 0
    result = command("cache", "clear", "phrases", "a1")
    assert "error [NOT_FOUND]" in result.stderr
    result = command("cache", "clear", "models", "whisper/base")
    assert "error [CONFLICT]" in result.stderr


@pytest.mark.parametrize("group", ["cache", "vocabulary", "lexicon"])
def test_command_without_a_server_suggests_serve(run: Any, tmp_path: Path, group: str) -> None:
    verb = "list" if group == "lexicon" else "show"
    result = run(group, verb, "--data-dir", tmp_path, "--server", "127.0.0.1:1")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "wyoming-conductor serve" in result.stderr
