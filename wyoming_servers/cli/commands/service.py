"""`wyoming-conductor service`: lets systemd run the server."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.systemd_unit import UNIT, system_unit, user_unit
from wyoming_servers.core.errors import BadRequestError, ConductorError

app = typer.Typer(
    no_args_is_help=True,
    help="Run the server at boot, with systemd.",
    epilog="A container or the Home Assistant app needs none of this.",
)

_SYSTEM_FOLDER: Final = Path("/etc/systemd/system")
_RUNNING: Final = Path("/run/systemd/system")
"""Exists if systemd manages this machine; sd_booted(3)."""

_PRIVATE_FOLDERS: Final = (Path("/home"), Path("/root"), Path("/run/user"))
"""What `ProtectHome` hides from a service of the machine."""

SystemOption = Annotated[
    bool,
    typer.Option(
        "--system",
        help="The machine's service, which starts at boot under a user of its own; needs root. "
        "Default: a service of this user.",
    ),
]


class ServiceManagerError(ConductorError):
    """Raised when systemd is missing or refuses a command."""

    code = "SERVICE_MANAGER"
    default_hint = "Run `wyoming-conductor serve` in another way, such as in a container."


@dataclass(frozen=True, slots=True)
class _Manager:
    """The systemd of the machine, or of this user."""

    system: bool

    @property
    def unit_file(self) -> Path:
        """Where the unit belongs."""
        if self.system:
            return _SYSTEM_FOLDER / UNIT
        config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        return Path(config).expanduser() / "systemd" / "user" / UNIT

    @property
    def scope(self) -> list[str]:
        """The option of systemd's programs that selects it."""
        return [] if self.system else ["--user"]

    def systemctl(self, *arguments: str) -> None:
        """Run systemctl. Raises ServiceManagerError if it fails."""
        code = self.run("systemctl", *arguments)
        if code:
            raise ServiceManagerError(
                f"`systemctl {' '.join([*self.scope, *arguments])}` ended with {code}.",
                hint="Its message is above. `wyoming-conductor service logs` may say more.",
            )

    def run(self, program: str, *arguments: str) -> int:
        """Run a program of systemd in this terminal; return its exit code."""
        path = shutil.which(program)
        if path is None or not _RUNNING.is_dir():
            raise ServiceManagerError("systemd does not manage this machine.")
        return subprocess.run([path, *self.scope, *arguments], check=False).returncode  # noqa: S603

    def require_unit(self) -> None:
        """Raise BadRequestError unless the service is installed."""
        if not self.unit_file.exists():
            option = " --system" if self.system else ""
            raise BadRequestError(
                f"There is no service {self.unit_file}.",
                hint=f"Install it with `wyoming-conductor service install{option}`.",
            )


@app.command()
def install(
    system: SystemOption = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
    show: Annotated[
        bool, typer.Option("--print", help="Print the unit, and change nothing.")
    ] = False,
) -> None:
    """Start the server now, and whenever this machine or user starts.

    The unit restarts a server that fails or hangs, and takes from it what it does not need. Running
    this again renews the unit, for example after an upgrade.

    \b
    Examples:
      wyoming-conductor service install
      sudo /opt/wyoming-conductor/bin/wyoming-conductor service install --system
      wyoming-conductor service install --set asr.language=de --print
    """
    options.load_configuration(config, data_dir, sets)  # a service with a wrong one never starts
    manager = _Manager(system)
    command = [*_program(), "serve"]
    if config is not None:
        command += ["--config", str(config.expanduser().absolute())]
    if system and data_dir is not None:
        raise BadRequestError(
            "The machine's service keeps its data in /var/lib/wyoming-conductor.",
            hint="Leave out --data-dir, or install a service of a user, without --system.",
        )
    if system:
        command += ["--data-dir", "%S/wyoming-conductor"]
    for assignment in options.assignments(data_dir, sets):
        command += ["--set", assignment]
    if system:
        _check_location(command[0], config)
        unit = system_unit(command, gpu=_has_gpu())
    else:
        unit = user_unit(command)
    if show:
        typer.echo(unit, nl=False)
        return
    try:
        manager.unit_file.parent.mkdir(parents=True, exist_ok=True)
        manager.unit_file.write_text(unit, encoding="utf-8")
    except PermissionError as err:
        raise BadRequestError(
            f"{manager.unit_file} cannot be written.",
            hint="Run this command with sudo, or leave out --system.",
        ) from err
    typer.echo(f"Wrote {manager.unit_file}.")
    manager.systemctl("daemon-reload")
    manager.systemctl("enable", UNIT)
    manager.systemctl("restart", UNIT)
    typer.echo("The server runs. See `wyoming-conductor service logs`.")
    if not system:
        typer.echo("To start it at boot, before you log in: sudo loginctl enable-linger $USER")


@app.command()
def status(system: SystemOption = False) -> None:
    """Show whether the service runs, and the end of its log."""
    manager = _Manager(system)
    manager.require_unit()
    raise typer.Exit(manager.run("systemctl", "status", "--no-pager", UNIT))


@app.command()
def logs(
    system: SystemOption = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Number of lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new lines, too.")] = False,
) -> None:
    """Show the log of the service."""
    manager = _Manager(system)
    manager.require_unit()
    more = ["--follow"] if follow else []
    arguments = ["--no-pager", "--lines", str(lines), *more, "--unit", UNIT]
    raise typer.Exit(manager.run("journalctl", *arguments))


@app.command()
def uninstall(system: SystemOption = False) -> None:
    """Stop the service and remove its unit; models and settings stay."""
    manager = _Manager(system)
    manager.require_unit()
    manager.systemctl("disable", "--now", UNIT)
    manager.unit_file.unlink()
    manager.systemctl("daemon-reload")
    typer.echo(f"Removed {manager.unit_file}.")


def _program() -> list[str]:
    """Return the command that starts this program again."""
    script = Path(sys.executable).with_name("wyoming-conductor")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-m", "wyoming_servers"]


def _check_location(program: str, config: Path | None) -> None:
    """Raise BadRequestError if the machine's service could not read its own files."""
    for path in (Path(program), *([config.expanduser().absolute()] if config else [])):
        if any(path.is_relative_to(folder) for folder in _PRIVATE_FOLDERS):
            raise BadRequestError(
                f"A service of the machine may not read {path}.",
                hint="Install into /opt/wyoming-conductor, or leave out --system.",
            )


def _has_gpu() -> bool:
    return Path("/dev/nvidiactl").exists()
