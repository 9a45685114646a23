"""Operators in the simulator: they stop, restart and retry single tasks, whatever these do, and
hold many runs at once. They rescue nobody: no run ends twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from penstock.contracts.wire import TENANT_DEFAULT
from penstock.core.bulk.rows import BulkFilter
from penstock.core.command import Command
from penstock.core.commands.bulk import Bulk
from penstock.core.commands.cancel_bulk import CancelBulk
from penstock.core.commands.requeue_task import RequeueTask
from penstock.core.commands.restart_task_run import RestartTaskRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.ids import derive_guid
from penstock.core.state.transitions import ThreadStatus
from tests.sim.people import Sender, Workers

VERBS: Final[tuple[type[Command], ...]] = (
    *(RestartTaskRun, RestartTaskRun, RetryNow, RetryNow, RequeueTask, ShutdownTaskRun),
)
GRACES_MS: Final = (0, 1_000, 30_000)
BULK_VERBS: Final = ("stop", "resume", "pause", "resume", "retry-now", "set-labels")


@dataclass(slots=True)
class Operators:
    """They know of the tasks that workers have seen."""

    sender: Sender
    workers: Workers
    jobs: list[str] = field(default_factory=list)

    def act(self) -> None:
        """Do something to a task, mostly to one of the newest, or to many runs."""
        chance = self.sender.broker.chance.random
        if chance.random() < 0.3:
            self._do_to_many()
        if not self.workers.seen:
            return
        task = chance.choice(self.workers.seen[-8:])
        verb = chance.choice(VERBS)
        settings = {}
        if verb in (RestartTaskRun, ShutdownTaskRun):
            settings["grace_ms"] = chance.choice(GRACES_MS)
        command = verb(wf_run_id=task.wf_run_id, guid=task.guid, **settings)
        self.sender.send(command, self.sender.new_id("operator"))

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
                BulkFilter(statuses=(ThreadStatus.RUNNING, ThreadStatus.ERROR)),
                BulkFilter(wf_spec="spec-0", children=True),
                BulkFilter(wf_run_ids=("run-1", "run-2", "run-never")),
            )
        )
        verb = chance.choice(BULK_VERBS)
        dry_run = chance.random() < 0.1
        self.sender.send(Bulk(filter=wanted, verb=verb, dry_run=dry_run), command_id)
