"""A wall clock that a test shifts under a process of its own: a server's or a broker's.

Shifted is what the process reads, not what the kernel waits by: whoever sleeps until a moment of
the wall clock (librdkafka does) would be told two things. So a server has Python's clock shifted.
"""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
IN_PYTHON = """
import mmap, os, time
_file = open(os.environ["CHAOS_CLOCK"], "rb")
_shift = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
_time, _time_ns = time.time, time.time_ns
_ms = lambda: int.from_bytes(_shift[:], "little", signed=True)
time.time = lambda: _time() + _ms() / 1_000
time.time_ns = lambda: _time_ns() + _ms() * 1_000_000
"""


def why_not() -> str | None:
    """Why no broker's clock can be shifted here; None if it can."""
    if sys.platform != "linux":
        return "a clock of its own needs LD_PRELOAD, which is for Linux"
    return None if shutil.which("cc") else "a clock of its own needs a C compiler (cc)"


class ShiftedClock:
    """It may be set while processes run that were started with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "clock.shift"
        self._file.write_bytes(bytes(8))
        with self._file.open("r+b") as opened:
            self._shift = mmap.mmap(opened.fileno(), 8)

    def of_broker(self) -> dict[str, str]:
        """The environment of a process whose libc tells this time."""
        library = self._folder / "clock.so"
        words = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(words, check=True)
        return {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self._file)}

    def of_server(self) -> dict[str, str]:
        """The environment of a Python process whose `time` tells this time."""
        place = self._folder / "site"
        place.mkdir()
        (place / "sitecustomize.py").write_text(IN_PYTHON)
        path = os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH", ""))))
        return {"PYTHONPATH": path, "CHAOS_CLOCK": str(self._file)}

    def shift_s(self, seconds: int) -> None:
        """From now on the clock is that far from the real one."""
        self._shift[:] = (seconds * 1_000).to_bytes(8, "little", signed=True)

    def close(self) -> None:
        """Let go of the file."""
        self._shift.close()
