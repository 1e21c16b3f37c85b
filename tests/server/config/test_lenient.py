"""A start in spite of wrong settings, where the default is safe."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wyoming_servers.config.errors import ConfigError, ConfigProblem
from wyoming_servers.config.key_tree import dotted_path, key_tree
from wyoming_servers.config.lenient import default_is_safe
from wyoming_servers.config.load import load_config, overrides_path
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.config_references import leave_out_unknown_names

Write = Callable[[str], Path]


def test_wrong_settings_of_file_and_environment_get_their_defaults(write: Write) -> None:
    file = write(
        "asr:\n  beam_sise: 5\n  end_silence: 99\n  language: en\n"
        "memory: {budget: lots}\n"
        "jobs: {unheard_of: 1}\n"
        "models: {whisper/base: {pinned: maybe, device: cpu}}\n"
    )
    environ = {"WYOMING_CONDUCTOR_TTS_SPEED": "fast", "WYOMING_CONDUCTOR_TTS_SPEEED": "1"}
    loaded = load_config(file, [], environ, strict=False)
    assert {problem.path for problem in loaded.ignored} == {
        "asr.beam_sise",
        "asr.end_silence",
        "memory.budget",
        "jobs.unheard_of",
        "models.whisper/base.pinned",
        "tts.speed",
        "WYOMING_CONDUCTOR_TTS_SPEEED",
    }
    assert all(problem.where for problem in loaded.ignored)
    config = loaded.config
    assert (config.asr.language, config.models["whisper/base"].device) == ("en", "cpu")
    assert (config.asr.end_silence, config.memory.budget, config.tts.speed) == (0.7, "90%", 1.0)
    assert loaded.sources["asr.end_silence"] == "default"
    with pytest.raises(ConfigError) as strict:
        load_config(file, [], environ)
    # The budget is checked when everything else is right.
    assert {problem.path for problem in loaded.ignored} - {
        problem.path for problem in strict.value.problems
    } == {"memory.budget"}


@pytest.mark.parametrize(
    "text",
    [
        "asr: {port: x}",
        "asr: {prot: 10300}",
        "asr: {port: 10200}",  # that of text-to-speech
        "asr: {extra_ports: {whisper/tiny: x}}",
        "asr: 10300",
        "arsr: {port: 10300}",
        "host: [1]",
        "hots: 127.0.0.1",
        "listen: 127.0.0.1",
        "api: {auth: nobody}",
        "api: {hosts: [a.example]}",  # the former name of allowed_hosts
        "api: {restrict: true}",
        "webhooks: {allowed_tragets: [10.0.0.5]}",
        "security: {sandbox: maybe}",
        "data_dir: [x]",
        "asr: [",
    ],
)
def test_start_is_refused_where_a_guess_could_expose_or_hide_the_server(
    write: Write, text: str
) -> None:
    with pytest.raises(ConfigError):
        load_config(write(text), strict=False)


@pytest.mark.parametrize(
    ("sets", "environ"),
    [
        (["asr.end_silence=99"], {}),
        (["asr.beam_sise=1"], {}),
        ([], {"WYOMING_CONDUCTOR_FRUIT": "1"}),
        ([], {"WYOMING_CONDUCTOR_HOTS": "127.0.0.1"}),
        ([], {"WYOMING_CONDUCTOR_API_AUTH": "nobody"}),
    ],
)
def test_arguments_and_unexplained_variables_must_be_right(
    sets: list[str], environ: dict[str, str]
) -> None:
    with pytest.raises(ConfigError):
        load_config(None, sets, environ, strict=False)


def test_every_port_and_every_protecting_key_is_never_guessed() -> None:
    keys = {dotted_path(path): key for path, key in key_tree().walk()}
    safe = {name for name in keys if default_is_safe(ConfigProblem(name, "is wrong."))}
    assert len(safe) > 40
    assert not {name for name in safe if keys[name].admin or "port" in name}
    assert not safe & {"host", "data_dir"}


def test_value_that_is_valid_elsewhere_takes_the_place_of_a_wrong_one(write: Write) -> None:
    file = write("asr: {end_silence: 99}\ntts: {speed: 1.1}\n")
    environ = {"WYOMING_CONDUCTOR_TTS_SPEED": "9"}
    loaded = load_config(file, ["asr.end_silence=2"], environ, strict=False)
    assert (loaded.config.asr.end_silence, loaded.config.tts.speed) == (2, 1.1)
    assert [problem.path for problem in loaded.ignored] == ["tts.speed"]


def test_names_that_do_not_exist_get_their_defaults(write: Write, tmp_path: Path) -> None:
    overrides_path(tmp_path).write_text("tts: {voice: no-such-voice}\nasr: {beam_size: 2}\n")
    file = write(
        "asr: {model: whisper/bse, languages: [en, xx]}\nwake: {words: [hey_jarvs]}\n"
        "models: {whisper/bas: {pinned: true, keep_alive: 5m}}\n"
    )
    loaded = load_config(file, [f"data_dir={tmp_path}"], strict=False)
    mended = leave_out_unknown_names(loaded, builtin_catalog())
    assert {problem.path for problem in mended.ignored} == {
        "asr.model",
        "asr.languages",
        "wake.words",
        "models.whisper/bas",
    }
    assert [problem.path for problem in mended.overrides_problems] == ["tts.voice"]
    assert mended.valid_overrides == {"asr": {"beam_size": 2}}
    assert all(problem.where for problem in mended.ignored)
    assert mended.config.asr.beam_size == 2
    assert not mended.config.models

    with pytest.raises(ConfigError, match="whisper/bse"):
        leave_out_unknown_names(load_config(file, [f"data_dir={tmp_path}"]), builtin_catalog())
    ports = load_config(write("asr: {extra_ports: {whisper/x: 1}}"), strict=False)
    with pytest.raises(ConfigError, match="extra_ports"):
        leave_out_unknown_names(ports, builtin_catalog())


def test_settings_can_be_changed_in_spite_of_ignored_ones(write: Write, tmp_path: Path) -> None:
    file = write("asr: {model: whisper/bse, end_silence: 99}\n")
    loaded = load_config(file, [f"data_dir={tmp_path}"], strict=False)
    loaded = leave_out_unknown_names(loaded, builtin_catalog())
    assert loaded.reload is not None
    changed = loaded.reload("asr: {model: whisper/tiny.en, end_silence: 2}\n")
    assert (changed.config.asr.model, changed.config.asr.end_silence) == ("whisper/tiny.en", 2)
    with pytest.raises(ConfigError) as refused:
        loaded.reload("asr: {beam_size: 99}\n")
    assert [problem.path for problem in refused.value.problems] == ["asr.beam_size"]
