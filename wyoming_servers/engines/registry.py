"""Engine names and where their code is; text only, so that reading this loads no library."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.base import Engine

ENGINES: Final[Mapping[str, str]] = {
    "faster-whisper": "wyoming_servers.engines.whisper.engine:FasterWhisperEngine",
    "piper": "wyoming_servers.engines.piper.engine:PiperEngine",
    "kokoro": "wyoming_servers.engines.kokoro.engine_torch:KokoroEngine",
    "kokoro-onnx": "wyoming_servers.engines.kokoro.engine_onnx:KokoroOnnxEngine",
    "openwakeword": "wyoming_servers.engines.wake.openwakeword:OpenWakeWordEngine",
    "microwakeword": "wyoming_servers.engines.wake.microwakeword:MicroWakeWordEngine",
    "fake": "wyoming_servers.engines.fake:FakeEngine",
}

EXTRAS: Final[Mapping[str, str]] = {"openwakeword": "wake", "microwakeword": "wake"}
"""What installs an engine's library, where that is not called like the engine."""


def create(name: str) -> Engine:
    """Import an engine's module and make an engine without a model in it.

    Raises LoadFailedError if the name is unknown or its library is not installed.
    """
    if name not in ENGINES:
        raise LoadFailedError(f"There is no engine named {name!r}.")
    module, _, attribute = ENGINES[name].partition(":")
    try:
        engine: Engine = getattr(import_module(module), attribute)()
    except ImportError as err:
        raise LoadFailedError(
            f"The library of engine {name!r} is not installed: {err}.",
            hint=f"Install it with `pip install 'wyoming-conductor[{EXTRAS.get(name, name)}]'`.",
        ) from err
    return engine
