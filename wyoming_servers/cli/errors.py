"""Turns errors of commands into one line on stderr and an exit code, without a traceback.

Exit codes: 0 success; 1 failure; 2 wrong usage, request or configuration, so that the same command
cannot work; 3 no server answers; 4 no capacity now, the same command may work later; 130
interrupted.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from wyoming_servers.core.errors import CapacityError, ConductorError, InternalError, RequestError

if TYPE_CHECKING:
    from wyoming_servers.config.errors import ConfigError


class ExitCode(IntEnum):
    """Exit codes of all commands."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NO_ROOM = 4
    INTERRUPTED = 130
    """128 and the number of SIGINT, as in shells."""


EXIT_CODES = (
    "Exit codes: 0 success, 1 failure, 2 wrong usage or configuration, 3 no server answers, "
    "4 no capacity now (try again later), 130 interrupted."
)
"""Shown at the end of `--help`."""


class UnreachableError(ConductorError):
    """Raised when no server answers at the expected address."""

    code = "UNREACHABLE"
    default_hint = "Start one with `wyoming-conductor serve`, or give its address with --server."


class ErrorHandlingGroup(TyperGroup):
    """The top-level group of commands; prints errors and sets the exit code."""

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
                raise  # click handles a closed pipe
            typer.echo(f"error: {err}", err=True)
            raise typer.Exit(ExitCode.FAILED) from err
        except (typer.Exit, typer.Abort):
            raise
        except Exception as err:
            if ctx.params.get("debug") or _is_usage_error(err):
                raise
            bug = InternalError(
                f"{type(err).__name__}: {err}.",
                hint="This is a bug. Please report it with the output of "
                "`wyoming-conductor --debug …`.",
            )
            print_error(bug)
            raise typer.Exit(ExitCode.FAILED) from err


def exit_code(error: ConductorError) -> ExitCode:
    """Return the exit code for an error."""
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
    """Print an error to stderr: one line, or a table of configuration problems."""
    from wyoming_servers.config.errors import ConfigError

    if isinstance(error, ConfigError):
        print_config_problems(error)
        return
    text = " ".join(str(error).split())
    typer.echo(f"error [{error.code}]: {text}", err=True)


def print_config_problems(error: "ConfigError") -> None:
    """Print every problem of a configuration to stderr."""
    from rich.table import Table

    from wyoming_servers.cli.output import errors_console

    console = errors_console()
    count = len(error.problems)
    title = f"The configuration has {'a problem' if count == 1 else f'{count} problems'}"
    if not console.is_terminal:
        # Whole lines for a log or a script; a table would be cut to 80 columns.
        typer.echo(f"error [{error.code}]: {title}", err=True)
        for problem in error.problems:
            typer.echo(f"  {problem}", err=True)
        return
    table = Table("key", "problem", "did you mean", "where", title=title, title_justify="left")
    for problem in error.problems:
        table.add_row(problem.path or "(file)", problem.message, problem.suggestion, problem.where)
    console.print(table)


def _is_usage_error(err: Exception) -> bool:
    """Check whether click raised the error; click prints its own errors."""
    return hasattr(err, "exit_code") and hasattr(err, "format_message")
