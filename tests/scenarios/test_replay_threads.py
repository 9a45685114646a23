"""ReplayWfRun where a run had other threads: those that had ended are carried over; where one was
at work the run is not replayed, and it is said from where it can be.
"""

from __future__ import annotations

import pytest

from tests.controls import (
    chain,
    event,
    handled,
    literal,
    output_of,
    spec,
    starts,
    starts_each,
    task,
    threads,
    throws,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import register, run
from tests.scenarios.test_replay import not_replayed, replay

CHILDREN = threads(
    chain(
        task("before"),
        starts("child"),
        task("beside"),
        waits_for(output_of("n2")),
        task("after"),
        waits_for(output_of("n2")),
    ),
    child=chain(task("work")),
)


def test_threads_that_were_at_work_are_not_replayed(memory: Driver) -> None:
    """It is said from where the run can be replayed instead."""
    register(memory, "family", CHILDREN)
    story = run(memory, "family").task("before").succeeds()
    work = story.task("work").taken.guid
    story.task("beside").succeeds()
    assert "from node run 2 ('n2')" in not_replayed(story, "NOT_REPLAYABLE", position=3)
    assert "from node run 2 ('n2')" in not_replayed(story, "NOT_REPLAYABLE", position=4)
    assert "from node run 2 ('n2')" in not_replayed(story, "NOT_REPLAYABLE", guid=work)
    again = replay(story, position=2).task("work").succeeds().task("beside").succeeds()
    again.task("after").succeeds().completes()


def test_threads_that_had_ended_are_carried_over(memory: Driver) -> None:
    """A node that waits for one of them knows how it ended; another one gets another number."""
    register(memory, "family", CHILDREN)
    story = run(memory, "family").task("before").succeeds().task("work").succeeds()
    story.task("beside").succeeds().task("after").succeeds().completes()
    again = replay(story, position=5).task("after").succeeds().completes()
    assert (again.thread_run(1).status, again.thread_run(1).gone) == ("COMPLETED", True)
    assert again.run.threads == 2
    third = replay(again).task("after").succeeds().completes()
    assert third.run.threads == 2
    fourth = replay(story, position=2)
    assert fourth.run.threads == 2
    fourth.task("work").succeeds().task("beside").succeeds().task("after").succeeds().completes()


def test_a_failure_that_nobody_has_seen_to_is_not_carried_over(memory: Driver) -> None:
    """Once it was waited for and handled, it is."""
    main = chain(
        starts("child"),
        task("beside"),
        handled(waits_for(output_of("n1")), ("heal", None)),
        task("after"),
    )
    made = threads(main, child=spec("end", {"end": throws("broken")}), heal=chain())
    register(memory, "fails", made)
    story = run(memory, "fails").task("beside")
    assert "node run 1" in not_replayed(story, "NOT_REPLAYABLE", position=2)
    story.succeeds().task("after").succeeds().completes()
    again = replay(story, position=4).task("after").succeeds().completes()
    assert again.thread_run(1).failure is not None
    assert "node run 1" in not_replayed(story, "NOT_REPLAYABLE", position=3)


def test_a_thread_that_was_halted_for_good_has_failed_for_a_replay(memory: Driver) -> None:
    """It was not needed, and will never end."""
    main = chain(
        starts("quick"),
        starts("slow"),
        waits_for(output_of("n1"), output_of("n2"), strategy="WAIT_FOR_FIRST"),
        event("go"),
    )
    made = threads(main, quick=chain(task("quick")), slow=chain(event("never")))
    register(memory, "race", made)
    story = run(memory, "race").task("quick").succeeds().at_node("n4")
    again = replay(story, position=4)
    assert [again.thread_run(number).status for number in (1, 2)] == ["COMPLETED", "ERROR"]
    again.gets("go").completes()
    story.gets("go").completes()


@pytest.mark.parametrize("memory", ["memory"], indirect=True)  # 1,001 threads take long to re-fold
def test_too_many_threads_are_not_looked_through(memory: Driver) -> None:
    """A turn is bounded; the beginning needs none of them."""
    main = chain(
        starts_each("child", literal([0] * 1_001)), waits_for(output_of("n1")), event("go")
    )
    register(memory, "many", threads(main, child=chain()))
    story = run(memory, "many")
    for _ in range(10):
        memory.tick()
    story.at_node("n3")
    not_replayed(story, "LIMIT", position=3)
    replay(story, position=1)
    replay(story)
