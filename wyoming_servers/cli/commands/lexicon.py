"""`wyoming-conductor lexicon`: sets the pronunciation of words."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.options import (
    ApiTarget,
    JsonOption,
    ServerOption,
    TokenFileOption,
)

app = typer.Typer(
    no_args_is_help=True, help="Show and change how a running server pronounces words."
)

LanguageArgument = Annotated[str, typer.Argument(help="`en`, `de-AT`, or `*` for all languages.")]
WordArgument = Annotated[str, typer.Argument(help="The word; case does not matter.")]


@app.command("list")
def list_words(
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """List the words with their pronunciation."""
    from wyoming_servers.cli.output import print_json, print_note

    response = ApiTarget(server, token_file, config, data_dir).request("GET", "/lexicon")
    if as_json:
        print_json(response)
        return
    for word in response["words"]:
        typer.echo(f"{word['language']}\t{word['word']}\t{_format_pronunciation(word)}")
    if response.get("fault"):
        print_note(
            f"The lexicon file has an error; the words above are in effect. {response['fault']}"
        )


@app.command()
def add(
    language: LanguageArgument,
    word: WordArgument,
    pronunciation: Annotated[
        str, typer.Argument(help="Other words to speak, or phonemes with --ipa.")
    ],
    ipa: Annotated[
        bool, typer.Option("--ipa", help="PRONUNCIATION is in the International Phonetic Alphabet.")
    ] = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Add or change a word; it applies from the next text on.

    \b
    Examples:
      wyoming-conductor lexicon add en Reolink "ree oh link"
      wyoming-conductor lexicon add '*' gnocchi ˈnjɒki --ipa
    """
    from wyoming_servers.cli.output import print_note

    path = f"/lexicon/{quote(language, safe='*')}/{quote(word)}"
    body = {"ipa" if ipa else "respelling": pronunciation}
    response = ApiTarget(server, token_file, config, data_dir).request("PUT", path, body)
    print_note(f"{response['word']} is pronounced {_format_pronunciation(response)}")


@app.command()
def remove(
    language: LanguageArgument,
    word: WordArgument,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Remove a word.

    \b
    Example:
      wyoming-conductor lexicon remove en Reolink
    """
    from wyoming_servers.cli.output import print_note

    path = f"/lexicon/{quote(language, safe='*')}/{quote(word)}"
    ApiTarget(server, token_file, config, data_dir).request("DELETE", path)
    print_note(f"{word} is removed")


def _format_pronunciation(word: dict[str, Any]) -> str:
    return f"/{word['ipa']}/" if word.get("ipa") else str(word["respelling"])
