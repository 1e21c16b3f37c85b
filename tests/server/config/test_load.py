"""All sources of the configuration, their precedence, and all problems at once."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from wyoming_servers.config.editor import keep_good_overrides, write_overrides
from wyoming_servers.config.errors import ConfigError, ConfigProblem
from wyoming_servers.config.key_tree import find_node
from wyoming_servers.config.load import (
    DEFAULT_FILE,
    load_config,
    overrides_path,
    previous_overrides_path,
)
from wyoming_servers.config.schema import RENAMED_KEYS, Config

Write = Callable[[str], Path]


def faults_of(
    file: Path | None = None, sets: Sequence[str] = (), environ: dict[str, str] | None = None
) -> dict[str, ConfigProblem]:
    with pytest.raises(ConfigError) as caught:
        load_config(file, sets, environ or {})
    assert str(caught.value).count("\n  ") == len(caught.value.problems)
    return {fault.path: fault for fault in caught.value.problems}


def test_config_without_sources_has_the_defaults(home: Path) -> None:
    loaded = load_config()
    assert loaded.config == Config(data_dir=home / ".local/share/wyoming-conductor")
    assert set(loaded.sources.values()) == {"default"}
    assert loaded.file is None


def test_default_file_is_read_if_it_exists() -> None:
    path = DEFAULT_FILE.expanduser()
    path.parent.mkdir(parents=True)
    path.write_text("asr: {port: 1}")
    loaded = load_config()
    assert (loaded.config.asr.port, loaded.file) == (1, path)


def test_off_is_a_choice_in_every_source_though_yaml_calls_it_false(write: Write) -> None:
    for loaded in (
        load_config(sets=["security.sandbox=off"]),
        load_config(environ={"WYOMING_CONDUCTOR_SECURITY_SANDBOX": "off"}),
        load_config(write("security: {sandbox: off}")),
    ):
        assert loaded.config.security.sandbox == "off"
    assert "security.sandbox" in faults_of(sets=["security.sandbox=false"])


def test_later_sources_take_precedence(write: Write, tmp_path: Path) -> None:
    file = write(
        "asr: {port: 1, beam_size: 1, end_silence: 1s, max_utterance: 1m}\n"
        "tts: {speed: 2}\n"
        f"data_dir: {tmp_path}\n"
    )
    write_overrides(tmp_path, {"asr": {"port": 2, "beam_size": 2, "end_silence": 2}})
    environ = {"WYOMING_CONDUCTOR_ASR_PORT": "3", "WYOMING_CONDUCTOR_ASR_BEAM_SIZE": "3"}
    loaded = load_config(file, ["asr.port=4"], environ)
    asr = loaded.config.asr
    assert (asr.port, asr.beam_size, asr.end_silence, asr.max_utterance) == (4, 3, 2.0, 60.0)
    assert loaded.sources["asr.port"] == "command line"
    assert loaded.sources["asr.beam_size"] == "environment"
    assert loaded.sources["asr.end_silence"] == "overrides"
    assert loaded.sources["asr.max_utterance"] == "file"
    assert loaded.sources["tts.speed"] == "file"
    assert loaded.sources["tts.port"] == "default"


def test_all_problems_of_all_sources_are_reported_at_once(write: Write) -> None:
    file = write(
        "asr:\n  prot: 1\n  port: 99999\n  beam_size: [1]\n"
        "tts: 5\nwak: {port: 1}\nbeam_size: 3\n"
        "api: {auth: tokn, allowed_hosts: {a: 1}}\n"
        "limits: {idle_timeout: 5 parsecs, max_queued_requests: true}\n"
        "log: {level: }\nmemory: {reserve: 1XB}\n"
    )
    found = faults_of(
        file,
        ["models.whisper/base.pined=1", "nothing", "tts.speed={", "asr=3"],
        {"WYOMING_CONDUCTOR_ASR_PROT": "1"},
    )
    assert set(found) == {
        "asr.prot", "asr.port", "asr.beam_size", "tts", "wak", "beam_size", "api.auth",
        "api.allowed_hosts", "limits.idle_timeout", "limits.max_queued_requests", "log.level",
        "memory.reserve", "models.whisper/base.pined", "nothing", "tts.speed", "asr",
        "WYOMING_CONDUCTOR_ASR_PROT",
    }  # fmt: skip


def test_problem_has_location_allowed_values_and_suggestion(write: Write) -> None:
    found = faults_of(write("asr:\n  prot: 1\n  port: 99999\napi:\n  auth: tokn\n"))
    assert found["asr.prot"].suggestion == "asr.port"
    assert found["asr.prot"].where.endswith("config.yaml, line 2")
    assert found["asr.port"].suggestion == "65535"
    assert "a whole number from 0 to 65535" in found["asr.port"].message
    assert found["api.auth"].suggestion == "token"
    assert "`token`, `none`" in found["api.auth"].message
    assert found["api.auth"].where.endswith("line 5")


@pytest.mark.parametrize(
    ("assignment", "suggestion"),
    [
        ("beam_size=3", "asr.beam_size"),
        ("wak.port=3", "wake"),
        ("log.level=warn", "warning"),
        ("tts.speed=7", "2"),
        ("asr.beam_size=0", "1"),
        ("models.whisper/tiny.en.keepalive=3", "models.whisper/tiny.en.keep_alive"),
        ("models.whisper/tiny.en.device=cdua:0", "cuda:0"),
        ("api.enabled=flase", "false"),
        ("xyzzy=1", ""),
    ],
)
def test_problem_suggests_the_nearest_key_or_value(assignment: str, suggestion: str) -> None:
    (fault,) = faults_of(sets=[assignment]).values()
    assert fault.suggestion == suggestion


def test_model_id_may_contain_dots_and_slashes(write: Write) -> None:
    file = write("models:\n  whisper/tiny.en: {pinned: true, options: {cpu_threads: 2}}\n")
    sets = [
        "models.whisper/tiny.en.keep_alive=0",
        "models.whisper/base.device=cpu",
        "models.a.options.pinned=1",
        "models.b={device: cpu}",
    ]
    loaded = load_config(file, sets)
    models = loaded.config.models
    tiny = models["whisper/tiny.en"]
    assert (tiny.keep_alive, tiny.pinned, tiny.options) == (0.0, True, {"cpu_threads": 2})
    assert models["whisper/base"].device == "cpu"
    assert models["a"].options == {"pinned": 1}
    assert models["b"].device == "cpu"
    assert loaded.sources["models.whisper/tiny.en.keep_alive"] == "command line"
    assert loaded.sources["models.whisper/tiny.en.options.cpu_threads"] == "file"
    assert loaded.sources["models.whisper/tiny.en.device"] == "default"


def test_text_values_are_used_as_written(write: Write) -> None:
    file = write("asr: {language: no, initial_prompt: '0x1'}\ndiscovery: {name: 2024-01-01}\n")
    assert load_config(file).config.asr.language == "no"
    assert load_config(file).config.discovery.name == "2024-01-01"
    sets = ["asr.initial_prompt=Anna: {x", 'discovery.name="quoted"', "tts.voice= spaced "]
    config = load_config(file, sets).config
    assert config.asr.initial_prompt == "Anna: {x"
    assert (config.discovery.name, config.tts.voice) == ("quoted", "spaced")


def test_lists_durations_and_sizes_are_parsed() -> None:
    sets = ["wake.words=[alexa, hey_jarvis]", "keep_alive=5m", "memory.reserve=1GiB", "preload=no"]
    config = load_config(None, sets).config
    assert config.wake.words == ["alexa", "hey_jarvis"]
    assert (config.keep_alive, config.memory.reserve, config.preload) == (300.0, 2**30, False)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "asr:\n", "asr: {}\nmodels:\n"])
def test_empty_file_or_section_sets_nothing(write: Write, text: str) -> None:
    assert set(load_config(write(text)).sources.values()) == {"default"}


def test_invalid_yaml_is_reported_with_line_and_column(write: Write) -> None:
    (fault,) = faults_of(write("asr:\n  port: [1\ntts: {}\n")).values()
    assert fault.path == ""
    assert "line 3, column 4" in fault.message


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n"])
def test_file_without_a_mapping_is_a_problem(write: Write, text: str) -> None:
    (fault,) = faults_of(write(text)).values()
    assert "sections such as `asr:`" in fault.message


def test_duplicate_key_is_a_problem(write: Write) -> None:
    found = faults_of(write("asr:\n  port: 1\n  port: 2\nlog: {}\nlog: {}\n"))
    assert set(found) == {"asr.port", "log"}
    assert "line 2" in found["asr.port"].message
    assert found["asr.port"].where.endswith("line 3")


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"host: !!python/name:os.system x", b"a: &a [*a]"]
)
def test_file_with_unsafe_yaml_is_a_problem(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    assert faults_of(path)


def test_missing_config_file_is_a_problem(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path / "none.yaml").values()
    assert "Cannot read the file" in fault.message


def test_fixed_ports_must_differ() -> None:
    (fault,) = faults_of(sets=["tts.port=10300"]).values()
    assert (fault.path, fault.message) == ("tts.port", "10300 is already the port of `asr.port`.")
    assert load_config(None, ["asr.port=0", "tts.port=0"]).config.tts.port == 0
    assert load_config(None, ["tts.port=10300", "asr.enabled=false"]).config.tts.port == 10300


@pytest.mark.parametrize("budget", ["lots", "0%", "101%", "-1GiB", "4 parsecs"])
def test_invalid_memory_budget_is_a_problem(budget: str) -> None:
    assert set(faults_of(sets=[f"memory.budget={budget}"])) == {"memory.budget"}


@pytest.mark.parametrize("value", ["nan", ".nan", ".inf", "true", "[1]", "{a: 1}", "''", "x"])
def test_invalid_duration_is_a_problem(value: str) -> None:
    assert set(faults_of(sets=[f"keep_alive={value}"])) == {"keep_alive"}


def test_environment_variables_set_keys_and_models() -> None:
    environ = {
        "WYOMING_CONDUCTOR_ASR_BEAM_SIZE": "5",
        "WYOMING_CONDUCTOR_DATA_DIR": "/srv/wyoming",
        "WYOMING_CONDUCTOR_MODELS__WHISPER_TINY_EN__KEEP_ALIVE": "0",
        "WYOMING_CONDUCTOR_MODELS__whisper/base__PINNED": "true",
        "WYOMING_CONDUCTOR_MODELS__WHISPER_TINY_EN__OPTIONS__cpu_threads": "2",
        "HF_ENDPOINT": "https://mirror.example",
        "PATH": "/bin",
    }
    loaded = load_config(None, (), environ, model_ids=["whisper/tiny.en"])
    config = loaded.config
    assert (config.asr.beam_size, config.data_dir) == (5, Path("/srv/wyoming"))
    assert config.models["whisper/tiny.en"].keep_alive == 0
    assert config.models["whisper/tiny.en"].options == {"cpu_threads": 2}
    assert config.models["whisper/base"].pinned
    assert config.downloads.endpoint == "https://mirror.example"
    assert loaded.sources["downloads.endpoint"] == "environment"


def test_own_variable_takes_precedence_over_its_alias() -> None:
    environ = {
        "HF_ENDPOINT": "https://a.example",
        "WYOMING_CONDUCTOR_DOWNLOADS_ENDPOINT": "https://b.example",
    }
    assert load_config(None, (), environ).config.downloads.endpoint == "https://b.example"


def test_unknown_variables_with_the_prefix_are_problems() -> None:
    environ = {
        "WYOMING_CONDUCTOR_ASR_PROT": "1",
        "WYOMING_CONDUCTOR_MODELS__WHISPER_TINI__PINNED": "1",
        "WYOMING_CONDUCTOR_MODELS__whisper/tiny__PINED": "1",
        "WYOMING_CONDUCTOR_MODELS__": "1",
    }
    with pytest.raises(ConfigError) as caught:
        load_config(None, (), environ, model_ids=["whisper/tiny"])
    suggested = {fault.path: fault.suggestion for fault in caught.value.problems}
    assert suggested == {
        "WYOMING_CONDUCTOR_MODELS__": "WYOMING_CONDUCTOR_ASR_MODEL",
        "WYOMING_CONDUCTOR_ASR_PROT": "WYOMING_CONDUCTOR_ASR_PORT",
        "WYOMING_CONDUCTOR_MODELS__WHISPER_TINI__PINNED": (
            "WYOMING_CONDUCTOR_MODELS__WHISPER_TINY__PINNED"
        ),
        "models.whisper/tiny.pined": "models.whisper/tiny.pinned",
    }


def test_data_folder_in_the_file_is_relative_to_the_file(write: Write, tmp_path: Path) -> None:
    file = write("data_dir: data\n")
    assert load_config(file).config.data_dir == tmp_path / "data"
    assert load_config(file, ["data_dir=x"]).config.data_dir == Path("x").absolute()


def test_missing_data_folder_has_no_overrides(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("none/yet", "file"):
        assert load_config(None, [f"data_dir={tmp_path / folder}"]).config.keep_alive == "auto"


def test_overrides_that_cannot_be_used_are_left_out(tmp_path: Path) -> None:
    values = {"data_dir": "/elsewhere", "asr": {"prot": 1, "port": 10_299}, "tts": {"port": -1}}
    write_overrides(tmp_path, values)
    loaded = load_config(sets=[f"data_dir={tmp_path}"])
    assert loaded.config.asr.port == 10_299
    assert loaded.config.tts.port == 10_200
    assert loaded.config.data_dir == tmp_path
    found = {problem.path: problem for problem in loaded.overrides_problems}
    assert set(found) == {"data_dir", "asr.prot", "tts.port"}
    assert "config-overrides.yaml, line" in found["asr.prot"].where
    assert loaded.valid_overrides == {"asr": {"port": 10_299}}


def test_overrides_that_contradict_another_source_are_left_out(tmp_path: Path) -> None:
    write_overrides(tmp_path, {"asr": {"port": 5_000}, "keep_alive": 7})
    loaded = load_config(sets=[f"data_dir={tmp_path}", "tts.port=5000"])
    assert loaded.config.asr.port != 5_000
    assert loaded.overrides_problems


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", bytes(100), b"", b"asr: [", b"- a\n- b\n"])
def test_unreadable_overrides_are_replaced_by_those_of_the_last_start(
    content: bytes, tmp_path: Path
) -> None:
    write_overrides(tmp_path, {"keep_alive": 7})
    keep_good_overrides(tmp_path)
    overrides_path(tmp_path).write_bytes(content)
    loaded = load_config(sets=[f"data_dir={tmp_path}"])
    assert loaded.config.keep_alive == 7
    assert loaded.overrides_problems
    previous_overrides_path(tmp_path).unlink()
    assert load_config(sets=[f"data_dir={tmp_path}"]).config.keep_alive == "auto"


def test_a_change_of_the_overrides_is_validated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="prot"):
        load_config(sets=[f"data_dir={tmp_path}"], overrides="asr: {prot: 1}")


def test_wake_word_name_may_contain_dots(write: Write) -> None:
    file = write("wake:\n  word_settings:\n    hey_jarvis_v0.1: {threshold: 0.7}\n")
    environment = {"WYOMING_CONDUCTOR_WAKE_WORD_SETTINGS__OKAY_NABU__TRIGGER_LEVEL": "3"}
    loaded = load_config(
        file, ["wake.word_settings.hey_jarvis_v0.1.engine=microwakeword"], environment
    )
    words = loaded.config.wake.word_settings
    jarvis, nabu = words["hey_jarvis_v0.1"], words["okay_nabu"]
    assert (jarvis.threshold, jarvis.engine, nabu.trigger_level) == (0.7, "microwakeword", 3)
    assert loaded.sources["wake.word_settings.hey_jarvis_v0.1.threshold"] == "file"
    assert loaded.sources["wake.word_settings.okay_nabu.threshold"] == "default"


def test_extra_port_can_be_set_by_every_source(write: Write) -> None:
    path = "asr.extra_ports.whisper/tiny.en"
    file = write("asr:\n  extra_ports:\n    whisper/tiny.en: 10301\n    whisper/base: 10302\n")
    loaded = load_config(file)
    assert loaded.config.asr.extra_ports == {"whisper/tiny.en": 10_301, "whisper/base": 10_302}
    assert loaded.sources[path] == "file"
    loaded = load_config(file, [f"{path}=10303"])
    assert loaded.config.asr.extra_ports == {"whisper/tiny.en": 10_303, "whisper/base": 10_302}
    assert loaded.sources[path] == "command line"
    environ = {"WYOMING_CONDUCTOR_ASR_EXTRA_PORTS": "{whisper/tiny.en: 10304}"}
    assert load_config(None, (), environ).config.asr.extra_ports == {"whisper/tiny.en": 10_304}
    loaded = load_config(None, ["asr.extra_ports={whisper/tiny.en: 10305}"])
    assert loaded.config.asr.extra_ports == {"whisper/tiny.en": 10_305}


@pytest.mark.parametrize("port", ["x", "70000", "-1", "true", "1.5", "[1]", ""])
def test_invalid_extra_port_is_reported_with_its_path(port: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(None, [f"asr.extra_ports.whisper/tiny.en={port}"])
    (fault,) = refused.value.problems
    assert fault.path == "asr.extra_ports.whisper/tiny.en"
    assert "a whole number from 0 to 65535" in fault.message


def test_extra_ports_must_differ_from_all_other_ports() -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(None, ["asr.extra_ports={whisper/base: 10300, whisper/tiny: 0, whisper/x: 0}"])
    (fault,) = refused.value.problems
    assert fault.path == "asr.extra_ports.whisper/base"
    assert fault.message == "10300 is already the port of `asr.port`."


def test_extra_ports_must_be_a_mapping() -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(None, ["asr.extra_ports=10301"])
    assert [fault.path for fault in refused.value.problems] == ["asr.extra_ports"]


def test_empty_extra_ports_remove_those_of_earlier_sources(write: Write) -> None:
    file = write("asr:\n  extra_ports:\n    whisper/tiny.en: 10301\n")
    loaded = load_config(file, ["asr.extra_ports={}"])
    assert loaded.config.asr.extra_ports == {}
    assert loaded.sources["asr.extra_ports"] == "command line"
    more = ["asr.extra_ports={}", "asr.extra_ports.whisper/base=10302"]
    assert load_config(file, more).config.asr.extra_ports == {"whisper/base": 10_302}
    assert load_config(write("asr: {extra_ports: {}}")).config.asr.extra_ports == {}


def test_former_key_names_its_new_name(write: Write) -> None:
    found = faults_of(
        write("limits: {request: 5}\nwake: {models: [alexa], words: {alexa: {threshold: 0.7}}}\n"),
        ["api.hosts=[a]", "wake.words.alexa.threshold=0.7"],
        {"WYOMING_CONDUCTOR_JOBS_KEEP": "5"},
    )
    assert found["limits.request"].message == "was renamed to `limits.request_timeout`."
    assert {path: fault.suggestion for path, fault in found.items()} == {
        "limits.request": "limits.request_timeout",
        "wake.models": "wake.words",
        "wake.words": "wake.word_settings",
        "api.hosts": "api.allowed_hosts",
        "WYOMING_CONDUCTOR_JOBS_KEEP": "WYOMING_CONDUCTOR_JOBS_RETENTION",
    }


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items())
def test_renamed_keys_lead_to_existing_keys(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    assert find_node(old) is None
    assert find_node(new) is not None
