"""Creates an engine by its name, in the worker process that runs it."""

from importlib import import_module

from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.base import Engine


def create(name: str) -> Engine:
    """Import an engine's module and make an engine without a model in it.

    Raises LoadFailedError if the name is unknown or its library is not installed.
    """
    info = find_engine(name)
    if info is None:
        raise LoadFailedError(f"There is no engine named {name!r}.")
    module, _, attribute = info.module.partition(":")
    try:
        engine: Engine = getattr(import_module(module), attribute)()
    except ImportError as err:
        raise LoadFailedError(
            f"The library of engine {name!r} is not installed: {err}.",
            hint=f"Install it with `{info.install_command}`.",
        ) from err
    return engine
