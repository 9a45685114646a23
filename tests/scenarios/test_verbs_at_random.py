"""Verbs in any order, on runs with threads, handlers and interrupts: no order is a defect, and at
last every run can be killed, restarted to its end, and deleted without a trace.
"""

from random import Random
from typing import Any

import pytest

from penstock.core.command import Command
from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.skip_node import SkipNode
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.commands.task_started import TaskStarted
from penstock.core.state.run import TaskRun
from penstock.core.state.thread_rows import LiveChild
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import THREAD_LIVE, TaskStatus
from tests.controls import (
    chain,
    compare,
    declared,
    event,
    handled,
    holds,
    interrupted,
    literal,
    output_of,
    sleeps,
    starts,
    starts_each,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, register, run
from tests.scenarios.test_deletion import is_deleted, nothing_is_left_but, what_is_left

HANDLERS = [{"thread": "heal", "failure": "sick"}]
SHAKY = task("work", max_attempts=2, backoff={"base_ms": 3_000})


def spec(strategy: str) -> Any:
    """Everything that threads can do to each other."""
    main = chain(
        starts("middle"),
        starts_each("leaf", literal([1, 2])),
        starts("loose"),
        event("go", timeout_ms=20_000),
        waits_for(output_of("n1"), output_of("n2"), strategy=strategy, thread_handlers=HANDLERS),
        handled(task("work"), ("heal", "sick")),
        variables=(declared("n", "INT", default=0),),
    )
    middle = chain(
        starts("leaf"),
        handled(waits_for(output_of("n1")), ("heal", "sick")),
        holds(compare(variable("n"), "GREATER_THAN", literal(2))),
    )
    return threads(
        main,
        middle=interrupted(middle, hey="polite"),
        leaf=chain(SHAKY, sleeps(5)),
        loose=chain(handled(SHAKY, ("heal", None)), sleeps(2)),
        heal=chain(task("work")),
        polite=chain(task("work")),
    )


def a_report(random: Random, story: Story, tasks: list[TaskRun]) -> Command:
    """Of a worker, on any task."""
    ends = [TaskStatus.TASK_SUCCESS, TaskStatus.TASK_FAILED, TaskStatus.TASK_EXCEPTION]
    of, status = random.choice(tasks), random.choice(ends)
    named = {"exception": "sick"} if status is TaskStatus.TASK_EXCEPTION else {}
    if random.random() < 0.2:
        return ChangeTaskRunState(wf_run_id=story.id, guid=of.guid, status=status, **named)
    attempt = of.attempt.number
    if random.random() < 0.2:
        return TaskStarted(wf_run_id=story.id, guid=of.guid, attempt=attempt, worker="w")
    return ReportTask(
        wf_run_id=story.id, guid=of.guid, attempt=attempt, status=status, output=1, **named
    )


def a_verb(random: Random, story: Story) -> Command:
    """Of an operator, or an event."""
    run_id, thread = story.id, random.randrange(story.run.threads)
    deadline_ms = random.choice([0, 4_000])
    verbs: list[tuple[int, Command]] = [
        (3, RescueThreadRun(wf_run_id=run_id, thread=thread)),
        (1, RescueThreadRun(wf_run_id=run_id, thread=thread, skip_current_node=True)),
        (2, RestartWfRun(wf_run_id=run_id)),
        (1, KillWfRun(wf_run_id=run_id, deadline_ms=deadline_ms)),
        (2, StopWfRun(wf_run_id=run_id, thread=thread)),
        (1, PauseWfRun(wf_run_id=run_id, thread=thread)),
        (4, ResumeWfRun(wf_run_id=run_id, thread=thread)),
        (2, SkipNode(wf_run_id=run_id, thread=thread, output=1)),
        (1, EditVariable(wf_run_id=run_id, name="n", value=random.randrange(5))),
        (2, PutExternalEvent(wf_run_id=run_id, event_def="hey")),
        (1, PutExternalEvent(wf_run_id=run_id, event_def="go")),
    ]
    return random.choices([verb for _, verb in verbs], [weight for weight, _ in verbs])[0]


def goes_to_its_end(driver: Driver, story: Story) -> None:
    """Everything that may go on does, and well, until the run has completed."""
    for _ in range(200):
        if story.run.status not in THREAD_LIVE:
            break
        for number in range(story.run.threads):
            driver.send(ResumeWfRun(wf_run_id=story.id, thread=number))
        for of in driver.scan(TaskRun, story.id):
            driver.send(
                ReportTask(
                    wf_run_id=story.id,
                    guid=of.guid,
                    attempt=of.attempt.number,
                    status=TaskStatus.TASK_SUCCESS,
                    output=1,
                )
            )
        driver.send(PutExternalEvent(wf_run_id=story.id, event_def="go"))
        driver.send(EditVariable(wf_run_id=story.id, name="n", value=9))
        driver.pass_ms(6_000)


@pytest.mark.parametrize("seed", range(12))
def test_no_order_of_verbs_is_a_defect(memory: Driver, seed: int) -> None:
    """The seed tells the story again."""
    random = Random(seed)
    strategy = random.choice(["WAIT_FOR_ALL", "WAIT_FOR_ANY", "WAIT_FOR_FIRST"])
    register(memory, "wild", spec(strategy))
    before = what_is_left(memory)
    story = run(memory, "wild")
    for _ in range(80):
        tasks = memory.scan(TaskRun, story.id)
        choice = random.random()
        if choice < 0.4 and tasks:
            command = a_report(random, story, tasks)
        elif choice < 0.9:
            command = a_verb(random, story)
        else:
            memory.pass_ms(random.choice([500, 3_000, 9_000]))
            continue
        answer = memory.send(command)
        assert answer.code != "ENGINE_DEFECT", (seed, command, memory.processor.stopped)
        for number in range(story.run.threads):
            thread = story.thread_run(number)
            held = memory.scan(LiveChild, story.id, number)
            assert (thread.live_children, min(thread.failed_children, 0)) == (len(held), 0)
    memory.pass_ms(10_000)
    memory.send(RestartWfRun(wf_run_id=story.id))
    goes_to_its_end(memory, story)
    assert story.run.status not in THREAD_LIVE, (seed, story.thread, story.nodes[-1])
    is_deleted(story)
    nothing_is_left_but(memory, before)
    assert memory.everywhere(Timer) == []
