"""Stories: scenario tests that read as sentences, on any driver.

run(driver, "hello", name="Ada").task("greet").succeeds("hi").completes("hi")
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

from penstock.core.command import Command
from penstock.core.commands.claim_user_task_run import ClaimUserTaskRun
from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.restart_task_run import RestartTaskRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.commands.skip_node import SkipNode
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.commands.task_started import TaskStarted
from penstock.core.state.outputs import Answer, ScheduledTask
from penstock.core.state.rows import Row
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, Variable, WfRun
from penstock.core.state.run_kinds import ROWS_OF_RUNS
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.user_task_rows import UserTaskRun
from tests.controls import a_task_def
from tests.scenarios.driver import WAIT_S, Driver


def accepted(driver: Driver, command: Command, **sent: Any) -> Answer:
    """Send a command that must be accepted."""
    answer = driver.send(command, **sent)
    assert answer.ok, answer
    return answer


def refused(driver: Driver, command: Command, code: str, **sent: Any) -> Answer:
    """Send a command that must be refused with this code."""
    answer = driver.send(command, **sent)
    assert answer.code == code, answer
    return answer


def register(driver: Driver, name: str, spec: Any, *definitions: Command) -> None:
    """Register a spec; TaskDefs that it names and that are not given are made without inputs."""
    given = {getattr(command, "name", "") for command in definitions}
    for command in definitions:
        accepted(driver, command)
    for thread in spec["threads"].values():
        for node in thread["nodes"].values():
            task_def = node.get("task_def")
            if task_def is not None and task_def not in given:
                accepted(driver, a_task_def(task_def))
            if node["type"] == "EXTERNAL_EVENT" and node["event_def"] not in given:
                accepted(driver, PutExternalEventDef(name=node["event_def"]))
        for event_def in sorted(set(thread.get("interrupts", ())) - given):
            accepted(driver, PutExternalEventDef(name=event_def))
    accepted(driver, PutWfSpec(name=name, spec=spec))


def run(driver: Driver, wf_spec: str, wf_run_id: str | None = None, **variables: Any) -> Story:
    """Start a run that must be accepted; waits until its partition knows the spec."""
    wf_run_id = wf_run_id or driver.new_id()
    command = RunWf(wf_spec=wf_spec, wf_run_id=wf_run_id, variables=variables)
    deadline = time.monotonic() + WAIT_S
    while (answer := driver.send(command)).code == "SPEC_UNKNOWN" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert answer.ok, answer
    return Story(driver, wf_run_id)


class Story:
    """What happens to a run."""

    def __init__(self, driver: Driver, wf_run_id: str) -> None:
        self.driver = driver
        self.id = wf_run_id
        self._task: ScheduledTask | None = None

    def task(self, task_def: str, **inputs: Any) -> Self:
        """The next task of this queue is ours, with these inputs."""
        [task] = self.driver.tasks(task_def)
        assert task.wf_run_id == self.id
        if inputs:
            assert task.inputs == inputs
        self._task = task
        return self

    def has(self, task: ScheduledTask) -> Self:
        """A task that was taken from its queue before is ours."""
        assert task.wf_run_id == self.id
        self._task = task
        return self

    @property
    def taken(self) -> ScheduledTask:
        """The task taken last."""
        assert self._task is not None
        return self._task

    def takes(self, task: ScheduledTask) -> Self:
        """A worker has taken this one of the run's tasks."""
        assert task.wf_run_id == self.id
        self._task = task
        return self

    def starts(self, worker: str = "worker-1") -> Self:
        """A worker says that it runs the task."""
        accepted(self.driver, TaskStarted(**self.attempt, worker=worker))
        return self

    def report(self, status: TaskStatus, **result: Any) -> ReportTask:
        """A report on the task taken last."""
        return ReportTask(**self.attempt, status=status, **result)

    def succeeds(self, output: Any = None) -> Self:
        """The task succeeds."""
        accepted(self.driver, self.report(TaskStatus.TASK_SUCCESS, output=output))
        return self

    def fails(self, error: str = "no luck") -> Self:
        """The attempt fails."""
        accepted(self.driver, self.report(TaskStatus.TASK_FAILED, error=error))
        return self

    def throws(self, name: str, content: Any = None) -> Self:
        """The task ends with a business exception."""
        report = self.report(TaskStatus.TASK_EXCEPTION, exception=name, output=content)
        accepted(self.driver, report)
        return self

    def beats(self, worker: str = "worker-1", **said: Any) -> Answer:
        """The worker gives a sign of life; the answer to it."""
        return accepted(self.driver, TaskHeartbeat(**self.attempt, worker=worker, **said))

    def checkpoints(self, *values: Any, first: int = 0, flow: str = "CONTINUE_TASK") -> Self:
        """The worker puts these values aside, the first under this number."""
        for number, value in enumerate(values, first):
            command = PutCheckpoint(**self.attempt, number=number, value=value)
            assert accepted(self.driver, command).body["flow"] == flow
        return self

    def is_handed_back(self, worker: str = "worker-1") -> Self:
        """The worker gives the task up."""
        accepted(self.driver, HandBackTask(**self.attempt, worker=worker))
        return self

    def is_shut_down(self, **settings: Any) -> Self:
        """An operator shuts the task down."""
        accepted(self.driver, ShutdownTaskRun(**self.task_id, **settings))
        return self

    def is_restarted(self, **settings: Any) -> Self:
        """An operator restarts the task."""
        accepted(self.driver, RestartTaskRun(**self.task_id, **settings))
        return self

    @property
    def task_id(self) -> dict[str, Any]:
        """The id of the task taken last."""
        return {"wf_run_id": self.id, "guid": self.taken.guid}

    @property
    def attempt(self) -> dict[str, Any]:
        """The attempt taken last."""
        return self.task_id | {"attempt": self.taken.attempt}

    def is_stopped(self) -> Self:
        """An operator stops the run."""
        accepted(self.driver, StopWfRun(wf_run_id=self.id))
        return self

    def is_resumed(self) -> Self:
        """An operator resumes the run."""
        accepted(self.driver, ResumeWfRun(wf_run_id=self.id))
        return self

    def is_paused(self) -> Self:
        """An operator pauses the run."""
        accepted(self.driver, PauseWfRun(wf_run_id=self.id))
        return self

    def is_rescued(self, thread: int = 0, *, skip: bool = False, exceptions: bool = False) -> Self:
        """An operator has a failed thread go on."""
        accepted(
            self.driver,
            RescueThreadRun(
                wf_run_id=self.id, thread=thread, skip_current_node=skip, exceptions=exceptions
            ),
        )
        return self

    def is_killed(self, deadline_ms: int = 60_000) -> Self:
        """An operator kills the run."""
        accepted(self.driver, KillWfRun(wf_run_id=self.id, deadline_ms=deadline_ms))
        return self

    def is_begun_again(self) -> Self:
        """An operator has the run go on from where it failed."""
        accepted(self.driver, RestartWfRun(wf_run_id=self.id))
        return self

    def is_skipped(self, output: Any = None, thread: int = 0) -> Self:
        """An operator completes the node at which a thread stands."""
        accepted(self.driver, SkipNode(wf_run_id=self.id, thread=thread, output=output))
        return self

    def refuses(self, command: Command, code: str) -> Self:
        """The command is refused with this code, and no row of the run changes."""
        before = self.rows()
        refused(self.driver, command, code)
        assert self.rows() == before
        return self

    def rows(self) -> list[Row]:
        """All rows of the run."""
        return [row for kind in ROWS_OF_RUNS for row in self.driver.scan(kind, self.id)]

    def gets(self, event_def: str, content: Any = None, guid: str | None = None) -> Self:
        """An event is put to the run."""
        accepted(
            self.driver,
            PutExternalEvent(wf_run_id=self.id, event_def=event_def, content=content, guid=guid),
        )
        return self

    def is_assigned(self, user: str | None = None, group: str | None = None) -> Self:
        """The user task comes to belong to this user and group."""
        self.wait(lambda: bool(self.user_tasks), "a user task")
        row = self.user_task
        assert (row.user_id, row.user_group) == (user, group)
        assert row.status == ("UNASSIGNED" if user is None else "ASSIGNED")
        return self

    def is_claimed_by(self, user: str) -> Self:
        """A user takes the user task."""
        return self.does(ClaimUserTaskRun, user_id=user)

    def completes_form(self, results: Any = None, user: str | None = None) -> Self:
        """The user who has it, or the one named, fills in the form."""
        by = user or self.user_task.user_id or ""
        return self.does(CompleteUserTaskRun, user_id=by, results=results or {})

    def does(self, kind: Callable[..., Command], **fields: Any) -> Self:
        """A verb on the user task is accepted."""
        accepted(self.driver, kind(wf_run_id=self.id, guid=self.user_task.guid, **fields))
        return self

    def does_not(self, code: str, kind: Callable[..., Command], **fields: Any) -> Self:
        """A verb on the user task is refused."""
        refused(self.driver, kind(wf_run_id=self.id, guid=self.user_task.guid, **fields), code)
        return self

    @property
    def user_tasks(self) -> list[UserTaskRun]:
        """The run's user tasks."""
        return self.driver.scan(UserTaskRun, self.id)

    @property
    def user_task(self) -> UserTaskRun:
        """The one made last."""
        return max(self.user_tasks, key=lambda row: (row.thread, row.position))

    def is_now(self, status: str) -> Self:
        """The run has this status, or comes to have it."""
        self.wait(lambda: self.run.status == status, f"{self.id} to be {status}")
        return self

    def completes(self, output: Any = None) -> Self:
        """The run ends well, with this output."""
        self.is_now("COMPLETED")
        assert self.thread.output == output
        assert self.run.ended_ms is not None
        return self

    def wait_until_there(self) -> Self:
        """The run is started by somebody else: it is there, or comes to be."""
        deadline = time.monotonic() + (0 if self.driver.clock else WAIT_S)
        while self.driver.get(WfRun, self.id) is None:
            assert time.monotonic() < deadline, f"waited for {self.id} to be there"
            time.sleep(0.005)
        return self

    def ends_with(self, failure: str, status: str = "ERROR") -> Self:
        """The run ends with this failure."""
        self.is_now(status)
        assert self.thread.failure is not None
        assert self.thread.failure.name == failure, self.thread.failure
        return self

    def no_task(self, task_def: str) -> Self:
        """Nothing is in this queue (asked of the rows: an empty queue proves nothing in time)."""
        assert all(
            task.status != TaskStatus.TASK_SCHEDULED
            for task in self.driver.scan(TaskRun, self.id)
            if task.task_def == task_def
        )
        return self

    def thread_is(self, number: int, status: str) -> Self:
        """A thread has this status."""
        self.wait(lambda: self.thread_run(number).status == status, f"{number} to be {status}")
        return self

    def at_node(self, node: str, thread: int = 0) -> Self:
        """A thread stands at this node."""
        assert self.thread_run(thread).node == node
        return self

    def thread_run(self, number: int) -> ThreadRun:
        """A thread's row."""
        row = self.driver.get(ThreadRun, self.id, number)
        assert row is not None
        return row

    def value(self, name: str, thread: int = 0) -> Any:
        """What a variable is now."""
        row = self.driver.get(Variable, self.id, thread, name)
        return None if row is None else row.value

    @property
    def run(self) -> WfRun:
        """The run's row."""
        row = self.driver.get(WfRun, self.id)
        assert row is not None
        return row

    @property
    def thread(self) -> ThreadRun:
        """The entrypoint thread's row."""
        row = self.driver.get(ThreadRun, self.id, 0)
        assert row is not None
        return row

    @property
    def nodes(self) -> list[NodeRun]:
        """The run's node runs, in order."""
        return self.driver.scan(NodeRun, self.id)

    @property
    def task_run(self) -> TaskRun:
        """The row of the task taken last."""
        row = self.driver.get(TaskRun, self.id, self.taken.guid)
        assert row is not None
        return row

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition on rows; on the memory log it holds at once or never."""
        deadline = time.monotonic() + (0 if self.driver.clock else WAIT_S)
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}; run {self.run}"
            time.sleep(0.005)
