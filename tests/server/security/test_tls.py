"""HTTPS of a real server: a damaged certificate, endless handshakes, a restart."""

import ssl
import stat
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.e2e

SETTINGS = {"api__tls": "true", "tts__enabled": "false", "wake__enabled": "false"}


async def test_server_with_tls_survives_damage_silent_clients_and_a_restart(
    start_server, attack, tmp_path: Path
) -> None:
    data = tmp_path / "kept"
    data.mkdir()
    path = data / "api-certificate.pem"
    path.write_bytes(bytes(2_000))
    server = start_server(**SETTINGS, data_dir=data)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    trusting = ssl.create_default_context(cafile=str(path))
    token = (data / "api-token").read_text().strip()

    async def get(path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(verify=trusting, trust_env=False, timeout=10) as client:
            url = f"https://127.0.0.1:{server.ports['api']}{path}"
            return dict((await client.get(url, headers=headers)).json())

    assert "api-certificate.pem.broken-" in str(await get("/health"))

    silent = await attack.hold([server.ports["api"]], 150, [f"127.0.0.{n}" for n in range(2, 5)])
    assert len(silent) > 100
    for number, peer in enumerate(silent):
        await peer.send_bytes(b"\x16\x03\x01\x02\x00\x01"[: number % 7])
    times = []
    for _ in range(10):
        started = time.monotonic()
        fingerprint = (await get("/pair/code"))["fingerprint"]
        times.append(time.monotonic() - started)
    assert max(times) < 2
    assert fingerprint.upper() in server.log.read_text().replace(":", "")
    await attack.close()

    content = path.read_bytes()
    server.process.terminate()
    assert server.process.wait(30) == 0
    server = start_server(**SETTINGS, data_dir=data)
    assert path.read_bytes() == content
    assert (await get("/pair/code"))["fingerprint"] == fingerprint
