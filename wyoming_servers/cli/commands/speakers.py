"""`wyoming-conductor speakers`: enrolls the people whose voices are recognized."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.options import (
    ApiTarget,
    JsonOption,
    ServerOption,
    TokenFileOption,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(
    no_args_is_help=True, help="Enroll the people whose voices a running server recognizes."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name, or id, of the speaker.")]


@app.command("list")
def list_speakers(
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """List the enrolled speakers, with the similarity of their own and of foreign speech."""
    from rich.table import Table

    from wyoming_servers.cli.output import console, print_json, print_note

    response = ApiTarget(server, token_file, config, data_dir).request("GET", "/speakers")
    if as_json:
        print_json(response)
        return
    table = Table("name", "speech", "threshold", "own", "foreign", box=None, pad_edge=False)
    for each in response["speakers"]:
        name = f"{each['name']} (foreign)" if each["foreign"] else each["name"]
        table.add_row(
            name,
            f"{each['seconds']:.0f} s",
            f"{each['threshold']:.2f}",
            *("-" if each[key] is None else f"{each[key]:.2f}" for key in _SIMILARITIES),
        )
    console().print(table)
    if response["speakers"] and not response["installed"]:
        print_note(f"Install the model: wyoming-conductor models pull {response['model']}")


_SIMILARITIES = ("own_similarity", "foreign_similarity")


@app.command()
def enroll(
    name: Annotated[str, typer.Argument(help="Name of the speaker; a new one is added.")],
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RECORDING]...",
            help="Recordings of this speaker alone; ten seconds or more.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    last: Annotated[
        int,
        typer.Option(
            "--last", "-n", min=0, max=20, help="Use the last utterances said to a satellite."
        ),
    ] = 0,
    client: Annotated[
        str, typer.Option(help="With --last: start of the address of the satellite.")
    ] = "",
    foreign: Annotated[
        bool,
        typer.Option(
            "--foreign",
            help="Speech of nobody in the home, such as the television; makes thresholds exact.",
        ),
    ] = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Add a speaker, or more speech of one.

    Without recordings: add the speaker, let the person say three sentences to a satellite, then
    repeat the command with --last 3. Only vectors of the voice are stored, on the server.

    \b
    Examples:
      wyoming-conductor speakers enroll Anna anna1.wav anna2.wav
      wyoming-conductor speakers enroll Ben && wyoming-conductor speakers enroll Ben --last 3
      wyoming-conductor speakers enroll Television news.mp3 --foreign
    """
    from wyoming_servers.cli.output import print_note

    target = ApiTarget(server, token_file, config, data_dir)
    listed = target.request("GET", "/speakers")["speakers"]
    found = _find(listed, name)
    if found is None:
        found = target.request("POST", "/speakers", {"name": name, "foreign": foreign})
    path = f"/speakers/{found['id']}"
    for recording in recordings or ():
        found = target.upload(f"{path}/recordings", recording)
    if last:
        found = target.request("POST", f"{path}/requests", {"client": client, "last": last})
    if found["samples"]:
        print_note(
            f"{found['name']}: {found['seconds']:.0f} s of speech, threshold "
            f"{found['threshold']:.2f}"
        )
    else:
        print_note(
            f"{found['name']} is added. Now say three sentences to a satellite, then run "
            f"`wyoming-conductor speakers enroll {found['name']} --last 3`."
        )


@app.command()
def recent(
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """List the utterances of the last 15 minutes, which can enroll a speaker."""
    from wyoming_servers.cli.output import print_json

    response = ApiTarget(server, token_file, config, data_dir).request("GET", "/speakers/recent")
    if as_json:
        print_json(response)
        return
    for each in response["recent"]:
        speaker = each["speaker"] or "unknown"
        sure = "" if each["confidence"] is None else f"\t{each['confidence']:.2f}"
        typer.echo(
            f"{each['ended_at']}\t{each['client']}\t{each['seconds']:.1f} s\t{speaker}{sure}"
        )


@app.command()
def rename(
    name: NameArgument,
    new_name: Annotated[str, typer.Argument(help="The new name.")],
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Rename a speaker."""
    from wyoming_servers.cli.output import print_note

    target = ApiTarget(server, token_file, config, data_dir)
    found = _require(target, name)
    target.request("PATCH", f"/speakers/{found['id']}", {"name": new_name})
    print_note(f"{found['name']} is now {new_name}")


@app.command()
def threshold(
    name: NameArgument,
    value: Annotated[
        float | None,
        typer.Argument(min=0, max=1, help="0 to 1; left out: measured from the samples."),
    ] = None,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Set the similarity from which speech is that of a speaker; lower recognizes more often."""
    from wyoming_servers.cli.output import print_note

    target = ApiTarget(server, token_file, config, data_dir)
    found = _require(target, name)
    changed = target.request("PATCH", f"/speakers/{found['id']}", {"threshold": value})
    print_note(f"{changed['name']}: threshold {changed['threshold']:.2f}")


@app.command()
def remove(
    name: NameArgument,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Delete a speaker with everything that is stored of the voice."""
    from wyoming_servers.cli.output import print_note

    target = ApiTarget(server, token_file, config, data_dir)
    found = _require(target, name)
    target.request("DELETE", f"/speakers/{found['id']}")
    print_note(f"{found['name']} is deleted")


@app.command()
def clear(
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Delete every speaker."""
    from wyoming_servers.cli.output import print_note

    response = ApiTarget(server, token_file, config, data_dir).request("DELETE", "/speakers")
    print_note(f"{response['deleted']} speakers are deleted")


def _find(listed: "list[dict[str, Any]]", name: str) -> "Mapping[str, Any] | None":
    for each in listed:
        if each["id"] == name or each["name"].casefold() == name.casefold():
            return each
    return None


def _require(target: ApiTarget, name: str) -> "Mapping[str, Any]":
    from wyoming_servers.core.errors import NotFoundError

    listed = target.request("GET", "/speakers")["speakers"]
    found = _find(listed, name)
    if found is None:
        known = ", ".join(each["name"] for each in listed) or "nobody"
        raise NotFoundError(f"There is no speaker {name!r}.", hint=f"Enrolled: {known}.")
    return found
