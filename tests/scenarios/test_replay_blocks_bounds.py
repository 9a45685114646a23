"""ReplayWfRun from within blocks: what is not kept, where the new run lives, when it begins, other
versions, and how much is done in a turn.
"""

from __future__ import annotations

import pytest

from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.state import turn
from penstock.core.state.run import ThreadRun
from tests.controls import (
    chain,
    declared,
    event,
    literal,
    runs,
    runs_each,
    task,
    threads,
)
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import migrates, next_version
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_replay import elsewhere, not_replayed, replay
from tests.scenarios.test_replay_blocks import at, counted, goes_on
from tests.scenarios.test_thread_retention import kept, passes

INT = declared("n", "INT", default=1)


def test_where_what_a_thread_did_is_not_kept_it_is_not_replayed(memory: Driver) -> None:
    """It is said from where it can be done."""
    body = kept(chain(task("one"), task("two")))
    register(memory, "short", threads(chain(runs("body"), task("last")), body=body))
    story = run(memory, "short").task("one").succeeds().task("two").succeeds()
    place = at(story, "n2", 1)
    passes(memory, 60_000)
    said = not_replayed(story, "NOT_REPLAYABLE", **place)
    assert "what thread 1 did is not kept here; replay it from node run 1 ('n1')" in said


def test_a_thread_within_begins_when_the_run_has_its_place(memory: Driver) -> None:
    """Until then nothing of it is at work; a replay of that one begins as it would have."""
    body = chain(task("one"), task("two"), variables=(INT,))
    made = threads(chain(runs("body")), body=body) | {"limit": {"most": 1}}
    register(memory, "few", made)
    story = run(memory, "few").task("one").succeeds()
    again = replay(story, **at(story, "n2", 1))
    assert (again.run.held, again.thread_run(1).gone) == (True, True)
    accepted(memory, KillWfRun(wf_run_id=again.id))
    third = replay(again)
    assert third.run.held
    story.task("two").succeeds().completes()
    third.task("two").succeeds().completes()


@pytest.mark.parametrize("here", [True, False])
def test_it_may_go_to_another_partition(driver: Driver, here: bool) -> None:
    """Under an id that belongs there."""
    story = counted(driver)
    new_id = elsewhere(driver, story.id, here=here)
    goes_on(replay(story, **at(story, "three", 2), new_wf_run_id=new_id))


def test_in_another_version(memory: Driver) -> None:
    """Nodes of the threads may be others; the blocks must run the same threads."""
    made = threads(chain(runs("body")), body=chain(event("a"), event("b"), variables=(INT,)))
    register(memory, "two", made)
    story = run(memory, "two").gets("a")
    place = at(story, "n2", 1)
    more = chain(event("a"), event("b"), event("c"), variables=(declared("m", "INT", default=7),))
    newer = threads(chain(runs("body")), body=more)
    register(memory, "two", newer)
    again = replay(story, **place, version=2).gets("b").gets("c").completes()
    assert again.value("m", 1) == 7
    next_version(memory, "two", threads(chain(runs("other")), other=chain(event("b"))))
    assert "runs other threads" in not_replayed(story, "NOT_REPLAYABLE", **place, version=3)
    next_version(memory, "two", threads(chain(runs("body")), body=chain(event("a"))))
    said = not_replayed(story, "NOT_REPLAYABLE", **place, version=4)
    assert "the thread 'body' of WfSpec 'two' has no node 'n2' in version 4" in said
    migrates(story, version=2)
    story.gets("b")
    said = not_replayed(story, "NOT_REPLAYABLE", thread=1, position=1)
    assert "node run 1 of thread 1 is older than the migration" in said
    replay(story, **at(story, "n3", 1)).gets("c").completes()


def test_a_replay_within_a_block_may_be_migrated(memory: Driver) -> None:
    """The thread that has begun at a node follows."""
    made = threads(chain(runs("body")), body=chain(event("a"), event("b")))
    register(memory, "two", made)
    story = run(memory, "two").gets("a")
    longer = chain(event("a"), event("b"), event("c"))
    register(memory, "two", threads(chain(runs("body")), body=longer))
    again = migrates(replay(story, **at(story, "n2", 1)), version=2)
    again.gets("b").at_node("n3", 1)
    assert replay(again, thread=1, position=0).gets("b").at_node("n3", 1)


def test_a_thread_that_can_not_begin_any_more_has_failed(memory: Driver) -> None:
    """The run was migrated before it had its place, and the node is gone."""
    made = threads(chain(runs("body")), body=chain(task("one"), task("two")))
    register(memory, "few", made | {"limit": {"most": 1}})
    story = run(memory, "few").task("one").succeeds()
    again = replay(story, **at(story, "n2", 1))
    shorter = threads(chain(runs("body")), body=chain(task("one")))
    next_version(memory, "few", shorter | {"limit": {"most": 1}})
    migrates(again, version=2)
    story.task("two").succeeds().completes()
    again.ends_with("VAR_SUB_ERROR")
    assert "go on at node 'n2', which is not there" in again.thread.failure.message


def many(memory: Driver) -> Story:
    """A run with forty threads beside each other."""
    child = chain(event("go"), variables=(declared("INDEX", "INT"),))
    register(memory, "many", threads(chain(runs_each("child", literal([0] * 40))), child=child))
    story = run(memory, "many")
    for _ in range(20):
        memory.tick()
    return story


def test_of_too_many_threads_it_is_not_replayed(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """A turn is bounded."""
    monkeypatch.setattr("penstock.core.operators.replay_threads.REPLAY_THREADS_MAX", 30)
    story = many(memory)
    assert "more than 30 threads" in not_replayed(story, "LIMIT", **at(story, "n1", 40))


def test_a_block_goes_on_a_turn_at_a_time(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    """Its threads are begun, a few a turn, as in any block."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 8)
    again = replay(many(memory), thread=40, position=1)
    for _ in range(20):
        memory.tick()
    live = [one for one in memory.scan(ThreadRun, again.id) if one.status == "RUNNING"]
    assert len(live) == 41
