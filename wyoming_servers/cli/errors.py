"""Where the command line ends: failures become one line and an exit code, never a traceback.

Exit codes: 0 done; 1 failed; 2 wrong usage, request or configuration, so the same command cannot
work; 3 no server answers; 4 no room now, the same command may work later; 130 interrupted.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from wyoming_servers.core.errors import (
    CapacityError,
    ConductorError,
    InternalError,
    RequestError,
)

if TYPE_CHECKING:
    from wyoming_servers.config.errors import ConfigError


class ExitCode(IntEnum):
    """What a script can tell from a command's end."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NO_ROOM = 4
    INTERRUPTED = 130
    """128 and the number of SIGINT, as shells have it."""


EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 no server answers, "
    "4 no room now (try again later), 130 interrupted."
)
"""For the end of `--help`."""


class UnreachableError(ConductorError):
    """Raised when no server answers where one was expected."""

    code = "UNREACHABLE"
    default_hint = "Start one with `wyoming-conductor serve`, or say where it is with --server."


class ErrorHandlingGroup(TyperGroup):
    """The outermost group of commands."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ConductorError as err:
            if ctx.params.get("debug"):
                raise
            print_error(err)
            raise typer.Exit(exit_code(err)) from err
        except KeyboardInterrupt as err:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from err
        except OSError as err:
            if ctx.params.get("debug") or isinstance(err, BrokenPipeError):
                raise  # a reader that has left is handled below us
            typer.echo(f"error: {err}", err=True)
            raise typer.Exit(ExitCode.FAILED) from err
        except (typer.Exit, typer.Abort):
            raise
        except Exception as err:
            if ctx.params.get("debug") or _is_usage_error(err):
                raise
            bug = InternalError(
                f"{type(err).__name__}: {err}.",
                hint="This is a bug; `wyoming-conductor --debug …` shows where, please report it.",
            )
            print_error(bug)
            raise typer.Exit(ExitCode.FAILED) from err


def exit_code(error: ConductorError) -> ExitCode:
    """Return what a script should make of an error."""
    match error:
        case UnreachableError():
            return ExitCode.UNREACHABLE
        case RequestError():
            return ExitCode.USAGE
        case CapacityError():
            return ExitCode.NO_ROOM
        case _:
            return ExitCode.FAILED


def print_error(error: ConductorError) -> None:
    """Print an error to stderr: one line, or the table of a configuration's faults."""
    from wyoming_servers.config.errors import ConfigError

    if isinstance(error, ConfigError):
        print_config_problems(error)
        return
    text = " ".join(str(error).split())
    typer.echo(f"error [{error.code}]: {text}", err=True)


def print_config_problems(error: "ConfigError") -> None:
    """Print every fault of a configuration to stderr."""
    from rich.table import Table

    from wyoming_servers.cli.output import errors_console

    console = errors_console()
    count = len(error.problems)
    title = f"The configuration has {'a fault' if count == 1 else f'{count} faults'}"
    if not console.is_terminal:
        # Whole lines for a log or a script; a table would be cut to 80 columns.
        typer.echo(f"error [{error.code}]: {title}", err=True)
        for fault in error.problems:
            typer.echo(f"  {fault}", err=True)
        return
    table = Table(
        "key", "what is wrong", "did you mean", "where", title=title, title_justify="left"
    )
    for fault in error.problems:
        table.add_row(fault.path or "(file)", fault.message, fault.suggestion, fault.where)
    console.print(table)


def _is_usage_error(err: Exception) -> bool:
    """Whether the argument parser raised it; it prints those itself."""
    return hasattr(err, "exit_code") and hasattr(err, "format_message")
