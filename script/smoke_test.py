"""Serve with the installed program, speak, transcribe, detect a wake word, stop; print the seconds.

usage: python smoke_test.py [--set KEY=VALUE]...

Uses the `wyoming-conductor` on PATH, a new data directory and free ports, and needs nothing but
Python's standard library, so that it runs in any environment, container or emulated machine.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import wave
from pathlib import Path
from typing import Any, Final

TEXT: Final = "Turn on the kitchen light."
WAKE_TEXT: Final = "Hey Jarvis!"
MODELS: Final = {"asr": "whisper", "tts": "piper", "wake": "wakeword"}
"""Part of the id of a model of each task."""

DEADLINE: Final = float(os.environ.get("SMOKE_TEST_DEADLINE", "900"))
"""Seconds for the start and for each command; an emulated machine is slow."""


class Server:
    """A server of the installed program."""

    def __init__(self, folder: Path, sets: list[str]) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "server.log"
        fixed = ["host=127.0.0.1", "discovery.zeroconf=false"]
        fixed += [f"{name}.port=0" for name in ("asr", "tts", "wake", "api")]
        options = [part for item in [*fixed, *sets] for part in ("--set", item)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["wyoming-conductor", "serve", "--data-dir", str(self.data_dir), *options],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.ports: dict[str, int] = {}

    def wait(self) -> None:
        """Wait until the ports are open and a model of each task is ready."""
        state = self.data_dir / "server.json"
        deadline = time.monotonic() + DEADLINE
        while not (state.exists() and self.is_ready()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"The server did not start:\n{self.log.read_text()[-6000:]}")
            time.sleep(0.2)
        self.ports = json.loads(state.read_text())["ports"]

    def is_ready(self) -> bool:
        """Return whether the log names a ready model of each task."""
        lines = [line for line in self.log.read_text().splitlines() if " is ready on " in line]
        return all(any(part in line for line in lines) for part in MODELS.values())

    def run(self, task: str, *arguments: str) -> str:
        """Run a client command against the port of a task; return its output."""
        server = ["--server", f"127.0.0.1:{self.ports[task]}"]
        command = ["wyoming-conductor", *arguments, *server]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        if result.returncode:
            sys.exit(f"{command} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result.stdout.strip()

    def upload(self, recording: Path) -> str:
        """Transcribe a recording through the HTTP API; return the text."""
        fields = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x\r\n'
        fields += b'Content-Disposition: form-data; name="file"; filename="recording"\r\n\r\n'
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['api']}/v1/audio/transcriptions",
            fields + recording.read_bytes() + b"\r\n--x--\r\n",
        )
        token = (self.data_dir / "api-token").read_text().strip()
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "multipart/form-data; boundary=x")
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:  # noqa: S310
            return str(json.load(response)["text"])

    def stop(self) -> int:
        """End the server as a service manager does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def add_silence(path: Path, seconds: float) -> None:
    """Put silence around the speech of a WAV file, as a microphone would."""
    with wave.open(str(path)) as file:
        parameters, frames = file.getparams(), file.readframes(file.getnframes())
    silence = bytes(int(seconds * parameters.framerate) * parameters.sampwidth)
    with wave.open(str(path), "wb") as file:
        file.setparams(parameters)
        file.writeframes(silence + frames + silence)


def check(step: str, began: float, result: Any, good: bool) -> None:
    """Print one step with its seconds; exit if its result is wrong."""
    print(f"{step}: {time.monotonic() - began:.1f} s: {result}", flush=True)
    if not good:
        sys.exit(f"{step}: that is wrong.")


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", dest="sets", action="append", default=[])
    sets = parser.parse_args().sets
    folder = Path(tempfile.mkdtemp(prefix="smoke-test-"))
    began = time.monotonic()
    server = Server(folder, sets)
    try:
        server.wait()
        check("ready", began, server.ports, True)
        spoken, call = str(folder / "spoken.wav"), folder / "call.wav"
        began = time.monotonic()
        server.run("tts", "say", TEXT, "-o", spoken)
        check("say", began, spoken, True)
        began = time.monotonic()
        text = server.run("asr", "transcribe", spoken)
        check("transcribe", began, text, "turn on the kitchen light" in text.lower())
        began = time.monotonic()
        text = server.upload(Path(spoken))
        check("upload", began, text, "turn on the kitchen light" in text.lower())
        server.run("tts", "say", WAKE_TEXT, "-o", str(call))
        add_silence(call, 1.5)
        began = time.monotonic()
        command = ["wyoming-conductor", "wake", "test", str(call), "--json"]
        command += ["--data-dir", str(server.data_dir), "--word", "hey_jarvis"]
        output = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE, check=True
        ).stdout
        (found,) = json.loads(output)["files"]
        check("wake word", began, found["detections"], bool(found["detections"]))
        began = time.monotonic()
        code = server.stop()
        check("stop", began, f"exit code {code}", code == 0)
    finally:
        server.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
