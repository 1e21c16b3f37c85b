"""Which model suits a machine."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import Task
from wyoming_servers.devices.probe import Device
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.recommendation import (
    BENCHMARK_FILE,
    FALLBACK_MODEL,
    AutoModel,
    Machine,
    Measurement,
    read_measurements,
    recommend_asr_model,
    recommendations,
    write_measurements,
)
from wyoming_servers.models.store import ModelStore

GIB = 1024**3
SMALL_MACHINE = Machine(processors=2, memory_bytes=8 * GIB)
GPU = Machine(4, 16 * GIB, (Device("cuda:0", "A GPU", 8 * GIB),))


class InstalledStore(ModelStore):
    """A store that has some models, whatever is on the disk."""

    def __init__(self, data_dir: Path, models: Sequence[str]) -> None:
        super().__init__(data_dir)
        self._models = models

    def installed(self, model_id: str) -> bool:
        return model_id in self._models


def measured(model: str, latency: float, device: str = "cpu") -> Measurement:
    return Measurement(
        model=model,
        task="asr",
        device=device,
        compute_type="int8",
        load_seconds=1,
        latency_seconds=latency,
        real_time_factor=latency / 4,
        memory_bytes=1,
    )


def config(data_dir: Path, **asr: object) -> Config:
    return Config.model_validate({"data_dir": data_dir, "asr": {"model": "auto", **asr}})


@pytest.mark.parametrize(
    ("machine", "languages", "model"),
    [
        (Machine(1, 2 * GIB), ["en"], "whisper/tiny.en"),
        (Machine(1, 2 * GIB), ["de"], "whisper/tiny"),
        (SMALL_MACHINE, [], "whisper/base"),
        (SMALL_MACHINE, ["en"], "whisper/base.en"),
        (SMALL_MACHINE, ["en", "de"], "whisper/base"),
        (Machine(32, 64 * GIB), [], "whisper/small"),
        (GPU, [], "whisper/large-v3-turbo"),
        (Machine(4, 16 * GIB, (Device("cuda:0", "", 2 * GIB),)), ["fr"], "whisper/small"),
        (Machine(2, 100), ["en"], None),
    ],
)
def test_unmeasured_machine_is_judged_by_processors_memory_and_gpu(
    tmp_path: Path, machine: Machine, languages: list[str], model: str | None
) -> None:
    entries = builtin_catalog().of_task(Task.ASR)
    wanted = config(tmp_path, languages=languages)
    assert recommend_asr_model(entries, wanted, machine) == model


def test_measurements_take_precedence_over_the_table(tmp_path: Path) -> None:
    entries = builtin_catalog().of_task(Task.ASR)
    wanted = config(tmp_path, language="en")
    quick = [measured("whisper/small.en", 0.9), measured("whisper/medium.en", 3.0)]
    assert recommend_asr_model(entries, wanted, SMALL_MACHINE, quick) == "whisper/small.en"
    slow = [measured("whisper/large-v3-turbo", 2.0, "cuda:0")]
    assert recommend_asr_model(entries, wanted, GPU, slow) != "whisper/large-v3-turbo"
    slow.append(measured("whisper/large-v3-turbo", 0.2, "cpu"))
    assert recommend_asr_model(entries, wanted, GPU, slow) == "whisper/large-v3-turbo"


def test_auto_is_an_installed_model_and_never_a_download(tmp_path: Path) -> None:
    def auto(models: Sequence[str], machine: Machine = GPU, **asr: object) -> str:
        store = InstalledStore(tmp_path, models)
        return AutoModel(store, machine).resolve(config(tmp_path, **asr)).asr.model

    assert auto([]) == FALLBACK_MODEL
    assert auto(["whisper/tiny", "whisper/base", "whisper/tiny.en"]) == "whisper/base"
    assert auto(["whisper/tiny.en", "whisper/base"], languages=["en"]) == "whisper/base"
    # Too slow by the table, but there is nothing else.
    assert auto(["whisper/large-v3"], SMALL_MACHINE) == "whisper/large-v3"
    assert auto(["whisper/base"], model="whisper/tiny") == "whisper/tiny"
    write_measurements(
        tmp_path, [measured("whisper/small", 4.0), measured("whisper/base", 2.0)], "now"
    )
    assert auto(["whisper/small", "whisper/base"], SMALL_MACHINE) == "whisper/base"


def test_stored_measurements_are_merged_and_damage_is_ignored(tmp_path: Path) -> None:
    assert read_measurements(tmp_path) == []
    write_measurements(tmp_path, [measured("a", 1), measured("b", 2)], "now")
    write_measurements(tmp_path, [measured("b", 3), measured("b", 1, "cuda:0")], "later")
    assert read_measurements(tmp_path) == [
        measured("a", 1),
        measured("b", 3),
        measured("b", 1, "cuda:0"),
    ]
    for content in ("", "[]", '{"version": 9}', '{"version": 1, "measurements": [{"x": 1}]}'):
        (tmp_path / BENCHMARK_FILE).write_text(content)
        assert read_measurements(tmp_path) == []


def test_advice_names_the_commands(tmp_path: Path) -> None:
    store = InstalledStore(tmp_path, ["whisper/base", "whisper/tiny"])
    write_measurements(
        tmp_path, [measured("whisper/base", 0.5), measured("whisper/base", 0.9, "cuda:0")], "now"
    )
    wrong = config(tmp_path, model="whisper/tiny")
    turbo = "whisper/large-v3-turbo"
    assert [advice.command for advice in recommendations(wrong, store, GPU)] == [
        "wyoming-conductor config set asr.model=auto",
        f"wyoming-conductor models pull {turbo} && wyoming-conductor bench {turbo}",
        "wyoming-conductor config set models.whisper/base.device=cpu",
    ]
    assert recommendations(config(tmp_path), store, SMALL_MACHINE)[:-1] == []
