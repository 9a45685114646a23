"""How much a gateway takes on (R18).

Rules
- New work is refused: 429 when too much is under way here, or the partition's owner is too far
  behind; 503 while the server drains, or has no room on its disk.
- What ends, bounds or reports on work that is there always passes: it makes the load smaller.
- Who is refused hears a code and Retry-After, and nothing was appended.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from penstock.config import (
    IN_FLIGHT_MAX_DEFAULT,
    LAG_MAX_DEFAULT,
    SEARCHES_MAX_DEFAULT,
    STREAMS_MAX_DEFAULT,
    TENANT_SEARCHES_MAX_DEFAULT,
    TENANT_STREAMS_MAX_DEFAULT,
    TENANT_WAITS_MAX_DEFAULT,
    WAITS_MAX_DEFAULT,
)
from penstock.core.command import Command
from penstock.core.commands.cancel_bulk import CancelBulk
from penstock.core.commands.cancel_user_task_run import CancelUserTaskRun
from penstock.core.commands.delete_schedule import DeleteSchedule
from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.pause_schedule import PauseSchedule
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.commands.task_started import TaskStarted
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.sampler import Sampler
from penstock.processor.processor import Processor

OF_WORKERS: Final = (ReportTask, TaskStarted, TaskHeartbeat, PutCheckpoint, HandBackTask)
STOPS: Final = (
    *(StopWfRun, PauseWfRun, KillWfRun, ShutdownTaskRun, CancelUserTaskRun),
    *(PauseSchedule, DeleteSchedule, CancelBulk),
)
ALWAYS_TAKEN: Final = (*OF_WORKERS, *STOPS)


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds of a gateway."""

    in_flight_max: int = IN_FLIGHT_MAX_DEFAULT
    lag_records_max: int = LAG_MAX_DEFAULT  # of a partition: what its owner has not folded
    streams_max: int = STREAMS_MAX_DEFAULT
    tenant_streams_max: int = TENANT_STREAMS_MAX_DEFAULT
    waits_max: int = WAITS_MAX_DEFAULT
    tenant_waits_max: int = TENANT_WAITS_MAX_DEFAULT
    searches_max: int = SEARCHES_MAX_DEFAULT
    tenant_searches_max: int = TENANT_SEARCHES_MAX_DEFAULT
    answer_timeout_s: float = 10.0
    read_timeout_s: float = 10.0
    queue_idle_s: float = 60.0
    queue_shared_idle_s: float = 5.0  # where others read the topic, too
    queues_look_s: float = 15.0
    started_kept_s: float = 5.0  # a task for the worker who was not told that it is his
    blocking_appends: bool = False  # the log's append waits for the disk
    metrics_names: bool = False  # metrics name TaskDefs and their tenants


class Load:
    """What is under way, and whether more may come. Used on the event loop."""

    def __init__(self, *, processor: Processor, sampler: Sampler, limits: Limits) -> None:
        self.in_flight = 0
        self.draining = False  # it is about to stop, and says so
        self.turns_away = False  # and nobody here owns anything any more
        self.refused: dict[str, int] = {}
        self._processor = processor
        self._sampler = sampler
        self._limits = limits

    def check(self, command: Command, number: int) -> None:
        """Refuse new work that there is no room for."""
        if isinstance(command, ALWAYS_TAKEN):
            return
        refusal = self._refusal(number)
        if refusal is not None:
            self.refused[refusal.code] = self.refused.get(refusal.code, 0) + 1
            raise refusal

    def _refusal(self, number: int) -> ApiError | None:
        if self.turns_away:
            return ApiError(
                EdgeCode.DRAINING,
                "this server is about to stop; send it again, to another one or in a moment",
                headers={"Connection": "close"},
            )
        if self.in_flight >= self._limits.in_flight_max:
            return ApiError(
                EdgeCode.OVERLOADED, f"{self.in_flight} commands are under way; try again soon"
            )
        lag = self._sampler.lags.get(number, 0)
        if lag > self._limits.lag_records_max:
            return ApiError(
                EdgeCode.LAGGING,
                f"partition {number} is {lag} records behind; try again soon",
            )
        problem = self._processor.room.problem
        if problem is not None:
            return ApiError(EdgeCode.NO_ROOM, f"nothing new is taken on: {problem}")
        return None
