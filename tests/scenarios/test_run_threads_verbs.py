"""RUN_THREADS and operators: stop, kill, rescue, skip, replay, migration and deletion, at half."""

from typing import Any

import pytest

from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.state import turn
from penstock.core.state.thread_rows import EachChunk, EachPlan, EachThread
from penstock.core.state.timers import Clock, Timer
from tests.controls import chain, handled, literal, runs_each, starts, task, threads
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import can_not, migrates, next_version
from tests.scenarios.story import Story, register, run
from tests.scenarios.test_deletion import is_deleted
from tests.scenarios.test_replay import replay
from tests.scenarios.test_run_threads import begun, each, graph, names
from tests.scenarios.test_thread_retention import kept, left_of, passes

KEPT = (EachPlan, EachChunk, EachThread)


def at_half(driver: Driver, count: int = 5, **settings: Any) -> Story:
    """The first of so many values is done, and the next two are at work."""
    register(driver, "half", each(task("after"), values=range(count), concurrency=2, **settings))
    return run(driver, "half").task("work").succeeds().thread_is(3, "RUNNING")


def values(story: Story) -> list[Any]:
    """Of the threads, in the order in which they began."""
    return [story.value("INPUT", number) for number in range(1, story.run.threads)]


def is_done(story: Story, tasks: int) -> Story:
    """So many tasks succeed, and that was all."""
    for _ in range(tasks):
        story.task("work").succeeds()
    story.task("after").succeeds().completes(5)
    assert story.driver.scan(EachThread, story.id) == []
    return story


def test_none_begins_while_the_run_is_stopped(driver: Driver) -> None:
    """Tasks in flight end, and count; with the resume the next begin."""
    story = at_half(driver).is_stopped().is_now("HALTING")
    story.task("work").succeeds().task("work").succeeds().is_now("HALTED")
    assert begun(story) == ["COMPLETED", "HALTED", "HALTED"]
    story.is_resumed().thread_is(3, "COMPLETED").thread_is(5, "RUNNING")
    is_done(story, 2)


def test_a_kill_at_half_leaves_nothing_at_work(driver: Driver) -> None:
    """And a restart goes on with what was at work, then with the rest."""
    story = at_half(driver).is_killed(0).ends_with("KILLED")
    assert begun(story) == ["COMPLETED", "ERROR", "ERROR"]
    assert story.run.threads == 4
    for _ in range(2):
        story.task("work")  # of the first time: nobody wants them
    story.is_begun_again().is_now("RUNNING")
    assert begun(story) == ["COMPLETED", "RUNNING", "RUNNING"]
    is_done(story, 4)
    assert values(story) == [0, 1, 2, 3, 4]


def test_a_rescued_node_runs_what_has_failed_and_the_rest(driver: Driver) -> None:
    """What has ended well stays; what was done again is not rescued by itself any more."""
    story = at_half(driver).task("work").fails().task("work").succeeds()
    story.ends_with("CHILD_FAILURE").is_rescued().is_now("RUNNING")
    assert begun(story) == ["COMPLETED", "ERROR", "COMPLETED", "RUNNING", "RUNNING"]
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=2), "FAILURE_HANDLED")
    is_done(story, 3)
    assert values(story) == [0, 1, 2, 1, 3, 4]


def test_a_node_may_be_rescued_again_and_again(memory: Driver) -> None:
    """Each time what is not done is done, from the same values."""
    story = at_half(memory).task("work").fails().task("work").fails().ends_with("CHILD_FAILURE")
    story.is_rescued().task("work").fails().task("work").succeeds().ends_with("CHILD_FAILURE")
    story.is_rescued().task("work").fails().task("work").fails().ends_with("CHILD_FAILURE")
    story.is_rescued()
    is_done(story, 3)
    assert values(story) == [0, 1, 2, 1, 2, 1, 3, 1, 3, 4]


def test_a_rescue_may_leave_the_node(memory: Driver) -> None:
    """Nothing more is begun."""
    story = at_half(memory).task("work").fails().task("work").succeeds()
    story.ends_with("CHILD_FAILURE").is_rescued(skip=True).task("after")
    assert story.run.threads == 4
    assert {type(row) for row in story.rows()} >= set(KEPT)
    story.succeeds().ends_with("VAR_SUB_ERROR")  # it has no output


def test_a_rescued_thread_takes_the_node_along(driver: Driver) -> None:
    """It is joined, so that its value is not done twice, and no more are at work than may be."""
    story = at_half(driver).task("work").fails().task("work").fails()
    story.ends_with("CHILD_FAILURE").is_rescued(3).is_now("RUNNING").thread_is(3, "RUNNING")
    assert begun(story) == ["COMPLETED", "ERROR", "RUNNING", "RUNNING"]
    assert values(story) == [0, 1, 2, 1]
    is_done(story, 4)


def test_a_thread_that_is_rescued_before_the_node_fails_is_forgiven(memory: Driver) -> None:
    """Others are begun again."""
    story = at_half(memory).task("work").fails().thread_is(2, "ERROR").is_rescued(2)
    assert story.run.threads == 4
    for _ in range(2):
        story.task("work").succeeds()
    assert story.run.threads == 6
    is_done(story, 2)
    assert values(story) == [0, 1, 2, 3, 4]


def test_a_node_that_is_skipped_begins_no_more(memory: Driver) -> None:
    """Those at work are the EXIT's business."""
    story = at_half(memory).is_skipped(5).task("after").succeeds().is_now("RUNNING")
    story.task("work").succeeds().is_now("RUNNING").task("work").succeeds().completes(5)
    assert story.run.threads == 4


def test_a_graph_goes_on_where_it_failed(memory: Driver) -> None:
    """Who comes after what ended well before the rescue may begin."""
    register(memory, "graph", graph())
    story = run(memory, "graph").task("e").succeeds().task("a").succeeds().task("b").succeeds()
    story.task("c").fails().ends_with("CHILD_FAILURE").is_rescued()
    story.task("c").succeeds().task("d").succeeds().completes(5)
    assert names(story) == "aebccd"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn does little."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 4)


def settled(story: Story) -> Story:
    """All that was put off is done."""
    for _ in range(100):
        if all(timer.clock != Clock.PENDING for timer in story.driver.everywhere(Timer)):
            return story
        story.driver.tick()
    raise AssertionError("it does not come to rest")


@pytest.mark.usefixtures("short")
def test_many_are_joined_so_many_a_turn(memory: Driver) -> None:
    """A kill between two of these turns changes nothing of what has ended well."""
    register(memory, "many", each(values=range(12)))
    story = settled(run(memory, "many"))
    for _ in range(6):
        settled(story.task("work").succeeds())
    settled(story.is_killed(0)).ends_with("KILLED")
    story.is_begun_again()
    memory.tick()
    settled(story.is_killed(0)).ends_with("KILLED")
    settled(story.is_begun_again()).is_now("RUNNING")
    assert story.run.threads == 13
    assert begun(story) == ["COMPLETED"] * 6 + ["RUNNING"] * 6


def test_what_has_ended_goes_while_the_node_goes_on(memory: Driver) -> None:
    """Threads that are not to be kept; a rescue still knows that they ended well."""
    made = each(task("after"), values=range(3), concurrency=1)
    made["threads"]["child"]["retention"] = {"after_termination_s": 60}
    register(memory, "short", made)
    story = run(memory, "short").task("work").succeeds()
    passes(memory, 60_000)
    assert left_of(story, 1) == []
    assert story.thread_run(1).gone
    story.task("work").fails().ends_with("CHILD_FAILURE").is_rescued()
    story.task("work").succeeds().task("work").succeeds().task("after").succeeds().completes(3)
    assert begun(story) == ["COMPLETED", "ERROR", "COMPLETED", "COMPLETED"]


def test_what_is_kept_of_the_elements_goes_with_their_thread(memory: Driver) -> None:
    """Here the node has failed, and that was handled."""
    node = handled(runs_each("leaf", literal([1, 2])), ("mend", None))
    child = kept(chain(node))
    main = chain(runs_each("child", literal([1])), task("after"))
    leaf, mend = (chain(task("work")), chain())
    register(memory, "deep", threads(main, child=child, leaf=leaf, mend=mend))
    story = run(memory, "deep").task("work").fails().task("work").succeeds().at_node("n2")
    assert [row.thread for kind in KEPT for row in memory.scan(kind, story.id)].count(1) == 4
    passes(memory, 60_000)
    assert {row.thread for kind in KEPT for row in memory.scan(kind, story.id)} == {0}
    story.task("after").succeeds().completes()


def test_a_run_that_is_deleted_leaves_nothing(memory: Driver) -> None:
    """Of its elements, either."""
    story = at_half(memory).task("work").fails().task("work").fails().ends_with("CHILD_FAILURE")
    is_deleted(story)
    assert memory.rows_of_run(story.id) == {}


def test_a_run_is_replayed_from_behind_the_node(memory: Driver) -> None:
    """Its threads are carried over; from the node itself all are begun anew."""
    story = at_half(memory)
    is_done(story, 4)
    again = replay(story, position=2)
    assert begun(again) == ["COMPLETED"] * 5
    again.task("after").succeeds().completes(5)
    anew = replay(story, position=1)
    assert begun(anew) == ["RUNNING"] * 2
    is_done(anew, 5)


def test_the_rest_is_begun_in_the_version_to_which_the_run_was_migrated(driver: Driver) -> None:
    """With the concurrency of that version, too."""
    story = at_half(driver)
    next_version(driver, "half", each(task("after"), values="none", concurrency=1))
    migrates(story)
    story.task("work").succeeds().is_now("RUNNING")
    assert story.run.threads == 4
    is_done(story, 3)


def test_other_elements_are_not_carried(memory: Driver) -> None:
    """The node waits for what it has begun."""
    register(memory, "half", each(task("after"), values=range(5), concurrency=2))
    register(memory, "graph", graph())
    story, other = run(memory, "half"), run(memory, "graph")
    changed = each(task("after"), starts("child"))
    nodes, graphs = changed["threads"]["main"]["nodes"], graph()["threads"]["main"]["nodes"]
    nodes["n1"] = graphs["n1"] | {"edges": nodes["n1"]["edges"]}
    changed["threads"] |= {name: graph()["threads"][name] for name in "abcde"}
    next_version(memory, "half", changed)
    can_not(story, "runs threads for values in one version, and not in the other")
    changed = graph()
    changed["threads"]["main"]["nodes"]["n1"]["after"] = {}
    next_version(memory, "graph", changed)
    can_not(other, "runs other threads there, or in another order")


def test_a_value_that_is_not_taken_any_more_fails_the_node(memory: Driver) -> None:
    """When it comes to that, and those at work have ended."""
    made = each(task("after"), values=[0, 1, 2, None, 4], concurrency=2)
    register(memory, "half", made)
    story = run(memory, "half").task("work").succeeds()
    made["threads"]["child"]["variables"][0]["required"] = True
    next_version(memory, "half", made)
    migrates(story).task("work").succeeds().is_now("RUNNING")
    story.task("work").succeeds().ends_with("VAR_SUB_ERROR")
    assert begun(story) == ["COMPLETED"] * 3
