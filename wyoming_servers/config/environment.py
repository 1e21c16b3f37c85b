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

from wyoming_servers.config.faults import ConfigProblem
from wyoming_servers.config.layers import ConfigLayer, parse_assignment
from wyoming_servers.config.suggest import nearest_match
from wyoming_servers.config.tree import WILDCARD, ConfigPath, key_tree, value_maps

VARIABLE_PREFIX: Final = "WYOMING_CONDUCTOR_"

VARIABLE_ALIASES: Final[Mapping[str, ConfigPath]] = {"HF_ENDPOINT": ("downloads", "endpoint")}
"""Names that other programs gave to the same thing; ours win over them."""

_UNSAFE_IN_SHELL: Final = re.compile(r"[^A-Z0-9]+")
_MODELS_PREFIX: Final = "MODELS__"
_WAKE_WORDS_PREFIX: Final = "WAKE_WORDS__"


def variable_name(path: ConfigPath) -> str:
    """Return the variable that sets a key."""
    if path[0] == "models":
        model, field, *rest = path[1:]
        names = [_UNSAFE_IN_SHELL.sub("_", model.upper()), field.upper(), *rest]
        return VARIABLE_PREFIX + _MODELS_PREFIX + "__".join(names)
    if path[:2] == ("wake", "words"):
        return VARIABLE_PREFIX + _WAKE_WORDS_PREFIX + "__".join(path[2:]).upper()
    return VARIABLE_PREFIX + "_".join(path).upper()


def collect_environment(
    environ: Mapping[str, str], model_ids: Collection[str], faults: list[ConfigProblem]
) -> ConfigLayer:
    """Return what the environment sets; `model_ids` are those that capitals may stand for."""
    layer: ConfigLayer = {}
    for name, path in VARIABLE_ALIASES.items():
        if environ.get(name):
            layer |= parse_assignment(path, environ[name].strip(), name, "environment", faults)
    paths = [path for path, _ in key_tree().walk() if WILDCARD not in path]
    keys = {variable_name(path): path for path in (*paths, *value_maps())}
    for name in sorted(name for name in environ if name.startswith(VARIABLE_PREFIX)):
        found = keys.get(name) or _wake_word_path(name) or _model_path(name, model_ids, faults)
        if found is None:
            near = nearest_match(name, keys)
            message = f"is not a setting. Variables that begin with {VARIABLE_PREFIX} name a key."
            faults.append(ConfigProblem(name, message, near, "environment"))
        elif found:
            layer |= parse_assignment(found, environ[name].strip(), name, "environment", faults)
    return layer


def _wake_word_path(name: str) -> ConfigPath | None:
    """Return the path a `WAKE_WORDS__` variable names; None: not such a variable."""
    written = name.removeprefix(VARIABLE_PREFIX)
    word, _, field = written.removeprefix(_WAKE_WORDS_PREFIX).partition("__")
    if not written.startswith(_WAKE_WORDS_PREFIX) or not word or not field:
        return None
    return ("wake", "words", word.lower() if word.isupper() else word, field.lower())


def _model_path(name: str, model_ids: Collection[str], faults: list[ConfigProblem]) -> ConfigPath | None:
    """Return the path a `MODELS__` variable names; None: not such a variable; (): a fault."""
    written = name.removeprefix(VARIABLE_PREFIX)
    model, _, field = written.removeprefix(_MODELS_PREFIX).partition("__")
    if not written.startswith(_MODELS_PREFIX) or not model or not field:
        return None
    head, _, option = field.partition("__")
    tail = (head.lower(), option) if option else (head.lower(),)
    if "/" in model or model in model_ids:
        return ("models", model, *tail)
    by_shell_name = {_UNSAFE_IN_SHELL.sub("_", known.upper()): known for known in model_ids}
    if model in by_shell_name:
        return ("models", by_shell_name[model], *tail)
    near = nearest_match(model, by_shell_name)
    meant = f"{VARIABLE_PREFIX}{_MODELS_PREFIX}{near}__{field}" if near else ""
    faults.append(ConfigProblem(name, f"There is no model {model}.", meant, "environment"))
    return ()
