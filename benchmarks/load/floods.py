"""How long do others wait while clients send as fast as they can?

    python -m benchmarks.load.floods [--clients 40] [--seconds 5]

Starts a server on the loopback interface. For each flood, clients in a process of their own send
the same bytes again and again; meanwhile new clients ask the same port to describe itself. Prints
the waits and ends with 1 if the 95th percentile of one of them is 50 ms or more. Run it on a
machine that does nothing else.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

GOAL_SECONDS: Final = 0.05
START_SECONDS: Final = 180.0
SOURCES: Final = [f"127.0.0.{number}" for number in range(2, 5)]
SETTINGS: Final = (
    *("host=127.0.0.1", "discovery.zeroconf=false", "preload=false", "asr.model=whisper/tiny.en"),
    *("asr.port=0", "tts.port=0", "wake.port=0", "api.port=0"),
)


def event(type_: str, payload: bytes = b"", **data: Any) -> bytes:
    header: dict[str, Any] = {"type": type_}
    block = json.dumps(data).encode() if data else b""
    if block:
        header["data_length"] = len(block)
    if payload:
        header["payload_length"] = len(payload)
    return json.dumps(header).encode() + b"\n" + block + payload


NOISE: Final = np.random.default_rng(1).bytes(20_000)
RECORDING: Final = event("transcribe", context={"turn_detection": False})

FLOODS: Final[dict[str, tuple[str, bytes, bytes]]] = {
    "noise at 4 kHz": (
        "asr",
        RECORDING,
        event("audio-chunk", NOISE, rate=4_000, width=1, channels=1),
    ),
    "noise of 32 channels at 384 kHz": (
        "asr",
        RECORDING,
        event("audio-chunk", NOISE[:19_200], rate=384_000, width=2, channels=32),
    ),
    "one sample per event": (
        "asr",
        RECORDING,
        event("audio-chunk", b"ab", rate=16_000, width=2, channels=1) * 200,
    ),
    "requests of 22 bytes": ("asr", b"", b'{"type":"transcribe"}\n' * 1_000),
    "pings": ("tts", b"", b'{"type":"ping","data":{"text":"x"}}\n' * 1_000),
    "texts": ("tts", b"", event("synthesize", text="Hello there. " * 500) * 5),
    "noise for wake words": (
        "wake",
        event("detect", names=["okay_nabu"]),
        event("audio-chunk", NOISE, rate=16_000, width=2, channels=1),
    ),
}
"""Service, first bytes of a connection, and the bytes that follow until the end."""


async def flood(name: str, port: int, clients: int) -> None:
    """Flood a port for ever; a client that is disconnected connects again."""
    _, first, again = FLOODS[name]

    async def send(source: str) -> None:
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
                writer.write(first)
                while True:
                    writer.write(again)
                    await writer.drain()
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(send(SOURCES[number % len(SOURCES)]))


async def describe(port: int) -> float:
    """Return how long a new client waits for the answer to `describe`."""
    started = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'{"type": "describe"}\n')
    header = json.loads(await reader.readline())
    await reader.readexactly(header.get("data_length", 0))
    waited = time.monotonic() - started
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return waited


async def measure(ports: dict[str, int], clients: int, seconds: float) -> dict[str, list[float]]:
    """Return the waits during each flood."""
    found: dict[str, list[float]] = {}
    for name, (service, _, _) in FLOODS.items():
        arguments = ["--flood", name, "--port", str(ports[service]), "--clients", str(clients)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.load.floods"), *arguments
        )
        await asyncio.sleep(1.0)  # until the clients are connected
        waits = found[name] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            waits.append(await describe(ports[service]))
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
    return found


def with_server(use: Callable[[dict[str, int]], int]) -> int:
    """Run `use` with the ports of a server that ends afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "wyoming_servers", "serve", "--data-dir", folder]
        for setting in SETTINGS:
            command += ["--set", setting]
        server = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
        )
        try:
            state = Path(folder) / "server.json"
            deadline = time.monotonic() + START_SECONDS
            while not state.exists():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("The server did not start.")
                time.sleep(0.1)
            return use(json.loads(state.read_text())["ports"])
        finally:
            server.terminate()
            server.wait(60)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each flood")
    parser.add_argument("--flood", choices=FLOODS, help="only flood a port, until killed")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    if options.flood:
        asyncio.run(flood(options.flood, options.port, options.clients))

    def use(ports: dict[str, int]) -> int:
        found = asyncio.run(measure(ports, options.clients, options.seconds))
        print(f"{'flood':34} {'answers':>7} {'median':>9} {'p95':>9} {'most':>9}")
        late = False
        for name, waits in found.items():
            p50, p95, most = (1e3 * np.percentile(waits, percent) for percent in (50, 95, 100))
            print(f"{name:34} {len(waits):7} {p50:6.1f} ms {p95:6.1f} ms {most:6.1f} ms")
            late = late or p95 >= 1e3 * GOAL_SECONDS
        return int(late)

    return with_server(use)


if __name__ == "__main__":
    sys.exit(main())
