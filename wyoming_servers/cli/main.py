"""The top-level command with all subcommands."""

from typing import Annotated

import typer

from wyoming_servers import __version__
from wyoming_servers.cli.commands import (
    bench,
    cache,
    config,
    doctor,
    health,
    jobs,
    lexicon,
    model_actions,
    say,
    serve,
    service,
    speakers,
    token,
    top,
    transcribe,
    update,
    vocabulary,
    wake,
)
from wyoming_servers.cli.errors import (
    EXIT_CODES,
    ErrorHandlingGroup,
)

app = typer.Typer(
    cls=ErrorHandlingGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Local speech-to-text, text-to-speech and wake words for Home Assistant.",
    epilog="Start with: wyoming-conductor doctor, then: wyoming-conductor serve\n\n" + EXIT_CODES,
)

app.command()(serve.serve)
app.command()(transcribe.transcribe)
app.command()(say.say)
app.command()(jobs.read)
app.add_typer(jobs.app, name="jobs")
app.add_typer(model_actions.app, name="models")
app.add_typer(wake.app, name="wake")
app.add_typer(vocabulary.app, name="vocabulary")
app.add_typer(lexicon.app, name="lexicon")
app.add_typer(speakers.app, name="speakers")
app.add_typer(cache.app, name="cache")
app.add_typer(config.app, name="config")
app.add_typer(token.app, name="token")
app.command()(token.pair)
app.command()(doctor.doctor)
app.command()(bench.bench)
app.command()(top.top)
app.command()(health.health)
app.add_typer(service.app, name="service")
app.command()(update.update)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"wyoming-conductor {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print tracebacks of errors, for a bug report.")
    ] = False,
) -> None:
    """Parse the options of all commands; `ErrorHandlingGroup` reads them from the context."""
