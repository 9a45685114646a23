"""What is left before its end: threads that are halted for good, and tasks that wait to be tried
again when their thread ends otherwise.
"""

import pytest

from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.state import turn
from penstock.core.state.run import TaskRun
from penstock.core.state.thread_rows import AwaitedEnd
from penstock.core.state.timers import Timer
from tests.controls import (
    chain,
    event,
    interrupted,
    literal,
    nop,
    only_started,
    output_of,
    starts,
    starts_each,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, register, run
from tests.sim.tables import Tables

BACKOFF = {"max_attempts": 3, "backoff": {"base_ms": 9_000}}


def test_a_retry_is_cancelled_with_its_thread(memory: Driver) -> None:
    """The handler of an interrupt fails while the task waits for its next attempt."""
    main = interrupted(threads(chain(task("work", **BACKOFF)), ask=chain(task("ask"))), stop="ask")
    register(memory, "recalled", main)
    story = run(memory, "recalled").task("work").fails()
    waiting = story.task_run.guid
    story.gets("stop").task("ask").fails().ends_with("CHILD_FAILURE")
    [left] = [row for row in memory.scan(TaskRun, story.id) if row.guid == waiting]
    assert (left.status, left.attempt.status) == ("TASK_CANCELLED", "TASK_FAILED")
    assert _timers(memory) == []


def test_a_retry_is_cancelled_when_nobody_needs_its_thread(memory: Driver) -> None:
    """Another one came first."""
    main = chain(
        starts_each("child", literal([1, 2])), waits_for(output_of("n1"), strategy="WAIT_FOR_FIRST")
    )
    register(memory, "race", threads(main, child=chain(task("work", **BACKOFF))))
    story = run(memory, "race").task("work")
    first = story.taken
    story.task("work").fails()
    story._task = first
    story.succeeds().completes().thread_is(2, "HALTED")
    statuses = {row.thread: str(row.status) for row in memory.scan(TaskRun, story.id)}
    assert statuses == {1: "TASK_SUCCESS", 2: "TASK_CANCELLED"}
    assert _timers(memory) == []


def _timers(memory: Driver) -> list[Timer]:
    return [row for store in memory.memory_stores.values() for row in Tables(store).of(Timer)]


@pytest.mark.parametrize("handled", [False, True])
def test_who_waits_for_a_thread_that_was_halted_for_good_learns_of_it(
    memory: Driver, handled: bool
) -> None:
    """It will not end: that is a CHILD_FAILURE, which no handler of a thread is for."""
    second = waits_for(output_of("n1"), output_of("n2"))
    if handled:
        second |= {"thread_handlers": [{"thread": "mend"}]}
    main = chain(
        starts("child"),
        starts("child"),
        waits_for(output_of("n1"), output_of("n2"), strategy="WAIT_FOR_FIRST"),
        second,
    )
    made = threads(main, child=chain(task("work")), mend=chain(task("mend")))
    register(memory, "again", only_started(made))
    story = run(memory, "again").task("work")
    first = story.taken
    story.task("work").succeeds().is_now("RUNNING").thread_is(1, "HALTING")
    story._task = first
    story.succeeds().thread_is(1, "HALTED").ends_with("CHILD_FAILURE")
    failure = story.thread.failure
    assert failure is not None
    assert "thread 1" in failure.message and "halted for good" in failure.message
    assert memory.scan(AwaitedEnd, story.id) == []


def test_two_that_wait_for_one_thread_both_learn_that_it_was_halted(memory: Driver) -> None:
    """The one that decided it, and the one that still needs it."""
    number = variable("one")
    waiting = chain(waits_for(number))
    main = chain(
        starts("child"),
        starts("other"),
        starts("waiting"),
        waits_for(output_of("n1"), output_of("n2"), strategy="WAIT_FOR_ANY"),
        waits_for(output_of("n3")),
    )
    main["threads"]["main"]["nodes"]["n1"]["edges"][0]["mutations"] = [
        {"variable": "one", "value": output_of("n1")}
    ]
    main["threads"]["main"]["variables"] = [{"name": "one", "type": "INT"}]
    made = threads(main, child=chain(event("go")), other=chain(task("work")), waiting=waiting)
    register(memory, "two", made)
    story = run(memory, "two").at_node("n1", 3).task("work").succeeds()
    story.thread_is(1, "HALTED").thread_is(3, "ERROR").ends_with("CHILD_FAILURE")


@pytest.fixture(params=range(3, 12))
def _budget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn visits so few nodes; also when the log is folded again at the end."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", request.param)


@pytest.mark.usefixtures("_budget", "memory")
def test_a_thread_may_end_at_a_node_that_was_not_asked_yet(memory: Driver) -> None:
    """A turn's budget was spent just before it; then a sibling ends the wait."""
    main = chain(
        starts_each("child", literal([1, 2, 3, 4, 5])),
        waits_for(output_of("n1"), strategy="WAIT_FOR_FIRST"),
    )
    child = chain(nop(), event("go", timeout_ms=9_000), nop())
    register(memory, "short", threads(main, child=child))
    run(memory, "short").gets("go").completes()
    assert _timers(memory) == []


@pytest.mark.parametrize("how", ["stop", "interrupt"])
def test_an_exit_waits_for_children_that_were_halted_with_their_parent(
    memory: Driver, how: str
) -> None:
    """They run again with it, and it ends when they have ended; not so one that stays stopped."""
    main = chain(starts_each("child", literal([1, 2])))
    register(
        memory,
        "exit",
        interrupted(threads(main, child=chain(event("go")), nothing=chain()), ask="nothing"),
    )
    story = run(memory, "exit").at_node("exit")
    if how == "stop":
        story.is_stopped().is_now("HALTED").thread_is(1, "HALTED").is_resumed()
    else:
        story.gets("ask").thread_is(3, "COMPLETED")
    story.is_now("RUNNING").thread_is(1, "RUNNING").thread_is(2, "RUNNING")
    story.gets("go").is_now("RUNNING").thread_is(1, "COMPLETED")
    accepted(memory, StopWfRun(wf_run_id=story.id, thread=2))
    story.completes().thread_is(2, "HALTED")


@pytest.mark.usefixtures("_budget", "memory")
def test_an_exit_looks_at_so_many_children_a_turn(memory: Driver) -> None:
    """However few that are."""
    main = chain(starts_each("child", literal([1, 2, 3, 4])))
    register(memory, "exit", threads(main, child=chain(event("go"))))
    story = run(memory, "exit").at_node("exit")
    for number in (1, 2, 3):
        accepted(memory, StopWfRun(wf_run_id=story.id, thread=number))
    story.is_stopped().is_now("HALTED").is_resumed().is_now("RUNNING").thread_is(4, "RUNNING")
    story.gets("go").completes()
