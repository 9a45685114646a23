"""One server for all processes of a test run: who needs it first starts it, and stops it when
nobody uses it any more.

Two file locks say how it stands. Who uses it holds `in-use` together with others; who stops it has
to have it alone. Behind `door` it is looked for, and started, by one at a time. The kernel lets go
of the locks of a process that has died.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path


@contextmanager
def shared(folder: Path, start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """The address of the server; `start` gives it, and its end is the server's. Those who share it
    name the same folder.
    """
    folder.mkdir(exist_ok=True)
    told = folder / "address"
    with (
        (folder / "in-use").open("w") as in_use,
        (folder / "door").open("w") as door,
        ExitStack() as own,
    ):
        fcntl.flock(in_use, fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_EX)
        try:
            if not told.exists():
                told.write_text(own.enter_context(start()))
                own.callback(told.unlink)
                own.callback(fcntl.flock, in_use, fcntl.LOCK_EX)  # the first of these three
            address = told.read_text()
        finally:
            fcntl.flock(door, fcntl.LOCK_UN)
        yield address
