"""The `penstock` command.

This module loads nothing of ours before it is asked to: what the verbs need takes a good part of a
second to load, and Ctrl-C is to be quiet then, too.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

INTERRUPTED = 130  # Exit.INTERRUPTED, before that is loaded


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit code says what came of it (codes.py)."""
    here = threading.current_thread() is threading.main_thread()
    # Who has it ignored, as a shell does for what it runs in the background, is left to that.
    mine = here and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, _leave)
    from penstock.cli.command import run

    try:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


def _leave(_: int, __: FrameType | None) -> None:
    """End at once. An exception would come up wherever a module is being loaded, some of which take
    it for one of theirs; nothing has been done yet that would have to be ended.
    """
    os._exit(INTERRUPTED)
