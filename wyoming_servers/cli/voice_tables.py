"""Lists of voices: those of this machine, and those a server offers."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wyoming.info import Info

    from wyoming_servers.config.schema import Config
    from wyoming_servers.speech.tts.voices import ListedVoice


def print_installed_voices(config: "Config", *, installed: bool, as_json: bool) -> None:
    """Print every voice, those that can be played first; with `installed` no others."""
    from wyoming_servers.cli.output import console, print_json

    found = [voice for voice in _list_voices(config) if voice.installed or not installed]
    if as_json:
        print_json([_as_json(voice) for voice in found])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("voice", "languages", "quality", "model", "licence", "needs"):
        table.add_column(title, no_wrap=title in ("voice", "model"))
    for voice in found:
        table.add_row(
            voice.name,
            ", ".join(voice.languages),
            voice.quality or "-",
            voice.entry.id,
            voice.entry.licence,
            ", ".join(voice.needs) or "installed",
        )
    console().print(table)


def print_server_voices(info: "Info", *, as_json: bool) -> None:
    """Print the voices a server can play, in its order."""
    from wyoming_servers.cli.output import console, print_json

    found = [voice for program in info.tts for voice in program.voices if voice.installed]
    if as_json:
        print_json([voice.to_dict() for voice in found])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("voice", "languages", "description", "speakers"):
        table.add_column(title, no_wrap=title == "voice")
    for voice in found:
        speakers = [speaker.name for speaker in voice.speakers or ()]
        table.add_row(
            voice.name,
            ", ".join(voice.languages),
            voice.description or "",
            ", ".join(speakers) or "-",
        )
    console().print(table)


def _list_voices(config: "Config") -> list["ListedVoice"]:
    from wyoming_servers.models.specs import model_specs
    from wyoming_servers.models.store import ModelStore
    from wyoming_servers.speech.tts.voices import VoiceRegistry, list_voices

    store = ModelStore(config.data_dir)
    book = VoiceRegistry(model_specs(config, store), config.tts.voice, tuple(config.tts.presets))
    return list_voices(store.entries(), book)


def _as_json(voice: "ListedVoice") -> dict[str, Any]:
    return {
        "name": voice.name,
        "description": voice.description,
        "model": voice.entry.id,
        "languages": list(voice.languages),
        "quality": voice.quality,
        "licence": voice.entry.licence,
        "non_commercial": voice.entry.non_commercial,
        "speakers": list(voice.speakers),
        "installed": voice.installed,
        "needs": list(voice.needs),
    }
