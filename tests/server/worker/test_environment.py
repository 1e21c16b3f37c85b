"""Environment variables by engine and device."""

import pytest

from wyoming_servers.core.domain import Placement
from wyoming_servers.worker import environment
from wyoming_servers.worker.environment import worker_environment

CPU, GPU = Placement(), Placement("cuda:1", "float16")


def test_environment_inherits_only_known_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setenv("LC_TIME", "C")
    monkeypatch.setenv("WYOMING_CONDUCTOR_API_TOKEN", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    result = worker_environment("fake", CPU)
    assert (result["OMP_WAIT_POLICY"], result["LC_TIME"]) == ("passive", "C")
    assert "secret" not in result.values()


def test_environment_turns_telemetry_of_libraries_off() -> None:
    result = worker_environment("piper", CPU)
    for name in ("DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "ORT_DISABLE_TELEMETRY"):
        assert result[name] == "1"


def test_malloc_is_tuned_only_for_ctranslate2() -> None:
    assert worker_environment("faster-whisper", CPU)["MALLOC_ARENA_MAX"] == "1"
    assert "MALLOC_ARENA_MAX" not in worker_environment("piper", CPU)


def test_gpus_are_hidden_from_cpu_workers() -> None:
    assert worker_environment("fake", CPU)["CUDA_VISIBLE_DEVICES"] == ""


def test_gpu_workers_get_nvml_order_and_the_cuda_libraries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "cuda_library_folders", lambda: ("/site/nvidia/cublas/lib",))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    result = worker_environment("faster-whisper", GPU)
    assert result["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert result["LD_LIBRARY_PATH"] == "/site/nvidia/cublas/lib:/opt/lib"
    assert "CUDA_VISIBLE_DEVICES" not in result


def test_extra_variables_win() -> None:
    more = {"faster-whisper": {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "3"}}
    result = worker_environment("faster-whisper", CPU, more)
    assert result["MALLOC_ARENA_MAX"] == "2"
    assert result["OMP_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in worker_environment("piper", CPU, more)


def test_feature_extraction_uses_one_blas_thread() -> None:
    assert worker_environment("faster-whisper", CPU)["OPENBLAS_NUM_THREADS"] == "1"
