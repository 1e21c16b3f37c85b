"""`wyoming-conductor lexicon`: how words are to be said."""

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

app = typer.Typer(no_args_is_help=True, help="Tell a running server how words are said.")

LanguageArgument = Annotated[str, typer.Argument(help="`en`, `de-AT`, or `*` for all.")]
WordArgument = Annotated[str, typer.Argument(help="In any case.")]


@app.command("list")
def list_words(
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """List the words and what is said instead."""
    from wyoming_servers.cli.output import print_json, print_note

    answer = ApiTarget(server, token_file, config, data_dir).request("GET", "/lexicon")
    if as_json:
        print_json(answer)
        return
    for word in answer["words"]:
        typer.echo(f"{word['language']}\t{word['word']}\t{_format_pronunciation(word)}")
    if answer.get("fault"):
        print_note(
            f"The file has a fault; these words hold until it is corrected. {answer['fault']}"
        )


@app.command()
def add(
    language: LanguageArgument,
    word: WordArgument,
    said: Annotated[str, typer.Argument(help="Other words, or the sounds with --ipa.")],
    ipa: Annotated[
        bool, typer.Option("--ipa", help="SAID is in the International Phonetic Alphabet.")
    ] = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Add or change a word; it holds from the next text on.

    \b
    Examples:
      wyoming-conductor lexicon add en Reolink "ree oh link"
      wyoming-conductor lexicon add '*' gnocchi ˈnjɒki --ipa
    """
    from wyoming_servers.cli.output import print_note

    path = f"/lexicon/{quote(language, safe='*')}/{quote(word)}"
    body = {"ipa" if ipa else "respelling": said}
    answer = ApiTarget(server, token_file, config, data_dir).request("PUT", path, body)
    print_note(f"{answer['word']} is said {_format_pronunciation(answer)}")


@app.command()
def remove(
    language: LanguageArgument,
    word: WordArgument,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Forget a word.

    \b
    Example:
      wyoming-conductor lexicon remove en Reolink
    """
    from wyoming_servers.cli.output import print_note

    path = f"/lexicon/{quote(language, safe='*')}/{quote(word)}"
    ApiTarget(server, token_file, config, data_dir).request("DELETE", path)
    print_note(f"{word} is forgotten")


def _format_pronunciation(word: dict[str, Any]) -> str:
    return f"/{word['ipa']}/" if word.get("ipa") else str(word["respelling"])
