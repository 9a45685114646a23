"""What is patched while a simulated world lives: the clock of its processes, and the
engine's defects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

from penstock.core import fold
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value
from penstock.processor import counted, held_tasks, owned, processor, ticker
from tests.sim.clients import BOOM

UNLUCKY = "3"  # runs whose id ends so


@contextmanager
def virtual_time(now_ms: Callable[[], int]) -> Iterator[None]:
    """The clock of the processes is this one."""
    clock = SimpleNamespace(
        time=lambda: now_ms() / 1_000,
        monotonic=lambda: now_ms() / 1_000,
        perf_counter=lambda: now_ms() / 1_000,
    )
    with (
        mock.patch.object(processor, "time", clock),
        mock.patch.object(held_tasks, "time", clock),
        mock.patch.object(counted, "time", clock),
        mock.patch.object(ticker, "time", clock),
        mock.patch.object(owned, "time", clock),
        mock.patch.object(processor, "RETRY_PAUSE_S", 0.0),
        mock.patch.object(owned, "RETRY_S", 0.0),
    ):
        yield


@contextmanager
def a_defect() -> Iterator[None]:
    """The engine has two defects: it divides by zero at some events, and when the time of some
    runs is over (R6)."""
    sound, sound_fire = fold.TYPE_OF[PutExternalEvent], fold.fire

    def handle(turn: Turn, command: Any) -> Value:
        return 1 // 0 if command.content == BOOM else sound.handle(turn, command)

    def fire(turn: Turn, timer: Timer) -> None:
        if timer.kind is TimerKind.NODE and timer.wf_run_id.endswith(UNLUCKY):
            raise ZeroDivisionError(timer.wf_run_id)
        sound_fire(turn, timer)

    broken = replace(sound, handle=handle)
    with (
        mock.patch.dict(fold.TYPE_OF, {PutExternalEvent: broken}),
        mock.patch.object(fold, "fire", fire),
    ):
        yield
