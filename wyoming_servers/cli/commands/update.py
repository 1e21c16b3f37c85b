"""`wyoming-conductor update`: tells whether there is a newer version, and how to get it."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from wyoming_servers import __version__
from wyoming_servers.cli import options
from wyoming_servers.core.errors import ConductorError

_RELEASES: Final = "https://github.com/wyoming-conductor/wyoming-conductor/releases"
_LATEST: Final = "https://api.github.com/repos/wyoming-conductor/wyoming-conductor/releases/latest"
_SECONDS: Final = 10.0
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:(a|b|rc)(\d+))?")
_FINAL: Final = "z"
"""Sorts a release after its alpha, beta and candidates."""


class NoAnswerError(ConductorError):
    """Raised when the newest version cannot be found out."""

    code = "UPDATE_UNKNOWN"
    default_hint = f"Check the connection to the internet, or look at {_RELEASES}."


def update(
    as_json: options.JsonOption = False,
    url: Annotated[str, typer.Option(hidden=True)] = _LATEST,
) -> None:
    """Look up the newest version, and say how to install it; changes nothing.

    This is the only command that asks the project's site. The server never does.
    """
    newest, page = _newest(url)
    is_newer = _key(newest) > _key(__version__)
    command = _upgrade_command()
    if as_json:
        from wyoming_servers.cli.output import print_json

        print_json(
            {
                "installed": __version__,
                "newest": newest,
                "update_available": is_newer,
                "command": command,
                "release": page,
            }
        )
        return
    if not is_newer:
        typer.echo(f"Version {__version__} is the newest.")
        return
    typer.echo(f"Version {newest} is available; {__version__} is installed.")
    typer.echo(f"Changes: {page}")
    typer.echo(f"Update with: {command}")


def _newest(url: str) -> tuple[str, str]:
    """Return the version of the newest release and its page. Raises NoAnswerError."""
    import httpx

    try:
        response = httpx.get(
            url,
            timeout=_SECONDS,
            follow_redirects=True,
            headers={"User-Agent": "wyoming-conductor"},
        )
        response.raise_for_status()
        document = response.json()
        version = str(document["tag_name"]).removeprefix("v")
        page = str(document.get("html_url") or _RELEASES)
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as err:
        raise NoAnswerError(f"The newest version cannot be found out: {err}.") from err
    if not _VERSION.fullmatch(version):
        raise NoAnswerError(f"The newest release has no version but {version!r}.")
    return version, page


def _key(version: str) -> tuple[int, int, int, str, int]:
    found = _VERSION.match(version)
    if found is None:
        return (0, 0, 0, _FINAL, 0)
    major, minor, patch, kind, number = found.groups()
    return (int(major), int(minor), int(patch), kind or _FINAL, int(number or 0))


def _upgrade_command() -> str:
    """Return what installs the newest version in the way in which this one was installed."""
    if "SUPERVISOR_TOKEN" in os.environ:
        return "Home Assistant: Settings > Apps > Wyoming Conductor > Update"
    if any(Path(file).exists() for file in ("/.dockerenv", "/run/.containerenv")):
        return "docker compose pull && docker compose up -d"
    if (Path(__file__).parents[3] / ".git").exists():
        return "git pull"
    prefix = Path(sys.prefix)
    if (prefix / "pipx_metadata.json").exists():
        return "pipx upgrade wyoming-conductor"
    if (prefix / "uv-receipt.toml").exists():
        return "uv tool upgrade wyoming-conductor"
    return f"{prefix}/bin/pip install --upgrade 'wyoming-conductor[all]'"
