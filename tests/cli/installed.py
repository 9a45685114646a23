"""The `penstock` command as it is installed: its script, each time in a process of its own. One
process has loaded the libraries and forks, so that hundreds of commands take no second each.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cli.calls import Said

SCRIPT: Final = Path(sysconfig.get_path("scripts")) / "penstock"
WAIT_S: Final = 90.0

FORKS: Final = """
import json, os, runpy, signal, sys, traceback
import penstock.cli.command, penstock.sdk.client

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
script, folder = sys.argv[1:]


def run(words, number):
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{number}.{name}", os.O_WRONLY | os.O_CREAT), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = [script, *words]
    try:
        runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 255
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


for line in sys.stdin:
    number, words = json.loads(line)
    if os.fork():
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the one that waits, and says how it ended
    child = os.fork()
    if not child:
        run(words, number)
    _, status = os.waitpid(child, 0)
    with open(f"{folder}/{number}.new", "w") as file:
        file.write(str(os.waitstatus_to_exitcode(status)))
    os.rename(f"{folder}/{number}.new", f"{folder}/{number}.code")
    os._exit(0)
"""


class Installed:
    """Calls the command; from any thread."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def __call__(self, *words: str) -> Said:
        number = next(self._numbers)
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps([number, words]) + "\n")
            self._process.stdin.flush()
        code = self._folder / f"{number}.code"
        deadline = time.monotonic() + WAIT_S
        while not code.exists():
            assert time.monotonic() < deadline, f"it has not ended: penstock {' '.join(words)}"
            time.sleep(0.01)
        out, err = ((self._folder / f"{number}.{name}").read_text() for name in ("out", "err"))
        return Said(int(code.read_text()), out, err)


@contextmanager
def installed(folder: Path) -> Iterator[Installed]:
    """The command, until the block ends; `folder` is for what it says."""
    command = [sys.executable, "-c", FORKS, str(SCRIPT), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        yield Installed(process, folder)
