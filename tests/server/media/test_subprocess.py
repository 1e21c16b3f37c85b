import asyncio
import sys

from wyoming_servers.media.subprocess import kill_and_wait

ENDLESS_OUTPUT = "import sys\nwhile True: sys.stdout.buffer.write(bytes(65536))"


async def start(program: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, limit=1_000
    )


async def test_child_with_unread_output_is_killed() -> None:
    process = await start(ENDLESS_OUTPUT)
    assert process.stdout is not None
    async with asyncio.timeout(20):
        await process.stdout.readexactly(100)
        while not process.stdout._paused:  # type: ignore[attr-defined]  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await kill_and_wait(process)
    assert process.returncode == -9


async def test_exited_child_keeps_its_exit_code() -> None:
    process = await start("raise SystemExit(3)")
    async with asyncio.timeout(20):
        await process.wait()
        await kill_and_wait(process)
    assert process.returncode == 3
