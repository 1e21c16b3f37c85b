import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from wyoming_servers.models import catalog

CONTENT = b"weights" * 1_000


@pytest.fixture
def manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models: one that can be installed, one that cannot."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    entry = {
        "kind": "asr",
        "engine": "fake",
        "version": "1",
        "licence": "MIT",
        "attribution": {"name": "x", "url": "x"},
        "languages": ["en", "de", "fr", "it", "es"],
        "roles": {"model": "model.bin"},
        "files": [
            {
                "path": "model.bin",
                "size": len(CONTENT),
                "sha256": hashlib.sha256(CONTENT).hexdigest(),
            }
        ],
    }
    models = [
        {**entry, "id": "test/small", "title": "Small"},
        {**entry, "id": "test/large", "title": "Large", "kind": "tts"},
    ]
    (folder / "test.yaml").write_text(yaml.safe_dump({"models": models}))
    found = catalog.read_catalog(folder)
    monkeypatch.setattr("wyoming_servers.models.store.builtin_catalog", lambda: found)
    return folder


@pytest.fixture
def data_dir(tmp_path: Path, manifests: Path) -> Path:
    """A data directory with the file of `test/small`, but without a receipt."""
    folder = tmp_path / "data"
    place = folder / "models" / "test" / "small" / "1"
    place.mkdir(parents=True)
    (place / "model.bin").write_bytes(CONTENT)
    return folder


def options(data_dir: Path) -> list[str]:
    return ["--data-dir", str(data_dir), "--set", "downloads.offline=true"]


def test_models_list_shows_every_model_with_its_state(run: Any, data_dir: Path) -> None:
    run("models", "pull", "test/small", *options(data_dir))
    lines = run("models", "list", *options(data_dir)).stdout.splitlines()
    assert lines[1].split()[:3] == ["test/small", "asr", "installed"]
    assert lines[2].split()[:3] == ["test/large", "tts", "-"]
    assert "en, de, fr, it and 1 more" in lines[1]


def test_models_list_filters_and_prints_json(run: Any, data_dir: Path) -> None:
    run("models", "pull", "test/small", *options(data_dir))
    by_kind = json.loads(
        run("models", "list", "--kind", "tts", "--json", *options(data_dir)).stdout
    )
    assert [(model["id"], model["installed"]) for model in by_kind] == [("test/large", False)]
    result = run("models", "list", "--installed", "--json", *options(data_dir))
    installed = json.loads(result.stdout)
    assert [(model["id"], model["bytes"]) for model in installed] == [("test/small", len(CONTENT))]
    assert installed[0]["folder"]


def test_models_list_shows_voices_with_their_requirements(run: Any, data_dir: Path) -> None:
    path = data_dir.parent / "manifests" / "test.yaml"
    models = yaml.safe_load(path.read_text())
    models["models"][1]["offers"] = [
        {"name": "deep", "languages": ["de"], "quality": "high"},
        {"name": "far", "languages": ["zh"], "needs": ["no-such-reader"]},
    ]
    models["models"][0] |= {"kind": "tts", "offers": [{"name": "near"}]}
    path.write_text(yaml.safe_dump(models))
    found = catalog.read_catalog(path.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wyoming_servers.models.store.builtin_catalog", lambda: found)
        run("models", "pull", "test/small", *options(data_dir))
        lines = run("models", "list", "--voices", *options(data_dir)).stdout.splitlines()
        assert [line.split()[0] for line in lines] == ["voice", "near", "deep", "far"]
        assert lines[1].split()[-1] == "installed"
        assert lines[2].split()[:4] == ["deep", "de", "high", "test/large"]
        result = run("models", "list", "--voices", "--installed", "--json", *options(data_dir))
    (voice,) = json.loads(result.stdout)
    assert (voice["name"], voice["installed"], voice["needs"]) == ("near", True, [])


def test_models_list_refuses_an_unknown_kind(run: Any, data_dir: Path) -> None:
    assert run("models", "list", "--kind", "vision").exit_code == 2


def test_models_pull_shows_progress_and_can_be_repeated(run: Any, data_dir: Path) -> None:
    for _ in range(2):
        result = run("models", "pull", "test/small", *options(data_dir))
        assert result.exit_code == 0
        assert "test/small is installed" in result.stderr
        assert result.stdout == ""


def test_models_pull_fails_with_the_reason(run: Any, data_dir: Path) -> None:
    result = run("models", "pull", "test/large", *options(data_dir))
    assert result.exit_code != 0
    assert result.stderr.count("error [") == 1
    assert "test/large" in result.stderr


def test_models_pull_checks_all_ids_first(run: Any, data_dir: Path) -> None:
    result = run("models", "pull", "test/small", "test/smal", *options(data_dir))
    assert result.exit_code == 2
    assert "test/small" in result.stderr
    assert (
        json.loads(run("models", "list", "--installed", "--json", *options(data_dir)).stdout) == []
    )


def test_models_pull_installs_the_default_models(run: Any, data_dir: Path) -> None:
    needed = ["--set", "asr.model=test/small", "--set", "tts.enabled=false"]
    result = run("models", "pull", "--json", *options(data_dir), *needed)
    assert [model["id"] for model in json.loads(result.stdout)] == ["test/small"]


def test_models_add_copies_and_installs_and_remove_deletes(run: Any, data_dir: Path) -> None:
    voices = data_dir.parent / "voices"
    voices.mkdir()
    (voices / "mine.onnx").write_bytes(CONTENT)
    (voices / "mine.onnx.json").write_text('{"language": {"code": "de_DE"}}')
    result = run("models", "add", str(voices / "mine.onnx"), "--name", "his", *options(data_dir))
    assert result.exit_code == 0, result.stderr
    assert "own/his is installed with the voices his" in result.stderr
    listed = json.loads(run("models", "list", "--installed", "--json", *options(data_dir)).stdout)
    assert [(model["id"], model["offers"]) for model in listed] == [("own/his", ["his"])]
    again = run("models", "add", str(voices / "mine.onnx"), "--name", "his", *options(data_dir))
    assert (again.exit_code, "error [CONFLICT]" in again.stderr) == (2, True)
    in_use = ["--set", "tts.voice=his"]
    refused = run("models", "remove", "own/his", *options(data_dir), *in_use)
    assert (refused.exit_code, "tts.voice is his" in refused.stderr) == (2, True)
    removed = run("models", "remove", "own/his", "--force", *options(data_dir), *in_use)
    assert removed.exit_code == 0, removed.stderr
    assert not (data_dir / "models.d" / "his").exists()
    assert (voices / "mine.onnx").exists()


def test_models_add_refuses_what_is_no_model_and_the_network_when_offline(
    run: Any, data_dir: Path
) -> None:
    nothing = run("models", "add", str(data_dir), *options(data_dir))
    assert (nothing.exit_code, "model.bin" in nothing.stderr) == (2, True)
    repository = run("models", "add", "me/voice", *options(data_dir))
    assert repository.exit_code != 0
    assert "downloads.offline" in repository.stderr
    assert "downloads.offline" in run("models", "refresh", *options(data_dir)).stderr


def test_models_verify_exits_with_1_for_a_damaged_file(run: Any, data_dir: Path) -> None:
    run("models", "pull", "test/small", *options(data_dir))
    result = run("models", "verify", *options(data_dir))
    assert (result.exit_code, result.stdout) == (0, "test/small: ok\n")
    path = data_dir / "models" / "test" / "small" / "1" / "model.bin"
    before = path.stat()
    path.write_bytes(b"X" + CONTENT[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = run("models", "verify", "test/small", "--json", *options(data_dir))
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {"id": "test/small", "ok": False, "damaged": ["model.bin"]}
    ]


def test_models_verify_refuses_a_model_that_is_not_installed(run: Any, data_dir: Path) -> None:
    result = run("models", "verify", "test/large", *options(data_dir))
    assert result.exit_code == 2
    assert "models pull test/large" in result.stderr


def test_models_remove_deletes_the_files(run: Any, data_dir: Path) -> None:
    run("models", "pull", "test/small", *options(data_dir))
    result = run("models", "remove", "test/small", *options(data_dir))
    assert result.exit_code == 0
    assert "test/small is removed" in result.stderr
    assert not (data_dir / "models" / "test" / "small").exists()
    assert (
        json.loads(run("models", "list", "--installed", "--json", *options(data_dir)).stdout) == []
    )
