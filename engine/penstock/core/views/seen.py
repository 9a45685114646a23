"""What every view of a product is made from: a run in one snapshot, its task runs, their attempts.

A product has its own ids, states and shapes; what all of them are asked for in common stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.rows import Rows
from penstock.core.state.run import TaskRun, WfRun

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A run. `partition` is its own, `now_ms` the time to which what has not ended has run."""

    rows: Rows
    run: WfRun
    spec: WfSpec
    partition: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class SeenTaskRun:
    """A task run as a product sees it: what it is searched by, and how it is shown. `place` is
    where a list goes on behind it; `task_def` is None where no worker does it.
    """

    place: str
    id: str
    task_id: str
    task_def: str | None
    state: str
    start_ms: int
    end_ms: int | None
    as_json: Callable[[], Json]


@dataclass(frozen=True, slots=True)
class SeenAttempt:
    """An attempt of a task: whose it is, and `shown_number`, by which the product counts it."""

    task: TaskRun
    task_run_id: str
    task_id: str
    number: int
    shown_number: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that an attempt has written."""

    of: SeenAttempt
    at_ms: int
    level: str
    message: str
