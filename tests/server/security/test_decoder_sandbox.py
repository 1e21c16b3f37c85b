"""What a decoder can reach, and which files it reads at all."""

import asyncio
import json
import os
import subprocess
import sys
from math import inf
from pathlib import Path

import av
import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.core.sandbox.confine import kernel_support
from wyoming_servers.media import decoder
from wyoming_servers.media.child import decoder_policy
from wyoming_servers.media.decoder import decode_recording

ROOT = Path(__file__).parents[3]

needs_kernel = pytest.mark.skipif(
    bool(kernel_support().missing), reason="needs Landlock and seccomp"
)

PROBE = """
import json, os, socket, subprocess, sys, threading
from pathlib import Path
from wyoming_servers.media import child

recording = open(sys.argv[1], "rb")
child.confine_child(getattr(child, sys.argv[3]))

def attempt(function):
    try:
        return str(function())
    except Exception as err:
        return type(err).__name__

def thread():
    worker = threading.Thread(target=lambda: None)
    worker.start()
    worker.join()

print(json.dumps({
    "recording": attempt(recording.read),
    "secret": attempt(lambda: Path(sys.argv[2]).read_text()),
    "write": attempt(lambda: Path(sys.argv[1]).write_text("x")),
    "socket": attempt(lambda: socket.socket()),
    "unix": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "fork": attempt(os.fork),
    "process": attempt(lambda: subprocess.run(["/bin/true"], check=True)),
    "thread": attempt(thread),
    "parent": attempt(lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes()),
    "kill_parent": attempt(lambda: os.kill(os.getppid(), 0)),
}))
"""


@pytest.fixture
def blockbuster() -> None:
    """The tests prepare files."""


async def read(path: Path) -> None:
    async with asyncio.timeout(60), decode_recording(path) as events:
        async for _ in events:
            pass


@needs_kernel
@pytest.mark.parametrize("kind", ["DECODER", "ENCODER"])
async def test_child_reads_what_it_has_opened_and_nothing_else(kind: str, tmp_path: Path) -> None:
    (tmp_path / "recording").write_text("samples")
    (tmp_path / "secret").write_text("s3cret")
    arguments = (str(tmp_path / "recording"), str(tmp_path / "secret"), kind)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROBE, *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    refused = "PermissionError"
    assert json.loads(output) == {
        "recording": "b'samples'",
        "secret": refused,
        "write": refused,
        "socket": refused,
        "unix": refused,
        "fork": refused,
        "process": refused,
        "thread": "None",
        "parent": refused,
        "kill_parent": refused,
    }


@needs_kernel
@pytest.mark.parametrize("kind", ["DECODER", "ENCODER"])
def test_child_imports_packages_of_the_user_and_reads_nothing_where_it_was_started(
    kind: str, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "imported_late.py").write_text("")
    (tmp_path / "secret").write_text("s3cret")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from wyoming_servers.media import child\n"
        "child.confine_child(getattr(child, sys.argv[1]))\n"
        "import imported_late\n"
        "Path('secret').read_text()\n"
    )
    path = os.pathsep.join((str(packages), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code, kind],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PermissionError" in done.stderr
    assert "secret" in done.stderr.splitlines()[-1]


def test_processor_time_of_a_decoder_follows_the_longest_recording() -> None:
    assert decoder_policy(60).limits["CPU"] == 600
    assert decoder_policy(86_400).limits["CPU"] == 7_200
    assert decoder_policy(7 * 86_400).limits["CPU"] == 7 * 7_200
    assert "CPU" not in decoder_policy(inf).limits


async def test_decoder_that_calculates_without_end_is_told_from_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is real but the code of the child, which takes the place of an endless decoder."""
    code = (
        "from wyoming_servers.core.sandbox.confine import confine\n"
        "from wyoming_servers.core.sandbox.policy import SandboxPolicy\n"
        "confine(SandboxPolicy('decoder', limits={'CPU': 1}))\n"
        "while True: pass"
    )

    async def spawn(*_: object) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdin=pipe, stdout=pipe, stderr=pipe
        )

    monkeypatch.setattr(decoder, "spawn_child", spawn)
    with pytest.raises(BadRequestError, match="more processor time") as error:
        await read(tmp_path / "endless")
    assert "jobs.max_duration" in error.value.hint


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {path}\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        "[playlist]\nFile1={path}\n",
        '<?xml version="1.0"?><MPD><Period><BaseURL>{path}</BaseURL></Period></MPD>',
    ],
    ids=["hls", "concat", "sdp", "pls", "dash"],
)
async def test_playlist_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_text(content.format(path=tmp_path / "other.wav"))
    with pytest.raises(BadRequestError) as error:
        await read(path)
    assert error.value.code == "BAD_REQUEST"
    assert "common format" in error.value.hint


@pytest.mark.parametrize(
    ("container", "codec", "reason"),
    [
        ("wv", "wavpack", "this format is not supported"),
        ("matroska", "tta", "the codec tta is not supported"),
    ],
)
async def test_unlisted_format_is_refused(
    container: str, codec: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "recording"
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=16_000, layout="mono")
        formats = stream.codec_context.codec.audio_formats
        frame = av.AudioFrame(formats[0].name, "mono", 4_096, align=1)
        frame.rate = 16_000
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(BadRequestError, match=reason):
        await read(path)
