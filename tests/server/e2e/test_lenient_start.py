"""A server that starts in spite of wrong settings, and says so."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

WRONG = """
asr: {model: whisper/bse, end_silnce: 1}
tts: {enabled: false}
wake: {enabled: false}
limits: {load_timeout: never}
"""


@pytest.mark.timeout(240)
def test_server_starts_with_defaults_in_place_of_wrong_settings(
    start_server, tmp_path: Path, clip
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(WRONG)
    server = start_server(config=config, asr__model=None, preload=False)
    wrong = ("asr.model", "asr.end_silnce", "limits.load_timeout")
    reasons = " ".join(server.http("/health")["reasons"])
    assert all(f"Ignored setting: {key}" in reasons for key in wrong)
    assert "Did you mean `asr.end_silence`?" in reasons
    assert f"{config}, line 2" in reasons
    log = server.log.read_text()
    assert all(log.count(f"Ignored setting, the default is used. {key}") == 1 for key in wrong)
    assert {"asr.model", "asr.end_silnce"} <= ignored_events(server)
    # The settings can be changed: those that are valid, and those that were wrong.
    assert server.http("/config", "PATCH", {"asr": {"beam_size": 2}})["changed"]
    assert server.http("/config", "PATCH", {"asr": {"model": "whisper/tiny.en"}})["changed"]
    server.wait_state("whisper/tiny.en", "ready")
    # English only, so it is the most accurate installed model that understands every language.
    change = server.http("/config", "PATCH", {"asr": {"model": "auto"}})["keys"]["asr.model"]
    assert (change["value"], change["effective"], change["pending"]) == (
        "auto", "whisper/base", False,
    )  # fmt: skip
    assert server.http("/health")["model"] == "whisper/base"
    server.stop()

    command = [sys.executable, "-m", "wyoming_servers", "serve", "--strict"]
    command += ["--config", str(config), "--data-dir", str(server.data_dir)]
    strict = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert strict.returncode == 2
    assert all(key in strict.stderr for key in ("asr.end_silnce", "limits.load_timeout"))


def ignored_events(server) -> set[str]:
    """Return the keys of the events since the start of the server."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.ports['api']}/events")
    request.add_header(
        "Authorization", f"Bearer {(server.data_dir / 'api-token').read_text().strip()}"
    )
    request.add_header("Last-Event-ID", "0")
    keys = set()
    with urllib.request.urlopen(request, timeout=10) as stream:
        for line in stream:
            if line.startswith(b"data:") and b'"setting_ignored"' in line:
                keys.add(json.loads(line[5:])["key"])
            if b'"server_started"' in line:
                return keys
    return keys
