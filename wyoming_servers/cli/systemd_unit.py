"""The unit with which systemd runs the server, for the machine or for one user."""

import shlex
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

UNIT: Final = "wyoming-conductor.service"
"""Name of the unit; a file of this name beside this module is the unit of the machine."""

_GPU_COMMENT: Final = "# For an NVIDIA GPU, replace the first line by the others:\n"

_NOT_FOR_USERS: Final = frozenset(
    {
        *("Wants", "After", "DynamicUser", "StateDirectory", "StateDirectoryMode"),
        *("CacheDirectory", "Environment", "ProtectSystem", "ProtectHome", "PrivateTmp"),
        *("ProtectProc", "ProcSubset", "ProtectClock", "ProtectControlGroups", "ProtectHostname"),
        *("ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "PrivateDevices"),
        *("CapabilityBoundingSet", "AmbientCapabilities", "RemoveIPC"),
    }
)
"""Directives that need the rights of root, or that belong to the machine."""


def system_unit(command: Sequence[str], *, gpu: bool) -> str:
    """Return the unit of the machine: a user of its own, one folder, and nothing else.

    `command` starts the server; `gpu` lets it use the device files of NVIDIA's driver.
    """
    _, _, text = _template().partition("\n\n")
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    text = text.replace(start, _exec_start(command))
    before, comment, after = text.partition(_GPU_COMMENT)
    own, _, rest = after.partition("\n\n")
    lines = own.splitlines()
    chosen = [line.removeprefix("#") for line in lines[1:]] if gpu else lines[:1]
    text = before + "\n".join(chosen) + "\n\n" + rest if comment else text
    return f"# Made by `wyoming-conductor service install --system`.\n\n{text}"


def user_unit(command: Sequence[str]) -> str:
    """Return the unit of one user, with the protection that systemd can give it."""
    _, _, text = _template().partition("\n\n")
    lines = ["# Made by `wyoming-conductor service install`.", ""]
    for line in text.splitlines():
        name = line.partition("=")[0]
        if line.startswith("#") or name in _NOT_FOR_USERS or (not line and not lines[-1]):
            continue
        if name == "ExecStart":
            lines.append(_exec_start(command))
        elif name == "WantedBy":
            lines.append("WantedBy=default.target")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _exec_start(command: Sequence[str]) -> str:
    # A dollar sign begins a variable even in quotes; %S is the folder of the state.
    line = shlex.join(command).replace("$", "$$").replace("%", "%%").replace("%%S/", "%S/")
    return f"ExecStart={line}"


def _template() -> str:
    return (files("wyoming_servers.cli") / UNIT).read_text(encoding="utf-8").rstrip() + "\n"
