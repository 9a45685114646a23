"""Tasks that are started for those who poll over HTTP.

Rules
- Who is told that a task is his runs it. One of which nobody knows whether it was started for a
  worker, or which was while its worker went away, is kept for him for a moment: asked again in his
  name and under the same command id, the fold says the same again.
- Then it is offered to the others, or handed back if it is known to be started. If it is refused to
  another as begun, it was started for one who has never heard of it, and is handed back in his
  name.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.task_started import TaskStarted
from penstock.core.errors import Code
from penstock.core.state.outputs import ScheduledTask
from penstock.gateway.auth import Caller
from penstock.gateway.engine import new_command_id
from penstock.gateway.errors import ApiError
from penstock.gateway.forward import Forwarder

STARTED: Final = "/v1/tasks/started"
HAND_BACK: Final = "/v1/tasks/hand-back"

logger = logging.getLogger("penstock.gateway")


@dataclass(frozen=True, slots=True)
class PollingWorker:
    """Who asks for tasks, what runs there and how much at once, as it says itself."""

    name: str
    version: str = ""
    slots: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """For whom a task is started, and under which command id."""

    caller: Caller
    worker: PollingWorker
    command_id: str

    def is_of(self, caller: Caller, worker: PollingWorker) -> bool:
        """Whether it is this worker who asks."""
        return (caller.principal, worker.name) == (self.caller.principal, self.worker.name)


@dataclass(slots=True, eq=False)
class Taken:
    """A task and where its record stands. `starts` are those of which nobody was told, the newest
    last; `is_started`: that one has come to be. `was_kept`: once was enough, if nothing is known.
    """

    task: ScheduledTask
    partition: int
    offset: int
    starts: list[Start] = field(default_factory=list[Start])
    is_started: bool = False
    was_kept: bool = False

    def is_kept_for(self, caller: Caller, worker: PollingWorker) -> bool:
        """Whether this worker is the one who has asked for it last."""
        return bool(self.starts) and self.starts[-1].is_of(caller, worker)


class Starter:
    """Says for a queue that tasks are started, and hands back those that nobody runs."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._handing_back: set[asyncio.Task[None]] = set()

    async def start(self, caller: Caller, worker: PollingWorker, taken: Taken) -> str | None:
        """The code with which the fold refuses to start it for this worker. Raises ApiError if
        nothing is known of it, or if this worker may not have it.
        """
        if taken.is_started:  # for him, who did not hear of it
            return None
        task = taken.task
        others = [one for one in taken.starts if not one.is_of(caller, worker)]
        before = [one.command_id for one in taken.starts if one.is_of(caller, worker)]
        own = Start(caller, worker, before[0] if before else new_command_id())
        taken.starts = [*others, own]
        command = TaskStarted(
            wf_run_id=task.wf_run_id,
            guid=task.guid,
            attempt=task.attempt,
            worker=own.worker.name,
            worker_version=own.worker.version,
        )
        code = await self._forwarder.say(command, STARTED, own.caller, own.command_id)
        if code == Code.PERMISSION_DENIED:  # it says nothing of the task: another may have it
            taken.starts = others
            raise ApiError(Code.PERMISSION_DENIED, f"you may not run {task.task_def!r}")
        taken.is_started = code is None
        if code == Code.ATTEMPT_TAKEN:
            for other in others:
                self.hand_back(task, other)
        return code

    def hand_back(self, task: ScheduledTask, start: Start) -> None:
        """It was started for one who does not run it. Refused if that is not so."""
        handing = asyncio.ensure_future(self._hand_back(task, start))
        self._handing_back.add(handing)
        handing.add_done_callback(self._handing_back.discard)

    async def ended(self, timeout_s: float) -> None:
        """Wait until what is handed back is."""
        if self._handing_back:
            await asyncio.wait(self._handing_back, timeout=timeout_s)

    async def _hand_back(self, task: ScheduledTask, start: Start) -> None:
        named = f"{task.wf_run_id}/{task.guid}"
        command = HandBackTask(
            wf_run_id=task.wf_run_id,
            guid=task.guid,
            attempt=task.attempt,
            worker=start.worker.name,
        )
        try:
            code = await self._forwarder.say(command, HAND_BACK, start.caller, new_command_id())
        except ApiError as error:
            logger.warning("task %s was started for nobody, until it times out: %s", named, error)
        else:
            told = "handed back" if code is None else code
            logger.info("task %s, started for %s: %s", named, start.worker.name, told)
