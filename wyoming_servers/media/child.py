"""What the child processes do for their parent: yield the processor, and end when it does.

It imports nothing large: the first audio of an HTTP response waits for the start of a child.
"""

import os
import threading
from typing import Final

_NICE: Final = 10
"""Live speech has priority on the processor as well."""


def run_in_background() -> None:
    """Lower the priority of this process, and exit it when its stdin is closed.

    The kernel closes stdin when the parent dies, however that happens. For a child whose stdin
    carries nothing else.
    """
    os.nice(_NICE)
    threading.Thread(target=_exit_with_parent, name="parent watchdog", daemon=True).start()


def _exit_with_parent() -> None:
    # Not sys.stdin: a thread that holds its lock would crash the interpreter at its own exit.
    while os.read(0, 4_096):
        pass
    os._exit(1)
