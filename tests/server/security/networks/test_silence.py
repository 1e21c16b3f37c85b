"""The server sends nothing to the network that nobody asked for: no telemetry, no look-up."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

_ALL_PROTOCOLS = 0x0003
"""ETH_P_ALL, from linux/if_ether.h."""

_IPV4, _ARP = 0x0800, 0x0806
_UDP, _TCP = 17, 6
_DNS_PORT = 53


class Sniffer:
    """Notes the packets that leave a machine, and look-ups that stay on it."""

    def __init__(self, machine: Any) -> None:
        kind = socket.htons(_ALL_PROTOCOLS)
        self._socket = machine.open(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, kind))
        self._socket.settimeout(0.2)
        self._found: list[str] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sniffer")
        self._thread.start()

    def stop(self) -> list[str]:
        """Return a sentence for each packet."""
        self._stopping.set()
        self._thread.join()
        self._socket.close()
        return self._found

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                frame, (interface, *_) = self._socket.recvfrom(65_536)
            except TimeoutError:
                continue
            if (found := _describe(frame, interface)) is not None:
                self._found.append(found)


def _describe(frame: bytes, interface: str) -> str | None:
    kind = int.from_bytes(frame[12:14], "big")
    if kind == _ARP:
        return f"looks for {socket.inet_ntoa(frame[38:42])}"
    if kind != _IPV4:
        return None
    packet = frame[14:]
    header = (packet[0] & 0x0F) * 4
    port = int.from_bytes(packet[header + 2 : header + 4], "big")
    if interface == "lo" and not (packet[9] in {_UDP, _TCP} and port == _DNS_PORT):
        return None  # the clients of this test
    return f"sends to {socket.inet_ntoa(packet[16:20])}:{port}"


def test_server_sends_nothing(network: Any, serve: Callable[..., Any], tmp_path: Path) -> None:
    network.add_ipv4()
    machine = network.server
    sniffer = Sniffer(machine)
    server = serve(host="127.0.0.1", discovery__zeroconf="false", preload="true")
    deadline = time.monotonic() + 90
    for model in ("piper/en_US-joe-medium", "whisper/tiny.en", "openwakeword"):
        while f"{model} is ready" not in server.log.read_text():
            assert time.monotonic() < deadline, server.log.read_text()[-4000:]
            time.sleep(0.1)
    program = [*machine.prefix, sys.executable, "-m", "wyoming_servers"]
    spoken = str(tmp_path / "spoken.wav")
    for port, arguments in (
        ("tts", ["say", "Turn on the light.", "-o", spoken]),
        ("asr", ["transcribe", spoken]),
    ):
        address = f"127.0.0.1:{server.ports[port]}"
        command = [*program, *arguments, "--server", address]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    server.process.terminate()
    assert server.process.wait(30) == 0
    assert sniffer.stop() == []


def test_look_up_would_be_noticed(network: Any) -> None:
    network.add_ipv4()
    machine = network.server
    sniffer = Sniffer(machine)
    send = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'?', ('%s', 53))"
    for address in ("192.0.2.53", "127.0.0.53"):
        subprocess.run([*machine.prefix, sys.executable, "-c", send % address], check=True)
    found = sniffer.stop()
    assert "looks for 192.0.2.53" in found
    assert "sends to 127.0.0.53:53" in found
