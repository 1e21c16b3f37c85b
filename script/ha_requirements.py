"""Print what a minimal Home Assistant with a voice pipeline requires, as its manifests pin it.

usage: python3 script/ha_requirements.py FOLDER_OF_HOMEASSISTANT

Home Assistant installs the libraries of an integration when it first loads it. The end-to-end
tests start it with `--skip-pip`, so that a test never downloads: all of them are installed before.
"""

import json
import re
import sys
from pathlib import Path

USED = {
    *("api", "config", "diagnostics", "ffmpeg", "frontend", "history", "input_boolean", "logbook"),
    *("assist_pipeline", "media_source", "recorder", "repairs", "stt", "system_health", "template"),
    *("tts", "wake_word", "websocket_api", "wyoming", "zeroconf"),
}
"""Integrations that the test configuration names, or that the voice pipeline loads on demand."""

IMPORTED = {
    *("ai_task", "camera", "go2rtc", "hassio", "image_processing", "infrared", "radio_frequency"),
    "stream",
}
"""Integrations that others import without naming them as a dependency."""

EXTRA = {"imageio-ffmpeg"}
"""An ffmpeg as a package: Home Assistant converts every answer with it."""

NEVER = {"cloud"}
"""A default integration that only loads with an account."""


def default_integrations(core: Path) -> set[str]:
    """Return what Home Assistant always loads, read from its bootstrap module's source."""
    source = (core / "bootstrap.py").read_text()
    first = source.index("DEFAULT_INTEGRATIONS = {")
    last = source.index("DEFAULT_INTEGRATIONS_RECOVERY_MODE")
    return set(re.findall(r'"([a-z_0-9]+)"', source[first:last])) - NEVER


def requirements(core: Path, integrations: set[str]) -> set[str]:
    """Return the requirements of the integrations and of all they depend on."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = set(integrations)
    while todo:
        domain = todo.pop()
        manifest = core / "components" / domain / "manifest.json"
        if domain in seen or not manifest.exists():
            continue
        seen.add(domain)
        content = json.loads(manifest.read_text())
        found |= set(content.get("requirements", []))
        todo |= set(content.get("dependencies", []))
    return found


def main() -> None:
    """Print one requirement a line, sorted."""
    core = Path(sys.argv[1])
    wanted = default_integrations(core) | USED | IMPORTED
    print("\n".join(sorted(requirements(core, wanted) | EXTRA)))


if __name__ == "__main__":
    main()
