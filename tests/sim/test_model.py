"""The engine against a naive model: random specs and commands, and after each of them the same
statuses, tasks, variables, outputs and answers; and no run that is stuck.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from penstock.core.command import Command
from penstock.core.commands.assign_user_task_run import AssignUserTaskRun
from penstock.core.commands.cancel_user_task_run import CancelUserTaskRun
from penstock.core.commands.claim_user_task_run import ClaimUserTaskRun
from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.release_user_task_run import ReleaseUserTaskRun
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.save_user_task_run import SaveUserTaskRun
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.commands.task_started import TaskStarted
from penstock.core.state.event_rows import UnclaimedEvent
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, Variable, WfRun
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.user_task_rows import UserTaskRun
from tests.scenarios.driver import START_MS, Driver, memory_driver
from tests.scenarios.story import accepted
from tests.sim.crashing import CrashingDriver, assert_lively, assert_refolds_agree
from tests.sim.naive import Naive, Refused
from tests.sim.naive_thread import Thread
from tests.sim.nodes import EVERYTHING
from tests.sim.specs import ALL_EVENT_DEFS, LEAF, OUTPUTS, a_leaf, a_spec, definitions

OTHERS = {"KEYED_EVENT", "THROW_EVENT"}
KINDS = EVERYTHING - OTHERS
RUNS_MAX = 3
RUN_IDS = [f"run-{number}" for number in range(RUNS_MAX)]
REPORTS = (
    TaskStatus.TASK_SUCCESS,
    *[TaskStatus.TASK_FAILED] * 2,
    TaskStatus.TASK_EXCEPTION,
    TaskStatus.TASK_INPUT_VAR_SUB_ERROR,
)
runs = st.sampled_from(RUN_IDS)
below = st.sampled_from((0, 0, 0, 1, 2))
numbers = st.sampled_from((0, 0, 0, 1, 2, 3))
outputs = st.sampled_from(OUTPUTS)


DEEDS: tuple[tuple[str, type[Command], Any], ...] = (
    ("claim", ClaimUserTaskRun, {"user_id": "ada"}),
    ("claim", ClaimUserTaskRun, {"user_id": "bob"}),
    (
        "assign",
        AssignUserTaskRun,
        {"user_id": "bob", "user_group": None, "override_claim": False},
    ),
    (
        "assign",
        AssignUserTaskRun,
        {"user_id": None, "user_group": "tax", "override_claim": True},
    ),
    ("release", ReleaseUserTaskRun, {}),
    ("save", SaveUserTaskRun, {"user_id": "ada", "results": {"note": "well"}}),
    *[
        (
            "complete",
            CompleteUserTaskRun,
            {"user_id": "ada", "results": {"agreed": True}, "override": override},
        )
        for override in (True, True, False)
    ],
    ("complete", CompleteUserTaskRun, {"user_id": "ada", "results": {}, "override": True}),
    ("cancel", CancelUserTaskRun, {}),
)


def _has_tasks(machine: Any) -> bool:
    return any(machine.tasks_of(name) for name in machine.naive.runs)


def _has_forms(machine: Any) -> bool:
    return any(machine.forms_of(name) for name in machine.naive.runs)


def _without_actions(spec: Any) -> None:
    """The model knows no reminders."""
    for thread in spec["threads"].values():
        for node in thread["nodes"].values():
            node.pop("actions", None)


class EngineAgainstModel(RuleBasedStateMachine):
    """Each rule does the same to both; the invariants compare them."""

    def __init__(self) -> None:
        super().__init__()
        self.naive = Naive(START_MS)
        self.closing = ExitStack()
        self.specs: list[Any] = []
        self.driver: Driver

    @initialize(seed=st.integers(0, 2**32 - 1), crashing=st.booleans())
    def begin(self, seed: int, crashing: bool) -> None:
        """An engine (perhaps one that dies after each record) with two specs, and a run of each.
        The specs come from a seed: Hypothesis itself would mostly choose the first of all."""
        chance = random.Random(seed)
        kind = CrashingDriver if crashing else Driver
        self.driver = self.closing.enter_context(memory_driver(Path(), kind=kind))
        self.specs = [a_spec(chance, kinds=KINDS, shared=False) for _ in range(2)]
        for made in self.specs:
            _without_actions(made)
        for command in definitions():
            accepted(self.driver, command)
        leaf = self.naive.world.leaf = a_leaf(chance, KINDS)
        _without_actions(leaf)
        accepted(self.driver, PutWfSpec(name=LEAF, spec=leaf))
        for number, made in enumerate(self.specs):
            accepted(self.driver, PutWfSpec(name=f"spec-{number}", spec=made))
        for number in range(2):
            self.start(RUN_IDS[number], number)

    @rule(name=runs, number=st.integers(0, 1))
    def start(self, name: str, number: int) -> None:
        """Start a run, once."""
        if name not in self.naive.runs:
            accepted(self.driver, RunWf(wf_spec=f"spec-{number}", wf_run_id=name))
            self.naive.run_wf(name, self.specs[number])

    @rule(name=runs, below=below, event_def=st.sampled_from(ALL_EVENT_DEFS), content=outputs)
    def event(self, name: str, below: int, event_def: str, content: Any) -> None:
        """Put an event to a run, which may not be there yet or no more."""
        name = self.one_of(name, below)
        command = PutExternalEvent(wf_run_id=self.id_of(name), event_def=event_def, content=content)
        accepted(self.driver, command)
        self.naive.put_event(name, event_def, content)

    @rule(name=runs, below=below, thread=numbers)
    def stop(self, name: str, below: int, thread: int) -> None:
        """Stop a run, or one of its threads."""
        name = self.one_of(name, below)
        command = StopWfRun(wf_run_id=self.id_of(name), thread=thread)
        self._both(command, lambda: self.naive.stop(name, thread))

    @rule(name=runs, below=below, thread=numbers)
    def resume(self, name: str, below: int, thread: int) -> None:
        """Resume a run, or one of its threads."""
        name = self.one_of(name, below)
        command = ResumeWfRun(wf_run_id=self.id_of(name), thread=thread)
        self._both(command, lambda: self.naive.resume(name, thread))

    @rule(name=runs, below=below, thread=numbers)
    def pause(self, name: str, below: int, thread: int) -> None:
        """Pause a run, or one of its threads."""
        name = self.one_of(name, below)
        command = PauseWfRun(wf_run_id=self.id_of(name), thread=thread)
        self._both(command, lambda: self.naive.stop(name, thread, "PAUSED"))

    @rule(
        name=runs,
        below=below,
        deadline_ms=st.sampled_from((0, 300, 20_000)),
        at_work=st.booleans(),
    )
    def kill(self, name: str, below: int, deadline_ms: int, *, at_work: bool) -> None:
        """Kill a run, perhaps while workers have its tasks; or give a kill another deadline."""
        name = self.one_of(name, below)
        for task in self.tasks_of(name) if at_work and name in self.naive.runs else ():
            self._start_task(name, (task.thread, task.position), task.guid, task.attempt.number)
        command = KillWfRun(wf_run_id=self.id_of(name), deadline_ms=deadline_ms)
        self._both(command, lambda: self.naive.kill(name, deadline_ms))

    @rule(name=runs, below=below)
    def begin_again(self, name: str, below: int) -> None:
        """Restart a run."""
        name = self.one_of(name, below)
        self._both(RestartWfRun(wf_run_id=self.id_of(name)), lambda: self.naive.restart(name))

    @rule(name=runs, below=below, thread=numbers, skip=st.sampled_from((False, False, True)))
    def rescue(self, name: str, below: int, thread: int, *, skip: bool) -> None:
        """Rescue a thread."""
        name = self.one_of(name, below)
        command = RescueThreadRun(wf_run_id=self.id_of(name), thread=thread, skip_current_node=skip)
        self._both(command, lambda: self.naive.rescue(name, thread, skip=skip))

    @precondition(_has_forms)
    @rule(data=st.data(), deed=st.sampled_from(DEEDS))
    def fill_in(self, data: st.DataObject, deed: tuple[str, type[Command], Any]) -> None:
        """A person does something to a user task, mostly to the newest."""
        name = data.draw(st.sampled_from([one for one in self.naive.runs if self.forms_of(one)]))
        forms = self.forms_of(name)
        row = forms[data.draw(st.sampled_from((-1, -1, 0)))]
        verb, kind, given = deed
        self._both(
            kind(wf_run_id=self.id_of(name), guid=row.guid, **given),
            lambda: self.naive.form(name, (row.thread, row.position), verb, **given),
        )

    @precondition(_has_tasks)
    @rule(data=st.data(), worker=st.sampled_from(("worker-1", "worker-2")))
    def start_task(self, data: st.DataObject, worker: str) -> None:
        """A worker says that it runs an attempt, which may be an old one."""
        self._start_task(*self._an_attempt(data), worker)

    def _start_task(
        self,
        name: str,
        where: tuple[int, int],
        guid: str,
        attempt: int,
        worker: str = "worker-1",
    ) -> None:
        wf_run_id = self.id_of(name)
        self._both(
            TaskStarted(wf_run_id=wf_run_id, guid=guid, attempt=attempt, worker=worker),
            lambda: self.naive.start_task(name, where, attempt, worker),
        )

    @precondition(_has_tasks)
    @rule(data=st.data(), output=outputs, warning=st.sampled_from((False, False, True)))
    def succeed(self, data: st.DataObject, output: Any, *, warning: bool) -> None:
        """A worker reports a success."""
        self._report(data, TaskStatus.TASK_SUCCESS, output, warning=warning)

    @precondition(_has_tasks)
    @rule(data=st.data(), status=st.sampled_from(REPORTS), output=outputs)
    def report(self, data: st.DataObject, status: TaskStatus, output: Any) -> None:
        """A worker reports."""
        self._report(data, status, output)

    def _report(
        self, data: st.DataObject, status: TaskStatus, output: Any, *, warning: bool = False
    ) -> None:
        """The same report again is a repeat, which changes nothing."""
        name, where, guid, attempt = self._an_attempt(data)
        output = None if status is TaskStatus.TASK_FAILED else output
        answer = self.driver.send(
            ReportTask(
                wf_run_id=self.id_of(name),
                guid=guid,
                attempt=attempt,
                status=status,
                output=output,
                exception="sorry" if status is TaskStatus.TASK_EXCEPTION else None,
                warning=warning,
            )
        )
        code = _code(
            lambda: self.naive.report(name, where, attempt, status, output, warning=warning)
        )
        assert answer.code == code or (answer.repeated and code is not None)

    @rule(duration_ms=st.sampled_from((1, 100, 300, 500, 4_000, 20_000, 60_000)))
    def pass_time(self, duration_ms: int) -> None:
        """At most a minute, so that log time and awake time are one."""
        self.driver.pass_ms(duration_ms)
        self.naive.pass_ms(duration_ms)

    @rule()
    def restart(self) -> None:
        """The engine goes and comes again."""
        self.driver.restart()
        self.driver.settle()

    @invariant()
    def both_are_the_same(self) -> None:
        """Everything that a user can see."""
        for name, run in self.naive.runs.items():
            row = self.driver.get(WfRun, self.id_of(name))
            assert row is not None and row.status == run.status
            assert row.warned == run.threads[0].warned
            assert row.threads == len(run.threads)
            assert len(self.driver.scan(UnclaimedEvent, self.id_of(name))) == len(run.unclaimed)
            tasks = {
                (task.thread, task.position): (task.status, task.attempt.number)
                for task in self.driver.scan(TaskRun, self.id_of(name))
            }
            assert tasks == {
                (thread.number, at): (task.status, task.attempt)
                for thread in run.threads
                for at, task in thread.tasks.items()
            }
            assert {
                (form.thread, form.position): (
                    *(form.status, form.user_id, form.user_group),
                    form.results,
                )
                for form in self.driver.scan(UserTaskRun, self.id_of(name))
            } == {
                (thread.number, at): (form.status, form.user, form.group, form.results)
                for thread in run.threads
                for at, form in thread.forms.items()
            }
            for thread in run.threads:
                self._same_thread(name, thread)

    def _same_thread(self, name: str, thread: Thread) -> None:
        row = self.driver.get(ThreadRun, self.id_of(name), thread.number)
        assert row is not None
        node_runs = self.driver.scan(NodeRun, self.id_of(name), row.number)
        nodes = [[node.node, node.status] for node in node_runs]
        assert (row.status, nodes) == (thread.status, thread.nodes), row
        assert row.warned == thread.warned
        assert {node.position for node in node_runs if node.warned} == thread.warned_at
        assert {node.position for node in node_runs if node.skipped} == thread.skipped_at
        assert set(row.halt_reasons) == set(thread.all_reasons)
        failure = thread.failure
        assert (row.failure and (row.failure.name, row.failure.content)) == (
            failure and (failure.name, failure.content)
        )
        assert row.output == thread.output
        rows = self.driver.scan(Variable, self.id_of(name), row.number)
        variables = {row.name: row.value for row in rows if row.value is not None}
        known = {key: value for key, value in thread.variables.items() if value is not None}
        assert variables == known

    @invariant()
    def nobody_is_stuck(self) -> None:
        """See liveness.py."""
        if self.specs:
            assert_lively(self.driver)

    def teardown(self) -> None:
        """A fold from 0 gives the same rows."""
        if self.specs:
            if isinstance(self.driver, CrashingDriver):
                assert_refolds_agree(self.driver)
            else:
                assert self.driver.digests_and_refolds_agree()
        self.closing.close()

    def _both(self, command: Command, model: Callable[[], None]) -> None:
        assert self.driver.send(command).code == _code(model)

    def one_of(self, name: str, below: int) -> str:
        """A run, or one below it."""
        family = [one for one in self.naive.runs if one.partition(".")[0] == name] or [name]
        return family[below % len(family)]

    def id_of(self, name: str) -> str:
        """The engine's id of a run; one below another is the output of the node that started it."""
        if "." not in name:
            return name
        above, thread, position = name.rsplit(".", 2)
        started_by = self.driver.get(NodeRun, self.id_of(above), int(thread), int(position))
        assert started_by is not None and isinstance(started_by.output, str), name
        return started_by.output

    def tasks_of(self, name: str) -> list[TaskRun]:
        """The tasks of a run, the oldest first."""
        tasks = self.driver.scan(TaskRun, self.id_of(name))
        return sorted(tasks, key=lambda task: (task.attempt.sent_offset, task.thread))

    def forms_of(self, name: str) -> list[UserTaskRun]:
        """The user tasks of a run, the oldest first."""
        rows = self.driver.scan(UserTaskRun, self.id_of(name))
        return sorted(rows, key=lambda row: (row.scheduled_ms, row.thread, row.position))

    def _an_attempt(self, data: st.DataObject) -> tuple[str, tuple[int, int], str, int]:
        """Of any task of any run; mostly of the newest ones, and the newest attempt."""
        name = data.draw(st.sampled_from([name for name in self.naive.runs if self.tasks_of(name)]))
        tasks = self.tasks_of(name)
        number = data.draw(st.sampled_from([*[-1] * 3, *[-2] * 3, *range(-len(tasks), 0)]))
        task = tasks[max(number, -len(tasks))]
        attempt = data.draw(st.sampled_from([task.attempt.number] * 3 + [1]))
        return name, (task.thread, task.position), task.guid, attempt


def _code(model: Callable[[], None]) -> str | None:
    """What the model refuses with."""
    try:
        model()
    except Refused as refused:
        return str(refused)
    return None


# A failure is worth the time that it takes to make it small.
TestEngineAgainstModel = pytest.mark.timeout(600)(EngineAgainstModel.TestCase)
TestEngineAgainstModel.settings = settings(
    max_examples=50,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
