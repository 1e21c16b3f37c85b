"""Environment variables as settings: `WYOMING_CONDUCTOR_ASR_PORT` is `asr.port`.

Dots and underscores of a path become underscores. A model's settings are written with double
underscores, `WYOMING_CONDUCTOR_MODELS__WHISPER_TINY_EN__KEEP_ALIVE`, where the id is either as it
is or in capitals with an underscore for whatever a shell cannot have in a name. A wake word's are
`WYOMING_CONDUCTOR_WAKE_WORDS__HEY_JARVIS__THRESHOLD`, where capitals stand for small letters.
Names with plain values are written as YAML: `WYOMING_CONDUCTOR_ASR_EXTRA_PORTS={whisper/tiny: 1}`.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from wyoming_servers.config.faults import Fault
from wyoming_servers.config.layers import Layer, assign
from wyoming_servers.config.suggest import nearest
from wyoming_servers.config.tree import ANY, ConfigPath, tree, valued

PREFIX: Final = "WYOMING_CONDUCTOR_"

ALIASES: Final[Mapping[str, ConfigPath]] = {"HF_ENDPOINT": ("downloads", "endpoint")}
"""Names that other programs gave to the same thing; ours win over them."""

_SHELL: Final = re.compile(r"[^A-Z0-9]+")
_MODELS: Final = "MODELS__"
_WORDS: Final = "WAKE_WORDS__"


def variable(path: ConfigPath) -> str:
    """Return the variable that sets a key."""
    if path[0] == "models":
        model, field, *rest = path[1:]
        names = [_SHELL.sub("_", model.upper()), field.upper(), *rest]
        return PREFIX + _MODELS + "__".join(names)
    if path[:2] == ("wake", "words"):
        return PREFIX + _WORDS + "__".join(path[2:]).upper()
    return PREFIX + "_".join(path).upper()


def collect_environment(
    environ: Mapping[str, str], model_ids: Collection[str], faults: list[Fault]
) -> Layer:
    """Return what the environment sets; `model_ids` are those that capitals may stand for."""
    layer: Layer = {}
    for name, path in ALIASES.items():
        if environ.get(name):
            layer |= assign(path, environ[name].strip(), name, "environment", faults)
    paths = [path for path, _ in tree().walk() if ANY not in path]
    keys = {variable(path): path for path in (*paths, *valued())}
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        found = keys.get(name) or _word_path(name) or _model_path(name, model_ids, faults)
        if found is None:
            near = nearest(name, keys)
            message = f"is not a setting. Variables that begin with {PREFIX} name a key."
            faults.append(Fault(name, message, near, "environment"))
        elif found:
            layer |= assign(found, environ[name].strip(), name, "environment", faults)
    return layer


def _word_path(name: str) -> ConfigPath | None:
    """Return the path a `WAKE_WORDS__` variable names; None: not such a variable."""
    written = name.removeprefix(PREFIX)
    word, _, field = written.removeprefix(_WORDS).partition("__")
    if not written.startswith(_WORDS) or not word or not field:
        return None
    return ("wake", "words", word.lower() if word.isupper() else word, field.lower())


def _model_path(name: str, model_ids: Collection[str], faults: list[Fault]) -> ConfigPath | None:
    """Return the path a `MODELS__` variable names; None: not such a variable; (): a fault."""
    written = name.removeprefix(PREFIX)
    model, _, field = written.removeprefix(_MODELS).partition("__")
    if not written.startswith(_MODELS) or not model or not field:
        return None
    head, _, option = field.partition("__")
    tail = (head.lower(), option) if option else (head.lower(),)
    if "/" in model or model in model_ids:
        return ("models", model, *tail)
    by_shell_name = {_SHELL.sub("_", known.upper()): known for known in model_ids}
    if model in by_shell_name:
        return ("models", by_shell_name[model], *tail)
    near = nearest(model, by_shell_name)
    meant = f"{PREFIX}{_MODELS}{near}__{field}" if near else ""
    faults.append(Fault(name, f"There is no model {model}.", meant, "environment"))
    return ()
