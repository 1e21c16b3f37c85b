"""What a worker process can reach: a probe runs in it as an engine and reports what it could do."""

import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from wyoming_servers.core import engine_info
from wyoming_servers.core.domain import ModelSpec, Placement, Task
from wyoming_servers.core.engine_info import EngineInfo
from wyoming_servers.core.sandbox import policy
from wyoming_servers.core.sandbox.confine import kernel_support
from wyoming_servers.models.install import prepare_model
from wyoming_servers.worker import sandbox as worker_sandbox
from wyoming_servers.worker.process import ProcessLauncher
from wyoming_servers.worker.sandbox import worker_policy

pytestmark = pytest.mark.skipif(bool(kernel_support().missing), reason="needs Landlock and seccomp")

ENGINE = """
import ctypes, os, resource, socket, subprocess, sys
from pathlib import Path
from wyoming_servers.engines.fake import FakeEngine

def attempt(function):
    try:
        return str(function())
    except Exception as err:
        return type(err).__name__

class ProbeEngine(FakeEngine):
    def load(self, spec, placement, progress):
        options = dict(spec.options)
        files = spec.files
        tries = {
            "model": lambda: Path(files["model"]).read_text(),
            "sibling": lambda: Path(options["sibling"]).read_text(),
            "token": lambda: Path(options["token"]).read_text(),
            "token_by_copy": lambda: subprocess.run(["cat", options["token"]], check=True),
            "list_data": lambda: os.listdir(options["data"]),
            "home": lambda: os.listdir(os.path.expanduser("~")),
            "parent_environment": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
            "parent_memory": lambda: open(f"/proc/{os.getppid()}/mem", "rb").read(1),
            "write_beside_model": lambda: Path(files["model"]).write_text("x"),
            "write_data": lambda: Path(options["data"], "new").write_text("x"),
            "write_tmp": lambda: Path("/tmp", f"probe-{os.getpid()}").write_text("x"),
            "delete": lambda: os.unlink(options["sibling"]),
            "rename": lambda: os.rename(options["sibling"], options["sibling"] + ".moved"),
            "write_cache": lambda: Path(files["cache_dir"], "x").write_text("x"),
            "tcp": lambda: socket.create_connection(("127.0.0.1", options["port"])),
            "tcp6": lambda: socket.socket(socket.AF_INET6),
            "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "unix": lambda: socket.socket(socket.AF_UNIX),
            "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
            "lookup": lambda: socket.getaddrinfo("example.org", 80),
            "pair": lambda: [each.close() for each in socket.socketpair()],
            "kill_parent": lambda: os.kill(os.getppid(), 0),
            "kill_other": lambda: os.kill(options["other"], 0),
            "limit_parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE),
            "namespace": lambda: libc("unshare", 0x10000000),
            "ptrace": lambda: libc("ptrace", 3, os.getppid(), 0, 0),
            "io_uring": lambda: syscall(425, 8, 0),
            "x32": lambda: syscall(0x40000000 + 39),
            "setuid_helpers": lambda: libc("prctl", 39, 0, 0, 0, 0),
            "process": lambda: subprocess.run([sys.executable, "-c", ""], check=True).returncode,
            "null": lambda: open("/dev/null", "w").write("x"),
            "urandom": lambda: len(open("/dev/urandom", "rb").read(4)),
            "variable": lambda: os.environ.get("AWS_SECRET_ACCESS_KEY"),
            "umask": lambda: oct(os.umask(0o077)),
            "core": lambda: resource.getrlimit(resource.RLIMIT_CORE),
        }
        report = {name: attempt(function) for name, function in tries.items()}
        return {**super().load(
            type(spec)(id=spec.id, task=spec.task, engine=spec.engine), placement, progress
        ), "report": report}

def libc(name, *arguments):
    library = ctypes.CDLL(None, use_errno=True)
    result = getattr(library, name)(*arguments)
    return result if result >= 0 else f"errno {ctypes.get_errno()}"

def syscall(number, *arguments):
    return libc("syscall", ctypes.c_long(number), *arguments)

def prepare(files):
    report = {
        "token": attempt(lambda: Path(files["model"]).parents[2].joinpath("api-token").read_text()),
        "tcp": attempt(lambda: socket.socket(socket.AF_INET)),
    }
    Path(files["cache_dir"], "report").write_text(repr(report))
"""


@pytest.fixture
def blockbuster() -> None:
    """The tests prepare files."""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory with a token, a model and another file, as a server has them."""
    folder = tmp_path / "data"
    model = folder / "models" / "probe"
    model.mkdir(parents=True)
    (folder / "api-token").write_text("s3cret")
    (folder / "jobs.sqlite").write_text("recordings")
    (model / "model.onnx").write_text("weights")
    policy.configure(enabled=True, secrets=folder)
    yield folder
    policy.configure(enabled=True)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the probe as an engine of another package, inside the data directory's parent."""
    site = tmp_path / "site"
    (site / "probe_engine-1.dist-info").mkdir(parents=True)
    (site / "probe.py").write_text(ENGINE)
    info = {"name": "probe", "module": "probe:ProbeEngine", "prepare": "probe:prepare"}
    (site / "probe_info.py").write_text(
        f"from wyoming_servers.core.engine_info import EngineInfo\nINFO = EngineInfo(**{info!r})\n"
    )
    metadata = site / "probe_engine-1.dist-info"
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: probe-engine\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[wyoming_conductor.engines]\nprobe = probe_info:INFO\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setattr(engine_info, "_installed_engines", lambda: {"probe": EngineInfo(**info)})


def probe_spec(data_dir: Path, port: int = 9) -> ModelSpec:
    return ModelSpec(
        id="probe/model",
        task=Task.ASR,
        engine="probe",
        files={
            "model": str(data_dir / "models" / "probe" / "model.onnx"),
            "cache_dir": str(data_dir / "models" / "probe" / "cache"),
        },
        options={
            "sibling": str(data_dir / "jobs.sqlite"),
            "token": str(data_dir / "api-token"),
            "data": str(data_dir),
            "port": port,
            "other": os.getppid(),
        },
    )


async def run_probe(spec: ModelSpec) -> tuple[dict[str, str], Mapping[str, str]]:
    """Load the probe in a worker; return its report, and what the kernel says of the process."""
    worker = await ProcessLauncher().launch(spec, Placement())
    try:
        result = await worker.load(lambda phase, percent: None)
        status = Path(f"/proc/{worker.pid}/status").read_text()  # noqa: ASYNC240
        return dict(result.info["report"]), dict(
            line.split(":\t", 1) for line in status.splitlines() if ":\t" in line
        )
    finally:
        worker.kill()
        await worker.exited


@pytest.fixture
async def report(data_dir: Path, engine: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the probe could do in a confined worker."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found, status = await run_probe(probe_spec(data_dir, listener.getsockname()[1]))
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
    return found


async def test_worker_reaches_its_model_and_nothing_else(report: dict[str, str]) -> None:
    refused = "PermissionError"
    expected = {
        "model": "weights",
        "write_cache": "1",
        "pair": "[None, None]",
        "process": "0",
        "null": "1",
        "urandom": "4",
        "variable": "None",
        "umask": "0o77",
        "core": "(0, 0)",
        "setuid_helpers": "1",
        "token": refused,
        "token_by_copy": "CalledProcessError",
        "sibling": refused,
        "list_data": refused,
        "home": refused,
        "parent_environment": refused,
        "parent_memory": refused,
        "write_beside_model": refused,
        "write_data": refused,
        "write_tmp": refused,
        "delete": refused,
        "rename": refused,
        "tcp": refused,
        "tcp6": refused,
        "udp": refused,
        "unix": refused,
        "netlink": refused,
        "lookup": "gaierror",
        "kill_parent": refused,
        "kill_other": refused,
        "limit_parent": refused,
        "namespace": "errno 1",
        "ptrace": "errno 1",
        "io_uring": "errno 38",
        "x32": "errno 1" if platform.machine() == "x86_64" else report["x32"],
    }
    assert report == expected


async def test_worker_without_sandbox_reaches_everything(data_dir: Path, engine: None) -> None:
    # So that the test above shows what the sandbox does, and not another protection.
    policy.configure(enabled=False, secrets=data_dir)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        report, status = await run_probe(probe_spec(data_dir, listener.getsockname()[1]))
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("0", "0")
    assert report["token"] == "s3cret"
    assert report["sibling"] == "recordings"
    assert report["kill_parent"] == "None"
    for name in ("tcp", "tcp6", "udp", "unix"):
        assert report[name].startswith("<socket")


async def test_preparation_is_confined(data_dir: Path, engine: None) -> None:
    cache = data_dir / "models" / "probe" / "cache"
    files = {"cache_dir": str(cache), "model": str(data_dir / "models" / "probe" / "model.onnx")}
    cache.mkdir()
    await prepare_model("probe", files)
    report = (cache / "report").read_text()
    assert report == "{'token': 'PermissionError', 'tcp': 'PermissionError'}"


def test_policy_never_reads_a_folder_with_the_secrets(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The project's checkout, with the data directory inside, may be on Python's path.
    (tmp_path / "package").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    found = worker_policy(probe_spec(data_dir), Placement(), {})
    assert found is not None
    assert str(tmp_path) in found.list_only
    assert str(tmp_path / "package") in found.read
    granted = {Path(path).resolve() for path in found.read}
    assert not granted & {data_dir, *data_dir.parents}


def test_policy_survives_the_command_line(data_dir: Path) -> None:
    found = worker_policy(probe_spec(data_dir), Placement(), {})
    assert found is not None
    assert policy.SandboxPolicy.from_json(found.to_json()) == found


FAKE_DRIVER = """
import ctypes, os, socket, sys
real = ctypes.CDLL
class Driver:
    def __getattr__(self, name):
        def call(*arguments):
            if name.startswith("cuMemcpyDtoH"):
                ctypes.memset(arguments[0], 7, arguments[2].value)
            if name == "cuMemAllocHost_v2":
                self.memory = ctypes.create_string_buffer(arguments[1].value)
                arguments[0]._obj.value = ctypes.addressof(self.memory)
            if name == "cuInit":
                try:
                    open({opened!r}).close()
                    open(f"/proc/self/task/{{os.getpid()}}/comm", "w").close()
                    listener = socket.socket(socket.AF_UNIX)
                    listener.bind("")
                    listener.listen()
                except OSError:
                    return 304
                try:
                    socket.socket(socket.AF_UNIX).connect(listener.getsockname())
                except PermissionError:
                    return 0
                return 999 if {is_confined} else 0
            return 0
        return call
ctypes.CDLL = lambda name, *a, **k: Driver() if name == "libcuda.so.1" else real(name, *a, **k)
"""
"""`sitecustomize` of the probe: a driver that opens one file when initialized, and listens."""


@pytest.mark.parametrize(("opened", "is_confined"), [("model", True), ("/etc/shadow", False)])
def test_gpu_worker_is_confined_where_the_driver_works_confined(
    data_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    opened: str,
    is_confined: bool,
) -> None:
    if kernel_support().missing or os.geteuid() != 0:
        pytest.skip("needs Landlock, seccomp and root")
    shim = tmp_path / "driver"
    shim.mkdir()
    path = shim / "state" if is_confined else Path(opened)
    if is_confined:
        path.touch()
    (shim / "sitecustomize.py").write_text(
        FAKE_DRIVER.format(opened=str(path), is_confined=is_confined)
    )
    root = Path(worker_sandbox.__file__).parents[2]
    environment = {"PYTHONPATH": f"{root}:{shim}", "CUDA_CACHE_PATH": str(tmp_path / "kernels")}
    spec, placement = probe_spec(data_dir), Placement("cuda:0", "float16")
    found = worker_policy(spec, placement, environment)
    assert (found is not None) is is_confined
    assert ("cuInit failed with error 304" in caplog.text) is not is_confined
    if found is not None:
        assert "/dev/shm" in found.write  # noqa: S108
        assert str(tmp_path / "kernels") in found.write
        assert not found.unix_connections
        granted = {Path(path).resolve() for path in (*found.read, *found.write)}
        assert not granted & {data_dir, *data_dir.parents}


def test_gpu_worker_keeps_its_policy_where_there_is_no_card(data_dir: Path) -> None:
    assert worker_policy(probe_spec(data_dir), Placement("cuda:0", "float16"), {}) is not None


WITHOUT_LANDLOCK = """
import json, socket
from wyoming_servers.core.sandbox import landlock

landlock.abi_version = lambda: 0
from wyoming_servers.core.sandbox.confine import confine
from wyoming_servers.core.sandbox.policy import SandboxPolicy

problems = confine(SandboxPolicy("worker"))
refused = []
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
    except PermissionError:
        refused.append(family.name)
print(json.dumps([problems, refused]))
"""


def test_process_has_no_network_where_the_kernel_lacks_landlock() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LANDLOCK], check=True, capture_output=True, timeout=60
    )
    problems, refused = json.loads(done.stdout)
    assert [problem.partition(":")[0] for problem in problems] == ["Landlock"]
    assert refused == ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"]
