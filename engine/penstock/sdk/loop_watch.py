"""Sees from another thread that an event loop does not get round, and names the task that holds it.

A loop is asked to come round, again and again. One that has not for a second is held by a function
that neither awaits nor returns: all other async attempts of the worker stand still meanwhile.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from traceback import walk_stack
from types import CodeType
from typing import Any, Final

from penstock.sdk.task import TaskDef

BLOCKED_S: Final = 1.0
WHAT_TO_DO: Final = "await what takes long, give it to asyncio.to_thread(), or write a plain `def`"

logger = logging.getLogger("penstock.worker")


class LoopWatch:
    """Of one loop, which `thread` runs; `task_of` says whose function a task of asyncio's runs."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        thread: Thread,
        task_of: Callable[[asyncio.Task[Any]], TaskDef[..., Any] | None],
    ) -> None:
        self._loop = loop
        self._thread = thread
        self._task_of = task_of
        self._came_round = True
        self._holder: asyncio.Task[Any] | None = None
        self._since_s = 0.0  # when it was seen first
        self._named: set[str] = set()

    def look(self, at_s: float) -> None:
        """Ask it to come round, or see that it does not."""
        holder = asyncio.current_task(self._loop)
        if self._came_round or holder is not self._holder:
            self._holder, self._since_s = holder, at_s
        elif at_s - self._since_s >= BLOCKED_S:
            self._name_it(at_s - self._since_s)
        if self._came_round:
            self._came_round = False
            with suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(self._come_round)

    def _come_round(self) -> None:
        self._came_round = True

    def _name_it(self, held_s: float) -> None:
        """Warn of who holds it, once."""
        holder = self._holder
        task = None if holder is None else self._task_of(holder)
        stacks = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - of all threads
        frame = stacks.get(self._thread.ident or 0)
        frames = [(one.f_code, line) for one, line in walk_stack(frame)]
        if self._came_round or asyncio.current_task(self._loop) is not holder or not frames:
            return  # it has gone on while it was looked at
        named = _shown(*frames[0]) if task is None else task.name
        if named not in self._named:
            self._named.add(named)
            what = "what a task has begun" if task is None else f"task {named!r}"
            standing = _standing(task, frames)
            message = "%s has blocked its worker's event loop for %.1f s: %s; %s"
            logger.warning(message, what, held_s, standing, WHAT_TO_DO)


def _standing(task: TaskDef[..., Any] | None, frames: list[tuple[CodeType, int]]) -> str:
    """Where its function stands, and what that is at."""
    innermost = _shown(*frames[0])
    own = None if task is None else getattr(inspect.unwrap(task.function), "__code__", None)
    for code, line in frames:
        if code is own:
            shown = _shown(code, line)
            return shown if shown == innermost else f"{shown}, within which {innermost}"
    return innermost


def _shown(code: CodeType, line: int) -> str:
    return f"{code.co_qualname}() stands at {code.co_filename}:{line}"
