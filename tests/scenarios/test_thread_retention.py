"""Retention of threads: what a thread that has ended leaves behind goes while its run lives on, but
nothing that is still needed.
"""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.state.facts import HistoryChunk
from penstock.core.state.rows import Row
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, Variable
from penstock.core.state.thread_rows import ThreadWaiter
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.user_task_rows import UserTaskOf, UserTaskRun
from tests.controls import (
    a_form,
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    literal,
    output_of,
    spec,
    starts,
    starts_each,
    task,
    threads,
    user_task,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run
from tests.scenarios.test_deletion import is_deleted, nothing_is_left_but, what_is_left
from tests.scenarios.test_replay import replay

KEPT_MS = 60_000
AGAIN_MS = 3_600_000


def kept(made: Any, seconds: int = 60) -> Any:
    """The spec, its main thread kept for so long after its end."""
    main = made["threads"]["main"] | {"retention": {"after_termination_s": seconds}}
    return made | {"threads": {"main": main}}


def left_of(story: Story, thread: int) -> list[Row]:
    """What is kept of a thread beside its own row, and who had waited for it."""
    task_runs = {row.guid for row in story.driver.scan(TaskRun, story.id) if row.thread == thread}
    return [
        row
        for row in story.rows()
        if not isinstance(row, (ThreadRun, ThreadWaiter))
        and (getattr(row, "thread", None) == thread or getattr(row, "guid", None) in task_runs)
    ]


def passes(driver: Driver, duration_ms: int) -> None:
    """So much time, and the turns that what is due then takes."""
    driver.pass_ms(duration_ms)
    for _ in range(20):
        if all(timer.kind is not TimerKind.DELETE_THREAD for timer in driver.everywhere(Timer)):
            return
        driver.tick()
    raise AssertionError("the deletion does not end")


def test_a_thread_that_has_ended_goes_and_its_end_stays(driver: Driver) -> None:
    """Who waits for it later still learns how it ended."""
    main = chain(starts("child"), event("go"), waits_for(output_of("n1")), returns=output_of("n1"))
    child = chain(task("work"), returns=variable("n"), variables=(declared("n", "INT", default=7),))
    register(driver, "long", threads(main, child=kept(child, 0)))
    story = run(driver, "long")
    story.task("work").succeeds("done").thread_is(1, "COMPLETED")
    story.wait(lambda: story.thread_run(1).gone and not left_of(story, 1), "its rows to go")
    assert story.thread_run(1).output == 7
    story.gets("go").completes(1)


def test_it_is_kept_for_its_time(memory: Driver) -> None:
    """And only so long; of an ended run, too."""
    child = chain(task("work", max_attempts=2), variables=(declared("n", "INT", default=1),))
    register(memory, "one", threads(chain(starts("child"), event("go")), child=kept(child)))
    story = run(memory, "one").task("work").starts()
    story.beats(logs="hello", progress=1)
    story.checkpoints("a", "b").fails().task("work").succeeds()
    memory.pass_ms(KEPT_MS - 1)
    kinds = {type(row) for row in left_of(story, 1)}
    assert {NodeRun, TaskRun, Variable} <= kinds
    keys = memory.rows_of_run(story.id)
    passes(memory, 1)
    assert left_of(story, 1) == []
    assert len(keys) - len(memory.rows_of_run(story.id)) > 10
    story.gets("go").completes()
    assert {row.thread for row in story.nodes} == {0}
    assert memory.everywhere(Timer) == []


def test_nothing_can_be_done_to_a_thread_that_is_gone(memory: Driver) -> None:
    """It is refused by name."""
    child = chain(task("work"), variables=(declared("n", "INT", default=1),))
    register(memory, "one", threads(chain(starts("child"), event("go")), child=kept(child)))
    story = run(memory, "one").task("work")
    report = story.report("TASK_SUCCESS")  # type: ignore[arg-type]
    story.succeeds()
    passes(memory, KEPT_MS)
    for command in (
        StopWfRun(wf_run_id=story.id, thread=1),
        RescueThreadRun(wf_run_id=story.id, thread=1),
        EditVariable(wf_run_id=story.id, thread=1, name="n", value=2),
    ):
        story.refuses(command, "THREAD_UNKNOWN")
    story.refuses(report, "TASK_RUN_UNKNOWN")
    story.is_stopped().is_resumed().gets("go").completes()


def test_a_thread_below_keeps_those_above(memory: Driver) -> None:
    """It may see their variables. One that is halted for good has not ended."""
    middle = chain(starts("inner"), task("quick"), variables=(declared("n", "INT", default=1),))
    main = chain(starts("middle"), event("go"), waits_for(output_of("n1")))
    made = threads(main, middle=kept(middle), inner=chain(task("slow")))
    register(memory, "deep", made)
    story = run(memory, "deep").task("quick").succeeds().at_node("exit", 1)
    passes(memory, 2 * KEPT_MS)
    assert left_of(story, 1)
    accepted(memory, StopWfRun(wf_run_id=story.id, thread=2))
    story.task("slow").succeeds().thread_is(1, "COMPLETED").thread_is(2, "HALTED")
    passes(memory, KEPT_MS)
    assert left_of(story, 1)
    assert not story.thread_run(1).gone
    story.gets("go").completes()
    is_deleted(story)
    assert [timer.kind for timer in memory.everywhere(Timer)] == [TimerKind.FORGET_RUN]


def test_a_failure_keeps_its_thread_until_it_was_handled(memory: Driver) -> None:
    """A handler sees the variables of what it handles, and an operator may rescue it."""
    main = chain(
        starts("child"),
        event("go"),
        waits_for(output_of("n1"), thread_handlers=[{"thread": "heal"}]),
        event("end"),
    )
    heal = chain(task("medicine", inputs={"n": variable("n")}))
    child = chain(task("work"), variables=(declared("n", "INT", default=3),))
    register(
        memory,
        "heals",
        threads(main, child=kept(child), heal=heal),
        a_task_def("medicine", n="INT"),
    )
    story = run(memory, "heals").task("work").fails()
    passes(memory, KEPT_MS)
    assert left_of(story, 1)
    story.is_rescued(1).task("work").fails()
    passes(memory, KEPT_MS)
    story.gets("go").task("medicine", n=3)
    passes(memory, AGAIN_MS)
    assert left_of(story, 1)
    story.succeeds().at_node("n4")
    passes(memory, AGAIN_MS)
    assert left_of(story, 1) == []
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=1), "THREAD_UNKNOWN")
    story.gets("end").completes()


def test_a_rescue_does_not_ask_threads_that_are_gone(memory: Driver) -> None:
    """A waiter that went on without its child is gone; the child's failure was its own."""
    waiter = chain(
        starts("good"),
        starts("bad"),
        waits_for(output_of("n1"), output_of("n2"), strategy="WAIT_FOR_ANY"),
    )
    main = chain(starts("waiter"), event("go"))
    made = threads(main, waiter=kept(waiter), good=chain(task("good")), bad=chain(task("bad")))
    register(memory, "any", made)
    story = run(memory, "any").task("bad").fails().task("good").succeeds()
    story.thread_is(1, "COMPLETED")
    passes(memory, KEPT_MS)
    assert story.thread_run(1).gone
    failed = next(row.number for row in memory.scan(ThreadRun, story.id) if row.status == "ERROR")
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=failed), "FAILURE_HANDLED")
    story.is_killed(0).ends_with("KILLED").is_begun_again().gets("go").completes()


def test_user_tasks_and_reminders_go_with_their_thread(memory: Driver) -> None:
    """And out of the index."""
    accepted(memory, a_form("form"))
    child = chain(user_task("form", user="ada"))
    register(memory, "asks", threads(chain(starts("child"), event("go")), child=kept(child)))
    story = run(memory, "asks")
    guid = story.user_task.guid
    story.completes_form({}).thread_is(1, "COMPLETED")
    assert memory.everywhere(UserTaskOf)
    passes(memory, KEPT_MS)
    assert (memory.scan(UserTaskRun, story.id), memory.everywhere(UserTaskOf)) == ([], [])
    late = CompleteUserTaskRun(wf_run_id=story.id, guid=guid, user_id="ada", results={})
    story.refuses(late, "USER_TASK_UNKNOWN")
    story.gets("go").completes()


def test_a_deleted_run_takes_the_plans_for_its_threads_along(memory: Driver) -> None:
    """Nothing is left."""
    register(memory, "one", threads(chain(starts("child")), child=kept(chain(task("work")))))
    before = what_is_left(memory)
    story = run(memory, "one").task("work").succeeds().completes()
    assert [timer.kind for timer in memory.everywhere(Timer)] == [TimerKind.THREAD_RETENTION]
    is_deleted(story)
    nothing_is_left_but(memory, before)


def test_a_run_whose_threads_are_gone_is_replayed(memory: Driver) -> None:
    """Their ends are what is needed of them."""
    main = chain(starts("child"), event("go"), waits_for(output_of("n1")))
    register(memory, "one", threads(main, child=kept(chain(task("work")))))
    story = run(memory, "one").task("work").succeeds().gets("go").completes()
    passes(memory, KEPT_MS)
    assert story.thread_run(1).gone
    replay(story, position=3).completes()


def test_the_entrypoint_is_kept_as_long_as_its_run(memory: Driver) -> None:
    """The spec's own retention says how long."""
    refused(memory, PutWfSpec(name="bad", spec=kept(chain(event("go")))), "BAD_SPEC")


@pytest.mark.parametrize("memory", ["memory"], indirect=True)  # long to re-fold after each record
def test_many_rows_of_a_thread_go_in_chunks(memory: Driver) -> None:
    """Each turn stays within its budget; threads in the hundreds, and one with many visits."""
    more = compare(variable("n"), "LESS_THAN", literal(1_500))
    one_more = [{"variable": "n", "operation": "ADD", "value": literal(1)}]
    loops = spec(
        "spin",
        {
            "spin": {
                "type": "NOP",
                "edges": [edge("spin", more) | {"mutations": one_more}, edge("end")],
            },
            "end": ends(),
        },
        declared("n", "INT", default=0),
    )
    main = chain(starts("loops"), starts_each("child", literal([0] * 500)), event("go"))
    made = threads(main, loops=kept(loops), child=kept(chain(task("work"))))
    register(memory, "many", made)
    story = run(memory, "many")
    for _ in range(10):
        memory.tick()
    for _ in range(500):
        story.task("work").succeeds()
    story.at_node("n3")
    turns = sum(memory.log.bounds(number)[1] for number in range(3))
    memory.pass_ms(KEPT_MS)
    gone = [row for row in memory.scan(ThreadRun, story.id) if row.gone]
    assert len(gone) == 501
    assert sum(memory.log.bounds(number)[1] for number in range(3)) - turns > 6
    passes(memory, 0)
    assert {row.thread for row in story.nodes} == {0}
    assert memory.scan(TaskRun, story.id) == []
    assert memory.scan(HistoryChunk, story.id) == []
    story.gets("go").completes()
