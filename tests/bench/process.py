"""Processes of the bench: what the kernel says of them, and children that end with their parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from penstock.server.tuning import tune

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
KIB: Final = 1_024
STOP_S: Final = 10.0
READY: Final = "ready"
_spawn = multiprocessing.get_context("spawn")


class BenchError(Exception):
    """A figure can not be measured; the others can."""


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and all its threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def peak_mb(pid: int) -> float:
    """The most resident memory that there was."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak) * KIB / 1e6


class Child:
    """A process that runs `target(stop, *arguments)` until it is told to stop, or we are gone.

    `target` calls `ready` (its first argument) once, and then looks at the event it is given.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(
            target=_child, args=(theirs, target, arguments), name=target.__name__, daemon=True
        )
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        pid = self._process.pid
        assert pid is not None, "it was started"
        return pid

    def wait(self, timeout_s: float) -> Any:
        """The next thing it says; the first is that it is ready."""
        name = self._process.name
        if not self._pipe.poll(timeout_s):
            raise BenchError(f"{name} said nothing in {timeout_s} s")
        try:
            said = self._pipe.recv()
        except EOFError as error:
            raise BenchError(f"{name} ended without a word") from error
        if isinstance(said, BaseException):
            raise BenchError(f"{name} failed: {said!r}") from said
        return said

    def stop(self) -> None:
        """Have it end; by force if it takes too long."""
        self._pipe.close()
        self._process.join(STOP_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(STOP_S)


def in_child(target: Callable[..., Any], *arguments: Any, timeout_s: float) -> Any:
    """Call a function in a process of its own, where Python runs as it does in a server, and give
    what it returns.
    """
    child = Child(_calling, target, arguments)
    try:
        child.wait(timeout_s)
        return child.wait(timeout_s)
    finally:
        child.stop()


def within(deadline_s: float, what: str) -> Callable[[], None]:
    """A function to call in a loop: it raises when the loop has taken too long."""
    deadline = time.monotonic() + deadline_s

    def check() -> None:
        if time.monotonic() > deadline:
            raise BenchError(f"{what} took more than {deadline_s} s")

    return check


class Parent:
    """What a child knows of its parent."""

    def __init__(self, pipe: Connection) -> None:
        self.stop = threading.Event()
        self._pipe = pipe

    def tell(self, said: Any) -> None:
        """Say something; nobody may be there to hear it."""
        try:
            self._pipe.send(said)
        except OSError:
            self.stop.set()

    def watch(self) -> None:
        """Until the parent closes its end, or ends."""
        with contextlib.suppress(EOFError, OSError):
            self._pipe.recv()
        self.stop.set()


def _child(pipe: Connection, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    parent = Parent(pipe)
    threading.Thread(target=parent.watch, daemon=True).start()
    try:
        target(parent, *arguments)
    except BaseException as error:
        parent.tell(error if isinstance(error, BenchError) else BenchError(repr(error)))
        raise


def _calling(parent: Parent, target: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    tune()
    parent.tell(READY)
    parent.tell(target(*arguments))
    parent.stop.wait(STOP_S)
