"""Operators in the simulator: they stop, restart and retry single tasks, and kill, pause, restart,
rescue, change and delete runs, one or many at once, whatever these do. What they do is a table, by
weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from penstock.contracts.wire import TENANT_DEFAULT
from penstock.core.bulk.rows import BulkFilter
from penstock.core.command import Command
from penstock.core.commands.bulk import Bulk
from penstock.core.commands.cancel_bulk import CancelBulk
from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.close_breaker import CloseBreaker
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.force_wf_run import ForceWfRun
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.migrate_wf_run import MigrateWfRun
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.requeue_task import RequeueTask
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.restart_task_run import RestartTaskRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.commands.set_labels import SetLabels
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.commands.skip_node import SkipNode
from penstock.core.ids import derive_guid
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.transitions import TaskStatus, ThreadStatus
from tests.sim.clients import Clients
from tests.sim.inbox import Inbox
from tests.sim.people import Sender, Workers
from tests.sim.specs import OUTPUTS

GRACES_MS: Final = (0, 1_000, 30_000)
BULK_VERBS: Final = ("stop", "resume", "pause", "resume", "retry-now", "set-labels")
AGAIN: Final = ("again-1", "again-2")  # under which runs are replayed
THREADS: Final = (0, 0, 0, 1, 2, 3)
ENDS: Final = (
    *[TaskStatus.TASK_SUCCESS] * 3,
    TaskStatus.TASK_FAILED,
    TaskStatus.TASK_CANCELLED,
    TaskStatus.TASK_EXCEPTION,
)
VALUES: Final = (
    *(("number", value) for value in (0, 2, "no INT")),
    ("text", "k-1"),
    ("until", "soon"),
    ("again", False),
)

OfTask = Callable[[Random, ScheduledTask], Command]
OfRun = Callable[[Random, str], Command]


def _restart_task(chance: Random, task: ScheduledTask) -> Command:
    grace_ms = chance.choice(GRACES_MS)
    return RestartTaskRun(wf_run_id=task.wf_run_id, guid=task.guid, grace_ms=grace_ms)


def _shut_down(chance: Random, task: ScheduledTask) -> Command:
    grace_ms = chance.choice(GRACES_MS)
    return ShutdownTaskRun(wf_run_id=task.wf_run_id, guid=task.guid, grace_ms=grace_ms)


def _retry(chance: Random, task: ScheduledTask) -> Command:
    return RetryNow(wf_run_id=task.wf_run_id, guid=task.guid)


def _requeue(chance: Random, task: ScheduledTask) -> Command:
    return RequeueTask(wf_run_id=task.wf_run_id, guid=task.guid)


def _change(chance: Random, task: ScheduledTask) -> Command:
    status = chance.choice(ENDS)
    return ChangeTaskRunState(
        wf_run_id=task.wf_run_id,
        guid=task.guid,
        status=status,
        output=chance.choice(OUTPUTS),
        exception="sorry" if status is TaskStatus.TASK_EXCEPTION else None,
    )


def _kill(chance: Random, run: str) -> Command:
    deadline_ms = chance.choice((0, 2_000, 60_000))
    return KillWfRun(wf_run_id=run, cascade=chance.random() < 0.5, deadline_ms=deadline_ms)


def _restart_run(chance: Random, run: str) -> Command:
    return RestartWfRun(wf_run_id=run)


def _rescue(chance: Random, run: str) -> Command:
    skip = chance.random() < 0.3
    return RescueThreadRun(wf_run_id=run, thread=chance.choice(THREADS), skip_current_node=skip)


def _pause(chance: Random, run: str) -> Command:
    return PauseWfRun(wf_run_id=run, thread=chance.choice(THREADS))


def _resume(chance: Random, run: str) -> Command:
    return ResumeWfRun(wf_run_id=run, thread=chance.choice(THREADS))


def _skip(chance: Random, run: str) -> Command:
    return SkipNode(wf_run_id=run, thread=chance.choice(THREADS), output=chance.choice(OUTPUTS))


def _edit(chance: Random, run: str) -> Command:
    name, value = chance.choice(VALUES)
    return EditVariable(wf_run_id=run, name=name, value=value, thread=chance.choice(THREADS))


def _label(chance: Random, run: str) -> Command:
    return SetLabels(wf_run_id=run, labels={"seen": str(chance.randrange(9))}, remove=("seen",))


def _delete(chance: Random, run: str) -> Command:
    return DeleteWfRun(wf_run_id=run)


def _migrate(chance: Random, run: str) -> Command:
    return MigrateWfRun(wf_run_id=run, version=chance.choice((None, None, 1, 2, 3)))


def _replay(chance: Random, run: str) -> Command:
    return ReplayWfRun(
        wf_run_id=run,
        position=chance.choice((None, None, 1, 2, 3)),
        version=chance.choice((None, None, None, 1, 2)),
        new_wf_run_id=chance.choice((None, None, *AGAIN)),
    )


def _force(chance: Random, run: str) -> Command:
    return ForceWfRun(wf_run_id=run)


def _close(chance: Random, task: ScheduledTask) -> Command:
    return CloseBreaker(task_def=task.task_def)


OF_TASKS: Final[tuple[tuple[int, OfTask], ...]] = (
    (2, _restart_task),
    (1, _shut_down),
    (2, _retry),
    (1, _requeue),
    (2, _change),
    (1, _close),
)
OF_RUNS: Final[tuple[tuple[int, OfRun], ...]] = (
    (2, _kill),
    (3, _restart_run),
    (3, _rescue),
    (2, _pause),
    (3, _resume),
    (3, _skip),
    (2, _edit),
    (1, _label),
    (1, _delete),
    (3, _migrate),
    (2, _replay),
    (1, _force),
)
"""What operators do, by weight."""


@dataclass(slots=True)
class Operators:
    """They know of the tasks that workers have seen, and of the runs that clients have asked for or
    that they were told of."""

    sender: Sender
    clients: Clients
    workers: Workers
    inbox: Inbox
    jobs: list[str] = field(default_factory=list)

    def act(self) -> None:
        """Do something to a task, mostly to one of the newest, to a run, or to many."""
        chance = self.sender.broker.chance.random
        self.inbox.read()
        if chance.random() < 0.1:
            self._do_to_many()
            return
        command = self._to_a_task(chance) if chance.random() < 0.4 else self._to_a_run(chance)
        if command is not None:
            self.sender.send(command, self.sender.new_id("operator"))

    def _to_a_task(self, chance: Random) -> Command | None:
        if not self.workers.seen:
            return None
        weights, verbs = zip(*OF_TASKS, strict=True)
        [verb] = chance.choices(verbs, weights)
        return verb(chance, chance.choice(self.workers.seen[-8:]))

    def _to_a_run(self, chance: Random) -> Command | None:
        known = list(self.inbox.runs)
        if chance.random() < 0.15:
            known = list(self.clients.runs)  # which may not be there yet
        if not known:
            return None
        weights, verbs = zip(*OF_RUNS, strict=True)
        [verb] = chance.choices(verbs, weights)
        return verb(chance, chance.choice(known))

    def force(self, wf_run_id: str) -> None:
        """It waits for a place no longer."""
        self.sender.send(ForceWfRun(wf_run_id=wf_run_id), self.sender.new_id("operator"))

    def _do_to_many(self) -> None:
        """Begin a bulk job, or cancel one."""
        chance = self.sender.broker.chance.random
        if self.jobs and chance.random() < 0.3:
            command: Command = CancelBulk(bulk_id=chance.choice(self.jobs))
            self.sender.send(command, self.sender.new_id("cancel-bulk"))
            return
        command_id = self.sender.new_id("bulk")
        self.jobs.append(derive_guid("bulk", TENANT_DEFAULT, command_id))
        wanted = chance.choice(
            (
                BulkFilter(all=True),
                BulkFilter(all=True, children=True),
                BulkFilter(status=(ThreadStatus.RUNNING, ThreadStatus.ERROR)),
                BulkFilter(wf_spec="spec-0", children=True),
                BulkFilter(wf_run_ids=("run-1", "run-2", "run-never")),
            )
        )
        verb = chance.choice(BULK_VERBS)
        dry_run = chance.random() < 0.1
        self.sender.send(Bulk(filter=wanted, verb=verb, dry_run=dry_run), command_id)
