"""The `penstock` command as tests call it."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

from penstock.cli import main


class Said(NamedTuple):
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def penstock(*words: str) -> Said:
    """The command in this process: to start one takes longer than what most of them do."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(list(words))
        except SystemExit as exit_:
            code = int(str(exit_.code))
    return Said(code, out.getvalue(), err.getvalue())


def process(*words: str) -> Said:
    """The command in a process of its own, for those that might serve for ever."""
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)
