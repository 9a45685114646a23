"""ReplayWfRun from a node run within blocks: the threads of RUN_THREADS nodes. What had ended well
before stays, the thread goes on from the node run, and what was not over is done again.
"""

from __future__ import annotations

from penstock.core.commands.edit_variable import EditVariable
from penstock.core.state.replay_rows import ReplayOf
from penstock.core.state.run import NodeRun
from tests.controls import (
    Json,
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    handled,
    interrupted,
    literal,
    may_fail,
    only_if,
    output_of,
    runs,
    runs_each,
    spec,
    starts,
    task,
    threads,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_replay import not_replayed, replay

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
    assert [one.node for one in nodes_of(again)] == ["0-entrypoint", "n2", "n3", "exit"]
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


def beside() -> Json:
    """Three threads side by side, each of two tasks; the last comes after the first."""
    below = {name: chain(task(f"{name}-1"), task(f"{name}-2")) for name in "abcd"}
    node = runs(*below, after={"d": ["a"]})
    return threads(chain(node, task("last"), returns=output_of("n1")), **below)


def test_of_threads_side_by_side_those_that_had_ended_stay(driver: Driver) -> None:
    """Those that were at work, or had failed, are done again, and so is what comes after them."""
    register(driver, "beside", beside())
    story = run(driver, "beside").task("a-1").succeeds().task("a-2").succeeds()
    story.task("c-1").fails().task("b-1").succeeds().task("b-2").succeeds()
    story.task("d-1").succeeds().task("d-2").succeeds().ends_with("CHILD_FAILURE")
    again = replay(story, **at(story, "n2", 2)).task("b-2").succeeds()
    statuses = [str(again.thread_run(number).status) for number in range(1, again.run.threads)]
    assert statuses == ["COMPLETED", "COMPLETED", "ERROR", "ERROR", "RUNNING", "RUNNING"]
    again.task("c-1").succeeds().task("c-2").succeeds().task("d-1").succeeds()
    again.task("d-2").succeeds().task("last").succeeds().completes(4)
    third = replay(again, **at(again, "n2", 6)).task("d-2").succeeds()
    third.task("last").succeeds().completes(4)
    first = replay(story, **at(story, "n1", 1)).task("a-1").succeeds().task("a-2").succeeds()
    for name in "bcd":
        first.task(f"{name}-1").succeeds().task(f"{name}-2").succeeds()
    first.task("last").succeeds().completes(4)


def test_one_of_many_values(driver: Driver) -> None:
    """The others keep what has come of them; those behind are begun with what they were to get."""
    given = (declared("INPUT", "INT"), declared("INDEX", "INT"))
    child = chain(task("one"), task("two"), variables=given)
    node = runs_each("child", variable("all"), concurrency=1)
    values = (declared("all", "ARRAY<INT>"),)
    main = chain(node, returns=output_of("n1"), variables=values)
    register(driver, "each", threads(main, child=child))
    story = run(driver, "each", all=[5, 6, 7, 8])
    for _ in range(4):
        story.task("one").succeeds().task("two").succeeds()
    story.completes(4)
    again = replay(story, **at(story, "n2", 2)).task("two").succeeds()
    accepted(driver, EditVariable(wf_run_id=again.id, name="all", value=[0]))
    for _ in range(2):
        again.task("one").succeeds().task("two").succeeds()
    again.completes(4)
    assert [again.value("INPUT", number) for number in (2, 3, 4)] == [6, 7, 8]
    assert [again.value("INDEX", number) for number in (2, 3, 4)] == [1, 2, 3]
    third = replay(again, **at(again, "n1", 3)).task("one").succeeds().task("two").succeeds()
    third.task("one").succeeds().task("two").fails().ends_with("CHILD_FAILURE")
    third.is_begun_again().task("two").succeeds().completes(4)


def test_a_failure_is_handled_as_the_new_run_has_it(driver: Driver) -> None:
    """A handler that came later is not kept; one that came before, and is over, does not hinder."""
    body = chain(task("one"), task("two"))
    main = chain(handled(runs("body"), ("mend", None)), task("after"))
    register(driver, "guarded", threads(main, body=body, mend=chain(task("mend"))))
    story = run(driver, "guarded").task("one").succeeds().task("two").fails()
    mend = story.task("mend").taken.guid
    assert "node run 1 ('n1')" in not_replayed(story, "NOT_REPLAYABLE", guid=mend)
    story.succeeds().task("after").succeeds().completes()
    well = replay(story, **at(story, "n2", 1)).task("two").succeeds().task("after").succeeds()
    well.completes()
    assert well.run.threads == 2
    badly = replay(story, **at(story, "n2", 1)).task("two").fails().task("mend").succeeds()
    badly.task("after").succeeds().completes()
    after = replay(badly, position=2).task("after").succeeds().completes()
    assert [after.thread_run(number).gone for number in (1, 2)] == [True, True]


def test_a_run_that_was_restarted_is_replayed(memory: Driver) -> None:
    """From the visit that began the failed one anew: the block was visited anew, too."""
    body = chain(task("one"), task("two"), task("three"))
    main = chain(task("first"), runs("body", "other"), task("after"))
    other = chain(task("side"))
    register(memory, "again", threads(main, body=body, other=other))
    story = run(memory, "again").task("first").succeeds().task("side").succeeds()
    story.task("one").succeeds().task("two").fails().ends_with("CHILD_FAILURE")
    story.is_begun_again().task("two").succeeds().task("three").succeeds()
    story.task("after").succeeds().completes()
    for place in (at(story, "n3", 1), at(story, "n2", 1), {"thread": 1, "position": 2}):
        more = replay(story, **place)
        if place != at(story, "n3", 1):
            more.task("two").succeeds()
        more.task("three").succeeds().task("after").succeeds().completes()
        assert more.thread_run(2).status == "COMPLETED"
        assert more.thread_run(2).gone


def test_in_a_replay_that_fails_what_failed_is_done_again(memory: Driver) -> None:
    """By a restart, in the thread that has failed; by a rescue of the block alone, in another."""
    story = counted(memory)
    again = replay(story, **at(story, "three", 2)).task("ask", n=10).fails()
    again.ends_with("CHILD_FAILURE").is_begun_again()
    goes_on(again)
    other = replay(story, **at(story, "three", 2)).task("ask", n=10).fails()
    other.ends_with("CHILD_FAILURE").is_rescued(1).task("ask", n=1).succeeds(10)
    goes_on(other.task("ask", n=10).succeeds(20))


def test_a_warning_of_a_thread_is_carried_over(memory: Driver) -> None:
    """It is noticed by the block, as it was."""
    body = chain(runs("soft", "hard"), task("last"))
    hard = chain(task("hard-1"), task("hard-2"))
    made = threads(chain(runs("body")), body=body, soft=chain(may_fail(task("soft"))), hard=hard)
    register(memory, "warns", made)
    story = run(memory, "warns").task("soft").fails().task("hard-1").succeeds()
    again = replay(story, **at(story, "n2", 3))
    assert (again.run.warned, again.thread_run(1).warned) == (False, True)
    story.task("hard-2")
    again.task("hard-2").succeeds().task("last").succeeds().completes()
    assert again.run.warned
    assert [again.thread_run(number).warned_children for number in (0, 1)] == [0, 0]
    nodes = [one for one in nodes_of(again, 1) if one.warned]
    assert [one.node for one in nodes] == ["n1"]


def test_a_block_that_goes_on_is_not_asked_if_it_is_wanted(memory: Driver) -> None:
    """It was; its threads may have changed what that depended on."""
    nodes = {"n1": task("one", edge("n2", n=literal(2))), "n2": task("two", edge("n3"))}
    body = spec("n1", nodes | {"n3": ends()})
    wanted = only_if(compare(variable("n"), "EQUALS", literal(1)), runs("body"))
    register(memory, "asked", threads(chain(wanted, variables=(INT,)), body=body))
    story = run(memory, "asked").task("one").succeeds().task("two")
    assert story.value("n") == 2
    replay(story, **at(story, "n2", 1)).task("two").succeeds().completes()
    replay(story, position=1).task("one")


def test_what_else_was_at_work_is_not_replayed(memory: Driver) -> None:
    """Threads that no block has run, and handlers: it is said from where it can be done."""
    body = interrupted(chain(starts("child"), task("beside")), pause="calm")
    made = threads(
        chain(task("first"), runs("body")),
        body=body,
        child=chain(task("work")),
        calm=chain(task("calm")),
    )
    register(memory, "mixed", made)
    story = run(memory, "mixed").task("first").succeeds()
    work = story.task("work").taken.guid
    beside = story.task("beside").taken.guid
    said = not_replayed(story, "NOT_REPLAYABLE", guid=work)
    assert "thread 2 was not run by" in said
    assert "node run 2 ('n2')" in said
    assert "node run 2 ('n2')" in not_replayed(story, "NOT_REPLAYABLE", guid=beside)
    other = replay(story, **at(story, "n1", 1)).task("work").succeeds().task("beside").succeeds()
    other.completes()
    other = replay(story, **at(story, "n1", 1)).task("work").succeeds().task("beside")
    other.gets("pause").succeeds()
    calm = other.task("calm").taken.guid
    assert "is a handler (INTERRUPT)" in not_replayed(other, "NOT_REPLAYABLE", guid=calm)
    not_replayed(story, "NODE_RUN_UNKNOWN", thread=1, position=9)
    not_replayed(story, "THREAD_UNKNOWN", thread=9, position=0)
