"""What each operator's verb answers in each status of a thread: one table, each cell driven."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from penstock.core.command import Command
from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.change_wf_run_state import ChangeWfRunState
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.migrate_wf_run import MigrateWfRun
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.set_labels import SetLabels
from penstock.core.commands.skip_node import SkipNode
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state import turn
from penstock.core.state.run import HaltReason, NodeRun
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import NodeStatus, TaskStatus, ThreadStatus
from tests.controls import (
    a_task_def,
    chain,
    declared,
    event,
    handled,
    interrupted,
    output_of,
    starts,
    task,
    threads,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, register
from tests.scenarios.unchanged import unchanged

RETRIED: Final = task("work", max_attempts=2, backoff={"base_ms": 60_000})


@dataclass
class Subject:
    """A thread in some status, and the task that the verbs about tasks are tried on."""

    story: Story
    thread: int = 0

    @property
    def guid(self) -> str:
        """The task's."""
        return self.story.taken.guid


VERBS: Final[dict[str, Callable[[Subject], Command]]] = {
    "stop": lambda on: StopWfRun(wf_run_id=on.story.id, thread=on.thread),
    "res.": lambda on: ResumeWfRun(wf_run_id=on.story.id, thread=on.thread),
    "resc": lambda on: RescueThreadRun(wf_run_id=on.story.id, thread=on.thread),
    "paus": lambda on: PauseWfRun(wf_run_id=on.story.id, thread=on.thread),
    "kill": lambda on: KillWfRun(wf_run_id=on.story.id),
    "rest": lambda on: RestartWfRun(wf_run_id=on.story.id),
    "repl": lambda on: ReplayWfRun(wf_run_id=on.story.id),
    "retr": lambda on: RetryNow(wf_run_id=on.story.id, guid=on.guid),
    "skip": lambda on: SkipNode(wf_run_id=on.story.id, thread=on.thread),
    "edit": lambda on: EditVariable(wf_run_id=on.story.id, name="n", value=5),
    "chan": lambda on: ChangeTaskRunState(
        wf_run_id=on.story.id, guid=on.guid, status=TaskStatus.TASK_SUCCESS
    ),
    "labl": lambda on: SetLabels(wf_run_id=on.story.id, labels={"team": "a"}),
    "migr": lambda on: MigrateWfRun(wf_run_id=on.story.id, version=2),
    "del.": lambda on: DeleteWfRun(wf_run_id=on.story.id),
    "say": lambda on: ChangeWfRunState(wf_run_id=on.story.id, state=EndState.COMPLETED),
}
"""By the heads of the table: stop, resume, rescue, pause, kill, restart, replay, retry-now, skip,
edit-variable, change-state, set-labels, migrate, delete, change-run-state.
"""

WIDTH: Final = 26
CODES: Final = {
    "+": None,
    "end": "WF_RUN_ENDED",
    "hal": "THREAD_NOT_HALTED",
    "err": "THREAD_NOT_FAILED",
    "fai": "WF_RUN_NOT_FAILED",
    "liv": "WF_RUN_LIVE",
    "bus": "WF_RUN_BUSY",
    "bck": "TASK_NOT_IN_BACKOFF",
    "tsk": "TASK_RUN_ENDED",
    "skp": "NODE_NOT_SKIPPABLE",
    "del": "WF_RUN_DELETING",
}
"""The marks of the table: accepted, or refused with a code."""

# fmt: off
TABLE: Final = """
                           stop res. resc paus kill rest repl retr skip edit chan labl migr del. say
RUNNING, task sent         +    hal  err  +    +    fai  +    bck  +    +    +    +    +    liv  liv
RUNNING, backoff           +    hal  err  +    +    fai  +    +    +    +    +    +    +    liv  liv
RUNNING, at an event       +    hal  err  +    +    fai  +    tsk  +    +    tsk  +    +    liv  liv
HALTING, MANUAL_HALT       +    +    err  +    +    fai  +    bck  +    +    +    +    +    liv  liv
HALTING, PENDING_FAILURE   +    hal  err  +    +    fai  +    tsk  skp  +    tsk  +    +    liv  liv
HALTING, PENDING_INTERRUPT +    hal  err  +    +    fai  +    bck  +    +    +    +    +    liv  liv
HALTING, KILLED            bus  bus  bus  bus  +    bus  +    bck  bus  bus  bus  +    bus  liv  bus
HALTED, MANUAL_HALT        +    +    err  +    +    fai  +    +    +    +    +    +    +    liv  liv
HALTED, PAUSED             +    +    err  +    +    fai  +    +    +    +    +    +    +    liv  liv
HALTED, PARENT_HALTED      +    hal  err  +    +    fai  +    +    +    +    +    +    +    liv  liv
HALTED, HALTED_BY_PARENT   +    hal  err  +    +    fai  +    tsk  +    +    tsk  +    +    liv  liv
HALTED, HANDLING_FAILURE   +    hal  err  +    +    fai  +    tsk  skp  +    tsk  +    +    liv  liv
HALTED, INTERRUPTED        +    hal  err  +    +    fai  +    +    +    +    +    +    +    liv  liv
ERROR                      end  end  +    end  end  +    +    tsk  end  +    +    +    +    +    +
ERROR, killed              end  end  +    end  end  +    +    tsk  end  +    +    +    +    +    +
EXCEPTION                  end  end  err  end  end  +    +    tsk  end  +    +    +    +    +    +
COMPLETED                  end  end  err  end  end  fai  +    tsk  end  end  tsk  +    end  +    +
being deleted              del  del  del  del  del  del  del  del  del  del  del  del  del  del  del
"""
# fmt: on

STATES: Final[dict[str, Callable[[Driver], Subject]]] = {}
State = Callable[[Driver], Subject]


def state(name: str) -> Callable[[State], State]:
    """A status, by its line in the table."""

    def noted(make: State) -> State:
        STATES[name] = make
        return make

    return noted


def begun(memory: Driver, spec: Any) -> Subject:
    """A run of a spec of which there is a second version; its first task is taken."""
    if memory.get(WfSpec, "table", 1) is None:
        _register(memory, spec)
    for name in ("work", "other"):
        memory.tasks(name, 99)  # of runs before
    wf_run_id = memory.new_id()
    accepted(memory, RunWf(wf_spec="table", wf_run_id=wf_run_id, version=1))
    return Subject(Story(memory, wf_run_id).task("work"))


def _register(memory: Driver, spec: Any) -> None:
    first = (declared("n", "INT", default=1),)
    second = (*first, declared("m", "INT", default=1))
    for name in ("work", "other"):
        accepted(memory, a_task_def(name))
    for variables in (first, second):
        main = spec["threads"]["main"] | {"variables": variables}
        made = spec | {"threads": spec["threads"] | {"main": main}}
        register(memory, "table", made, a_task_def("work"), a_task_def("other"))


def in_backoff(memory: Driver) -> Subject:
    """Between two attempts the thread halts at once."""
    made = begun(memory, chain(RETRIED))
    made.story.fails()
    return made


@state("RUNNING, task sent")
def _sent(memory: Driver) -> Subject:
    return begun(memory, chain(RETRIED))


@state("RUNNING, backoff")
def _backoff(memory: Driver) -> Subject:
    return in_backoff(memory)


@state("RUNNING, at an event")
def _event(memory: Driver) -> Subject:
    made = begun(memory, chain(RETRIED, event("go")))
    made.story.succeeds()
    return made


@state("HALTING, MANUAL_HALT")
def _stopping(memory: Driver) -> Subject:
    made = begun(memory, chain(RETRIED))
    made.story.starts().is_stopped()
    return made


@state("HALTING, PENDING_FAILURE")
def _failing(memory: Driver) -> Subject:
    """A thread below still has a task that runs."""
    main = chain(starts("child"), handled(task("work"), ("fix", None)))
    fix = chain(event("go"))
    made = begun(memory, threads(main, child=chain(task("other")), fix=fix))
    Story(memory, made.story.id).task("other").starts()
    made.story.fails()
    return made


@state("HALTING, PENDING_INTERRUPT")
def _to_be_interrupted(memory: Driver) -> Subject:
    main = interrupted(threads(chain(RETRIED), fix=chain(event("go"))), stop="fix")
    made = begun(memory, main)
    made.story.starts().gets("stop")
    return made


@state("HALTING, KILLED")
def _dying(memory: Driver) -> Subject:
    made = begun(memory, chain(RETRIED))
    made.story.starts().is_killed()
    return made


@state("HALTED, MANUAL_HALT")
def _stopped(memory: Driver) -> Subject:
    made = in_backoff(memory)
    made.story.is_stopped()
    return made


@state("HALTED, PAUSED")
def _paused(memory: Driver) -> Subject:
    made = in_backoff(memory)
    made.story.is_paused()
    return made


@state("HALTED, PARENT_HALTED")
def _below_stopped(memory: Driver) -> Subject:
    main = chain(starts("child"), waits_for(output_of("n1")))
    made = begun(memory, threads(main, child=chain(RETRIED)))
    made.story.fails().is_stopped()
    return Subject(made.story, 1)


@state("HALTED, HALTED_BY_PARENT")
def _not_needed(memory: Driver) -> Subject:
    wait = waits_for(output_of("n1"), output_of("n2"), strategy="WAIT_FOR_ANY")
    main = chain(starts("child"), starts("quick"), wait, event("go"))
    made = begun(memory, threads(main, child=chain(RETRIED), quick=chain(task("other"))))
    made.story.fails()
    Story(memory, made.story.id).task("other").succeeds()
    return Subject(made.story, 1)


@state("HALTED, HANDLING_FAILURE")
def _handling(memory: Driver) -> Subject:
    main = chain(handled(task("work"), ("fix", None)))
    made = begun(memory, threads(main, fix=chain(event("go"))))
    made.story.fails()
    return made


@state("HALTED, INTERRUPTED")
def _interrupted(memory: Driver) -> Subject:
    main = interrupted(threads(chain(RETRIED), fix=chain(event("go"))), stop="fix")
    made = begun(memory, main)
    made.story.fails().gets("stop")
    return made


@state("ERROR")
def _failed(memory: Driver) -> Subject:
    made = begun(memory, chain(task("work")))
    made.story.fails().ends_with("TASK_FAILURE")
    return made


@state("ERROR, killed")
def _killed(memory: Driver) -> Subject:
    made = begun(memory, chain(RETRIED))
    made.story.is_killed().ends_with("KILLED")
    return made


@state("EXCEPTION")
def _thrown(memory: Driver) -> Subject:
    made = begun(memory, chain(task("work")))
    made.story.throws("no-stock").ends_with("no-stock", "EXCEPTION")
    return made


@state("COMPLETED")
def _completed(memory: Driver) -> Subject:
    made = begun(memory, chain(task("work")))
    made.story.succeeds().completes()
    return made


def expected(name: str) -> dict[str, str]:
    """A line of the table, by verb."""
    head, *lines = TABLE.strip("\n").splitlines()
    [line] = [one for one in lines if one[:WIDTH].strip() == name]
    return dict(zip(head.split(), line[WIDTH:].split(), strict=True))


# Each cell is a run of its own; a fold after each of their records would take minutes.
in_memory = pytest.mark.parametrize("memory", ["memory"], indirect=True)


@in_memory
@pytest.mark.parametrize("name", STATES)
def test_each_verb_is_accepted_or_refused_as_the_table_says(memory: Driver, name: str) -> None:
    """A refused one changes no byte of the run."""
    found: dict[str, str] = {}
    for verb, mark in expected(name).items():
        subject = STATES[name](memory)
        status, _, reason = name.partition(", ")
        row = subject.story.thread_run(subject.thread)
        assert row.status == status
        assert reason not in set(HaltReason) or list(row.halt_reasons) == [reason]
        command = VERBS[verb](subject)
        if mark == "+":
            answer = memory.send(command)
        else:
            with unchanged(memory, subject.story.id):
                answer = memory.send(command)
        found[verb] = next(mark for mark, code in CODES.items() if code == answer.code)
    assert found == expected(name)


@in_memory
def test_a_run_that_is_being_deleted_is_there_for_no_verb(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """And nothing of it is left behind."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 2)
    found: dict[str, str] = {}
    for verb in VERBS:
        subject = _completed(memory)
        delete = DeleteWfRun(wf_run_id=subject.story.id)
        _, answer = memory.send_together(delete, VERBS[verb](subject))
        found[verb] = next(mark for mark, code in CODES.items() if code == answer.code)
        assert memory.rows_of_run(subject.story.id) == {}
    assert found == expected("being deleted")


@pytest.mark.parametrize("name", [name for name in STATES if name.startswith("HALT")])
def test_the_node_of_a_thread_that_halts_mirrors_its_task(memory: Driver, name: str) -> None:
    """So no node run is HALTING: one is RUNNING as long as its task lives, or ended with it."""
    subject = STATES[name](memory)
    here = subject.story.thread_run(subject.thread)
    row = memory.get(NodeRun, subject.story.id, here.number, here.position)
    assert row is not None
    assert row.task == subject.guid
    failed = name.endswith("_FAILURE")
    assert row.status is (NodeStatus.ERROR if failed else NodeStatus.RUNNING)


def test_the_table_has_all_statuses_and_reasons() -> None:
    """Each status, and each reason to halt, has a line, and each line is driven."""
    _, *lines = TABLE.strip("\n").splitlines()
    names = [line[:WIDTH].strip() for line in lines]
    assert names == [*STATES, "being deleted"]
    words = {word for name in names for word in name.split(", ")}
    assert set(ThreadStatus) | set(HaltReason) <= words
    used = {mark for name in names for mark in expected(name).values()}
    assert used == set(CODES)
