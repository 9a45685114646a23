"""Operators in the simulator: they stop, restart and retry single tasks, whatever these do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock.core.command import Command
from penstock.core.commands.requeue_task import RequeueTask
from penstock.core.commands.restart_task_run import RestartTaskRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from tests.sim.people import Sender, Workers

VERBS: Final[tuple[type[Command], ...]] = (
    *(RestartTaskRun, RestartTaskRun, RetryNow, RetryNow, RequeueTask, ShutdownTaskRun),
)
GRACES_MS: Final = (0, 1_000, 30_000)


@dataclass(slots=True)
class Operators:
    """They know of the tasks that workers have seen."""

    sender: Sender
    workers: Workers

    def act(self) -> None:
        """Do something to a task, mostly to one of the newest."""
        chance = self.sender.broker.chance.random
        if not self.workers.seen:
            return
        task = chance.choice(self.workers.seen[-8:])
        verb = chance.choice(VERBS)
        settings = {}
        if verb in (RestartTaskRun, ShutdownTaskRun):
            settings["grace_ms"] = chance.choice(GRACES_MS)
        command = verb(wf_run_id=task.wf_run_id, guid=task.guid, **settings)
        self.sender.send(command, self.sender.new_id("operator"))
