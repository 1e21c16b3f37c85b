"""Start the server as an app of Home Assistant, and announce it to the Supervisor.

The Supervisor gives the options in /data/options.json and a token in SUPERVISOR_TOKEN, and hands
what the app announces to Home Assistant, which then needs neither address nor token from the user.
Needs the standard library alone.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

OPTIONS: Final = {
    "speech_model": "asr.model",
    "language": "asr.language",
    "voice": "tts.voice",
    "keep_alive": "keep_alive",
    "log_level": "log.level",
}
"""Keys of the server's configuration by the app's options."""

FIXED: Final = ("host=0.0.0.0", "discovery.zeroconf=false")
"""Home Assistant finds the app through the Supervisor: mDNS does not leave the container."""

USER: Final = 999
"""Owner of the server's files; it runs without the rights of root."""

ATTEMPTS: Final = 60
PAUSE_SECONDS: Final = 2.0


class App:
    """The app; `main` runs it in the folders that the Supervisor mounts."""

    def __init__(
        self, data: Path, config: Path, supervisor: str, environ: Mapping[str, str]
    ) -> None:
        self.data = data / "server"
        self.options: dict[str, Any] = json.loads((data / "options.json").read_text())
        self.config = config / "config.yaml"
        self.supervisor = supervisor
        self.token = environ.get("SUPERVISOR_TOKEN", "")
        self.environ = {
            name: value for name, value in environ.items() if name != "SUPERVISOR_TOKEN"
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.is_stopping = False
        self.user = USER if os.getuid() == 0 else None

    def command(self, hostname: str) -> list[str]:
        """Return the command that starts the server."""
        sets = [*FIXED]
        if hostname:
            sets.append(f"api.allowed_hosts=[{hostname}]")
        sets += [
            f"{key}={self.options[option]}"
            for option, key in OPTIONS.items()
            if self.options.get(option) not in (None, "")
        ]
        sets += [text for text in self.options.get("settings", ()) if text]
        config = ["--config", str(self.config)] if self.config.is_file() else []
        words = ["wyoming-conductor", "serve", "--data-dir", str(self.data), *config]
        return [*words, *(part for item in sets for part in ("--set", item))]

    def run(self) -> int:
        """Serve until SIGTERM; return the server's exit code."""
        hostname = self.hostname()
        self.data.mkdir(mode=0o700, exist_ok=True)
        user: dict[str, Any] = {}
        if self.user is not None:
            give_away(self.data, self.user)
            user = {"user": self.user, "group": self.user, "extra_groups": []}
        self.process = subprocess.Popen(
            self.command(hostname), env={**self.environ, "HOME": str(self.data)}, **user
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        if hostname:
            self.announce(hostname)
        return self.process.wait()

    def stop(self, number: int, frame: object) -> None:
        """Pass a signal on to the server."""
        self.is_stopping = True
        if self.process is not None:
            self.process.send_signal(number)

    def hostname(self) -> str:
        """Return the name under which Home Assistant reaches the app; empty if it is unknown."""
        try:
            return str(self.ask("GET", "/addons/self/info")["hostname"])
        except (OSError, ValueError, KeyError) as err:
            print(f"The Supervisor does not answer: {err}", file=sys.stderr, flush=True)
            return ""

    def announce(self, hostname: str) -> None:
        """Send address and token to the Supervisor, once the server has them."""
        state, token = self.data / "server.json", self.data / "api-token"
        started = time.time()
        while self.process is not None and self.process.poll() is None and not self.is_stopping:
            if token.exists() and state.exists() and state.stat().st_mtime >= started - 1:
                break
            time.sleep(0.2)
        else:
            return
        port = json.loads(state.read_text())["ports"].get("api")
        if port is None:
            print(
                "api.enabled is false: Home Assistant cannot be given an address.", file=sys.stderr
            )
            return
        config = {"host": hostname, "port": port, "token": token.read_text().strip()}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.ask("POST", "/discovery", {"service": "wyoming_conductor", "config": config})
            except (OSError, ValueError) as err:
                print(
                    f"The server could not be announced (attempt {attempt}): {err}",
                    file=sys.stderr,
                    flush=True,
                )
                if self.is_stopping or attempt == ATTEMPTS:
                    return
                time.sleep(PAUSE_SECONDS)
            else:
                print("Announced the server to Home Assistant.", flush=True)
                return

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one request to the Supervisor; return the data of its answer."""
        request = urllib.request.Request(
            f"{self.supervisor}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as err:
            with err:
                raise ValueError(f"{path}: {err.code} {err.read(500).decode()}") from err
        return dict(answer.get("data") or {})


def give_away(folder: Path, user: int) -> None:
    """Make a user the owner of a folder and everything in it, unless it is already."""
    if folder.stat().st_uid == user:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def main() -> int:
    """Run the app."""
    return App(Path("/data"), Path("/config"), "http://supervisor", os.environ).run()


if __name__ == "__main__":
    sys.exit(main())
