"""The forms of what commands to runs and schedules are answered, as their handlers make them. Tests
hold every answer against them.
"""

from __future__ import annotations

from typing import Literal

from penstock.contracts.answers.common import Done
from penstock.core.schedules.schedules import ScheduleStatus
from penstock.core.state.run import Stop
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import TaskStatus, ThreadStatus, UserTaskStatus


class RunStarted(Done, frozen=True):
    """A run was started."""

    wf_run_id: str
    wf_spec: str
    version: int


class ReplayStarted(RunStarted, frozen=True):
    """A run was started that is a replay of another."""

    attempt: int


class ThreadTold(Done, frozen=True):
    """What a thread, and its run, have become."""

    status: ThreadStatus
    wf_run_status: ThreadStatus


class EndTold(Done, frozen=True):
    """How a run has ended, and as what that counts."""

    status: ThreadStatus
    counts_as: EndState


class Migrated(ThreadTold, frozen=True):
    """How far a migration has come: a long one goes on by itself until it is done."""

    version: int
    done: bool


class Labelled(Done, frozen=True):
    """The labels that a run has now."""

    labels: dict[str, str]


class TaskTold(Done, frozen=True):
    """What a task has become."""

    status: TaskStatus


class AttemptTold(TaskTold, frozen=True):
    """What a task has become, and by which attempt."""

    attempt: int


class StopTold(AttemptTold, frozen=True):
    """What a task has become; its worker may have been asked to stop."""

    stop_requested: bool


class HeartbeatTold(Done, frozen=True):
    """Whether the attempt is to end, and why."""

    cancel: bool
    stop: Stop | None


class CheckpointTold(HeartbeatTold, frozen=True):
    """Whether to go on after a checkpoint, and how many there are."""

    flow: Literal["CONTINUE_TASK", "STOP_TASK"]
    total_checkpoints: int


class EventPut(Done, frozen=True):
    """The id of an event."""

    guid: str


class UserTaskTold(Done, frozen=True):
    """What a user task has become, and whose it is."""

    status: UserTaskStatus
    user_id: str | None
    user_group: str | None


class CommentTold(Done, frozen=True):
    """The number of a comment."""

    comment: int


class AddressOpened(Done, frozen=True):
    """Which address is tried again."""

    name: str
    address: str


class Resent(Done, frozen=True):
    """What the task or the thread has become that sends a webhook again, as the status of either
    says.
    """

    status: str | None = None
    wf_run_status: ThreadStatus | None = None
    attempt: int | None = None


class ScheduleMade(Done, frozen=True):
    """The id of a schedule."""

    schedule_id: str


class ScheduleTold(Done, frozen=True):
    """What a schedule has become."""

    status: ScheduleStatus
