"""Runs Home Assistant with its own configuration folder."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from harness.process import ProcessEndedError, free_port, running, tail

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

BOOT_SECONDS = 120.0
"""The first start compiles bytecode and creates the database."""

IGNORED_PROBLEMS = (
    "Skipping pip installation",
    "zlib_ng and isal",  # optional optimization
    "libturbojpeg",  # camera screenshots
    "We found a custom integration",  # logged for every custom integration
    "binary message for non-existing handler",  # audio that arrives after the end of the run
)
"""Texts of log lines that are unrelated to our servers."""

_PROBLEM = re.compile(r" (WARNING|ERROR|CRITICAL) ")


@dataclass(frozen=True)
class Hass:
    """A running Home Assistant."""

    url: str
    """Such as `http://127.0.0.1:43210`, without a trailing slash."""

    folder: Path
    """Configuration folder with log and storage."""

    process: asyncio.subprocess.Process

    @property
    def log(self) -> Path:
        """Log file."""
        return self.folder / "home-assistant.log"

    def problems(self, since: int = 0) -> list[str]:
        """Return the warnings and errors after line `since` that are not ignored."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [
            line
            for line in lines[since:]
            if _PROBLEM.search(line) and not any(text in line for text in IGNORED_PROBLEMS)
        ]

    def lines_with(self, text: str, since: int = 0) -> list[str]:
        """Return the log lines of any level with a text after line `since`."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines[since:] if text in line]

    def line_count(self) -> int:
        """Return the current number of log lines."""
        return len(self.log.read_text(errors="replace").splitlines())


class LogWatch:
    """Compares the warnings and errors of a test with the expected ones."""

    def __init__(self, hass: Hass, since: int) -> None:
        """Check the log after line `since`."""
        self._hass = hass
        self._since = since
        self._expected: list[str] = []
        self._tolerated: list[str] = []

    def expect_one(self, text: str) -> None:
        """Expect exactly one warning or error with this text."""
        self._expected.append(text)

    def tolerate(self, text: str) -> None:
        """Accept any number of warnings and errors with this text."""
        self._tolerated.append(text)

    def lines_with(self, text: str) -> list[str]:
        """Return the log lines of any level with a text."""
        return self._hass.lines_with(text, self._since)

    def check(self) -> None:
        """Fail unless exactly the expected warnings and errors were logged."""
        problems = self._hass.problems(self._since)
        for text in self._expected:
            found = [line for line in problems if text in line]
            assert len(found) == 1, f"{len(found)} lines with {text!r}: {problems}"
        known = (*self._expected, *self._tolerated)
        assert [line for line in problems if not any(text in line for text in known)] == []


def find_ffmpeg(python: Path) -> Path:
    """Return ffmpeg of the environment of `python`."""
    code = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"
    answer = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return Path(answer.stdout.strip())


@asynccontextmanager
async def start_hass(python: Path, ffmpeg: Path, folder: Path) -> AsyncIterator[Hass]:
    """Run Home Assistant of the environment of `python` in an empty folder until the block ends.

    Yields when its HTTP server responds. Raises ProcessEndedError or TimeoutError with the end of
    the output if it fails to start.
    """
    port = free_port()
    _write_configuration(folder, port, ffmpeg)
    output = folder / "output.log"
    command = [str(python), "-m", "homeassistant", "--config", str(folder), "--skip-pip"]
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    async with running(
        [*command, "--log-no-color"], log=output, cwd=folder, env={**os.environ, "PATH": path}
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                await _wait_until_ready(url, process)
        except (ProcessEndedError, TimeoutError) as err:
            err.add_note(tail(output))
            raise
        yield Hass(url=url, folder=folder, process=process)


async def _wait_until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with aiohttp.ClientSession() as session:
        while process.returncode is None:
            try:
                async with session.get(f"{url}/api/onboarding") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass  # not listening yet
            await asyncio.sleep(0.2)
    raise ProcessEndedError(f"Home Assistant ended with {process.returncode} while starting")


def _write_configuration(folder: Path, port: int, ffmpeg: Path) -> None:
    text = (HERE / "configuration.yaml").read_text()
    (folder / "configuration.yaml").write_text(f"{text}ffmpeg:\n  ffmpeg_bin: {ffmpeg}\n")
    for components in (HERE / "custom_components", ROOT / "custom_components"):
        shutil.copytree(
            components,
            folder / "custom_components",
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
    storage = folder / ".storage"
    storage.mkdir()
    _write_storage(
        storage,
        "onboarding",
        version=(4, 1),
        # Skip all steps but the user step, because they add services of the internet.
        data={"done": ["core_config", "analytics", "integration"]},
    )
    _write_storage(
        storage,
        "http",
        version=(2, 2),
        # Settings in YAML would be reverted after 5 minutes unless confirmed.
        data={
            "stable": {
                "server_host": ["127.0.0.1"],
                "server_port": port,
                "cors_allowed_origins": [],
                "login_attempts_threshold": -1,
                "ip_ban_enabled": True,
                "ssl_profile": "modern",
                "use_x_frame_options": True,
                "created_at": "2026-01-01T00:00:00+00:00",
                "error": None,
                "error_message": None,
            },
            "pending": None,
            "yaml_migration_done": True,
        },
    )


def _write_storage(storage: Path, key: str, *, version: tuple[int, int], data: object) -> None:
    content = {"version": version[0], "minor_version": version[1], "key": key, "data": data}
    (storage / key).write_text(json.dumps(content))
