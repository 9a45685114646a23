"""ReplayWfRun from a node run within blocks: the threads of RUN_THREADS nodes. What had ended well
before stays, the thread goes on from the node run, and what was not over is done again.
"""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.run_wf import RunWf
from penstock.core.state import turn
from penstock.core.state.replay_rows import OldVariable, ReplayOf
from penstock.core.state.run import NodeRun, ThreadRun
from tests.controls import (
    Json,
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    handled,
    interrupted,
    literal,
    only_if,
    output_of,
    runs,
    runs_each,
    silent,
    spec,
    starts,
    task,
    threads,
    throws,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import can_not, migrates, next_version
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_replay import elsewhere, not_replayed, replay

ASK = a_task_def("ask", n="INT", returns="INT")
INT = declared("n", "INT", default=1)


def nodes_of(story: Story, thread: int = 0) -> list[NodeRun]:
    """The node runs of a thread, in order."""
    return [one for one in story.nodes if one.thread == thread]


def at(story: Story, node: str, thread: int) -> dict[str, int]:
    """The newest node run of a node of a thread."""
    found = [one for one in nodes_of(story, thread) if one.node == node]
    return {"thread": thread, "position": found[-1].position}


def asks(where: str, value: Json) -> Json:
    """A task whose output becomes the variable `n`."""
    return task("ask", edge(where), inputs={"n": value})


def counting() -> Json:
    """A block in a block: one, two and three ask for `n` of their thread, and add it up above."""
    nodes = {
        "one": task("ask", edge("two", n=output_of("one")), inputs={"n": variable("n")}),
        "two": task(
            "ask",
            edge("three", n=output_of("two"), sum=output_of("two")),
            inputs={"n": variable("n")},
        ),
        "three": task("ask", edge("end"), inputs={"n": output_of("one")}),
        "end": ends(variable("n")),
    }
    inner = spec("one", nodes, INT)
    outer = chain(
        task("before"), runs("inner", gives_output=True), task("after"), returns=output_of("n2")
    )
    main = chain(
        task("first"),
        runs("outer", gives_output=True),
        task("last"),
        returns=variable("sum"),
        variables=(declared("sum", "INT", default=0),),
    )
    return threads(main, outer=outer, inner=inner)


def counted(driver: Driver) -> Story:
    """At the third question of the innermost thread."""
    register(driver, "counts", counting(), ASK)
    story = run(driver, "counts").task("first").succeeds().task("before").succeeds()
    return story.task("ask", n=1).succeeds(10).task("ask", n=10).succeeds(20).task("ask", n=10)


def goes_on(story: Story) -> Story:
    """What comes behind the third question."""
    story.task("ask", n=10).succeeds(0).task("after").succeeds().task("last").succeeds()
    return story.completes(20)


def test_from_a_task_within_a_block_in_a_block(driver: Driver) -> None:
    """Variables of all threads, and outputs of their nodes, are as they were there."""
    story = counted(driver)
    three = story.taken.guid
    story.fails().ends_with("CHILD_FAILURE")
    again = replay(story, guid=three)
    goes_on(again)
    inner = again.thread_run(2)
    assert [one.node for one in nodes_of(again)] == ["0-entrypoint", "n2", "n3", "n4"]
    assert [one.node for one in nodes_of(again, 2)] == ["0-entrypoint", "three", "end"]
    assert (inner.parent, again.run.threads, again.thread_run(1).parent) == (1, 3, 0)
    began_ms, position = story.run.started_ms, nodes_of(story, 2)[-1].position
    assert again.run.replay == ReplayOf(story.id, story.id, 2, position, began_ms, 2)
    story.is_now("ERROR")


def test_from_a_block_that_has_ended(driver: Driver) -> None:
    """Whatever has changed since: what was changed later is as it was before."""
    story = counted(driver)
    story.succeeds(0).task("after").succeeds().task("last").succeeds().completes(20)
    two = replay(story, **at(story, "two", 2))
    two.task("ask", n=10).succeeds(30).task("ask", n=10).succeeds(0).task("after").succeeds()
    two.task("last").succeeds().completes(30)
    one = replay(story, **at(story, "one", 2))
    assert one.value("sum") == 0
    one.task("ask", n=1)


def test_from_the_beginning_of_a_thread(memory: Driver) -> None:
    """Of the one that a block has begun; what stands above it goes on."""
    story = counted(memory)
    again = replay(story, thread=2, position=0).task("ask", n=1).succeeds(11)
    again.task("ask", n=11)
    outer = replay(story, thread=1, position=0).task("before").succeeds().task("ask", n=1)
    assert outer.thread_run(2).parent == 1


def test_a_replay_from_within_is_replayed(memory: Driver) -> None:
    """From where it began, and from what it has done since; from the blocks as wholes, too."""
    story = counted(memory)
    again = replay(story, **at(story, "two", 2)).task("ask", n=10).succeeds(20).task("ask", n=10)
    third = replay(again, **at(again, "three", 2))
    goes_on(third)
    twice = replay(replay(again).task("ask", n=10)).task("ask", n=10).succeeds(20)
    twice.task("ask", n=10)
    replay(twice, thread=2, position=0).task("ask", n=10)
    replay(replay(third).task("ask", n=10)).task("ask", n=10).succeeds(0).task("after")
    replay(again, position=1).task("before").succeeds().task("ask", n=1)
    whole = replay(again, thread=1, position=1).task("ask", n=1).succeeds(10).task("ask", n=10)
    assert whole.thread_run(2).gone
    replay(third, position=2).task("last").succeeds().completes(20)
