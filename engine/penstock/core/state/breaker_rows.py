"""Breakers: a TaskDef may say that its tasks are held when too many attempts at them fail. Each
partition looks after its own tasks: nothing crosses.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row


class BreakerStatus(StrEnum):
    """CLOSED: tasks go out. OPEN: they are held. TRYING: some go out, and decide."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    TRYING = "TRYING"


class Breaker(Row):
    """What the newest attempts at the tasks of a TaskDef came to: a bit for each, in a row that
    goes round, 1 for one that has failed. `trials` may still go out, `passed` came to a good end.
    `epoch` tells the timers of one opening from those of another.
    """

    KIND, SCOPE, KEY = b"R", Scope.PARTITION, ("tenant", "task_def")
    SCANNED = True

    tenant: str
    task_def: str
    status: BreakerStatus = BreakerStatus.CLOSED
    bits: bytes = b""
    next: int = 0
    ends: int = 0
    failed: int = 0
    trials: int = 0
    passed: int = 0
    epoch: int = 0
    changed_ms: int = 0


class HeldByBreaker(Row):
    """A task that a breaker holds. It lies there until it may go out."""

    KIND, SCOPE, KEY = b"r", Scope.PARTITION, ("tenant", "task_def", "wf_run_id", "guid")
    SCANNED = True

    tenant: str
    task_def: str
    wf_run_id: str
    guid: str


ROWS_OF_BREAKERS: Final[tuple[type[Row], ...]] = (Breaker, HeldByBreaker)
