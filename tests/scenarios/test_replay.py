"""ReplayWfRun: a new run begins as another one began, or as it was at a node of its entrypoint."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.ids import partition_of_run
from penstock.core.limits import ANSWER_WINDOW_MS, OLD_VALUE_ROW_BYTES
from penstock.core.state.facts import AuditEntry
from penstock.core.state.outputs import CommandRefused
from penstock.core.state.replay_rows import OldVariable, ReplayOf
from penstock.core.state.run import NodeOutput, Variable, WfRun
from penstock.core.state.thread_rows import ChildRun
from tests.controls import (
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    literal,
    nop,
    output_of,
    spec,
    starts,
    starts_each,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run


def replay(story: Story, **fields: Any) -> Story:
    """The run that a replay begins."""
    answer = accepted(story.driver, ReplayWfRun(wf_run_id=story.id, **fields))
    return Story(story.driver, answer.body["wf_run_id"]).wait_until_there()


def not_replayed(story: Story, code: str, **fields: Any) -> str:
    """Why it is refused; nothing of the run changes."""
    before = story.rows()
    answer = refused(story.driver, ReplayWfRun(wf_run_id=story.id, **fields), code)
    assert story.rows() == before
    return answer.message


def counting(driver: Driver) -> None:
    """one, two, three: each adds its output to a variable, and three gets the output of one."""
    asks = a_task_def("ask", n="INT", returns="INT")
    nodes = {
        "one": task("ask", edge("two", total=output_of("one")), inputs={"n": variable("total")}),
        "two": task("ask", edge("three", total=output_of("two")), inputs={"n": variable("total")}),
        "three": task("ask", edge("end", total=output_of("three")), inputs={"n": output_of("one")}),
        "end": ends(variable("total")),
    }
    register(driver, "counts", spec("one", nodes, declared("total", "INT", default=1)), asks)


def test_a_run_is_replayed_from_its_beginning(driver: Driver) -> None:
    """With the variables that it was started with, whatever has become of them."""
    counting(driver)
    story = run(driver, "counts", total=5).task("ask", n=5).succeeds(6).task("ask", n=6)
    again = replay(story).task("ask", n=5).succeeds(7).task("ask", n=7).succeeds(8)
    again.task("ask", n=7).succeeds(9).completes(9)
    assert again.run.replay == ReplayOf(story.id, story.id, 2, None, story.run.started_ms)
    story.is_now("RUNNING").succeeds(1).task("ask", n=6).succeeds(2).completes(2)
    third = replay(again)
    assert third.run.replay == ReplayOf(again.id, story.id, 3, None, story.run.started_ms)
    third.task("ask", n=5)


def test_a_run_is_replayed_from_a_task(driver: Driver) -> None:
    """Its variables, and the outputs of nodes before it, are as they were there."""
    counting(driver)
    story = run(driver, "counts").task("ask", n=1).succeeds(10)
    two = story.task("ask", n=10).taken.guid
    story.succeeds(20).task("ask", n=10).fails().ends_with("TASK_FAILURE")
    again = replay(story, guid=two).task("ask", n=10).succeeds(21)
    again.task("ask", n=10).succeeds(30).completes(30)
    assert [node.node for node in again.nodes] == ["0-entrypoint", "two", "three", "end"]
    assert again.run.replay == ReplayOf(story.id, story.id, 2, 2, story.run.started_ms)
    [entry] = driver.scan(AuditEntry, again.id)
    assert (entry.verb, entry.principal) == ("ReplayWfRun", "test")
    assert entry.detail == {"replay_of": story.id, "position": 2}
    [kept] = driver.scan(AuditEntry, story.id)
    assert (kept.verb, kept.principal, kept.detail["guid"]) == ("ReplayWfRun", "test", two)


def test_a_replay_is_replayed_from_where_it_began(memory: Driver) -> None:
    """With what it had been given, which its own node runs do not tell."""
    counting(memory)
    story = run(memory, "counts").task("ask").succeeds(10).task("ask").succeeds(20).task("ask")
    again = replay(story, position=2).task("ask", n=10).succeeds(21).task("ask", n=10).succeeds(5)
    again.completes(5)
    from_its_beginning = replay(again).task("ask", n=10).succeeds(22).task("ask", n=10)
    began_ms = story.run.started_ms
    assert from_its_beginning.run.replay == ReplayOf(again.id, story.id, 3, None, began_ms)
    from_the_last = (
        replay(from_its_beginning, position=2).task("ask", n=10).succeeds(3).completes(3)
    )
    assert from_the_last.run.replay == ReplayOf(from_its_beginning.id, story.id, 4, 2, began_ms)


def looping(driver: Driver) -> None:
    """first, then loop, loop, loop; all are read at the end."""
    done = compare(variable("n"), "EQUALS", literal(4))
    asks = a_task_def("ask", n="INT", returns="INT")
    nodes = {
        "first": task("ask", edge("loop"), inputs={"n": variable("n")}),
        "loop": task("ask", edge("choose", n=output_of("loop")), inputs={"n": variable("n")}),
        "choose": nop(edge("last", done), edge("loop")),
        "last": task("ask", edge("end"), inputs={"n": output_of("loop")}),
        "end": ends(output_of("first")),
    }
    register(driver, "loops", spec("first", nodes, declared("n", "INT", default=0)), asks)


def test_each_visit_of_a_loop_can_be_replayed(memory: Driver) -> None:
    """The variable is as it was at that visit, and outputs are the newest before it."""
    looping(memory)
    story = run(memory, "loops").task("ask", n=0).succeeds(100)
    for number in range(1, 5):
        story.task("ask", n=number - 1).succeeds(number)
    story.task("ask", n=4).succeeds(0).completes(100)
    visits = [node.position for node in story.nodes if node.node == "loop"]
    for number, position in enumerate(visits):
        again = replay(story, position=position).task("ask", n=number).succeeds(4)
        again.task("ask", n=4).succeeds(0).completes(100)
    assert [old.value for old in memory.scan(OldVariable, story.id)] == [0, 1, 2, 3]


def test_a_variable_that_is_never_changed_costs_nothing(memory: Driver) -> None:
    """Nor does one of another thread, or one that no node has seen."""
    child = chain(task("work"), variables=(declared("m", "INT", default=1),))
    main = chain(starts("child"), event("go"), variables=(declared("n", "INT", default=1),))
    register(memory, "still", threads(main, child=child))
    story = run(memory, "still").task("work").succeeds()
    accepted(memory, EditVariable(wf_run_id=story.id, name="n", value=2))
    accepted(memory, EditVariable(wf_run_id=story.id, name="n", value=3))
    assert [(old.since, old.value) for old in memory.scan(OldVariable, story.id)] == [(0, 1)]
    accepted(memory, EditVariable(wf_run_id=story.id, name="n", value=4))
    story.gets("go").completes()
    assert len(memory.scan(OldVariable, story.id)) == 1


def test_a_child_run_keeps_no_old_values(memory: Driver) -> None:
    """It is not replayed; a variable that it inherits is its parent's, which is."""
    inherited = declared("n", "INT", access="INHERITED_VAR")
    nodes = {
        "one": event("a", edge("two", n=literal(2), own=literal(2))),
        "two": event("b", edge("end")),
        "end": ends(),
    }
    below = spec("one", nodes, inherited, declared("own", "INT", default=1)) | {"parent": "above"}
    made = chain(event("go"), event("on"), variables=(declared("n", "INT", default=1),))
    register(memory, "above", made)
    register(memory, "below", below)
    story = run(memory, "above")
    accepted(memory, RunWf(wf_spec="below", wf_run_id="below", parent=story.id))
    child = Story(memory, f"{story.id}.below").gets("a")
    assert (story.value("n"), child.value("own")) == (2, 2)
    assert memory.scan(OldVariable, child.id) == []
    assert replay(story).value("n") == 1
    assert replay(story, position=1).value("n") == 1
    story.gets("go")
    assert replay(story, position=2).value("n") == 2


def test_a_variable_that_was_null_is_null_again(memory: Driver) -> None:
    """Whatever its default."""
    made = chain(
        event("a"),
        event("b"),
        returns=variable("n"),
        variables=(declared("n", "INT", default=1), declared("m", "INT")),
    )
    register(memory, "nulls", made)
    story = run(memory, "nulls")
    accepted(memory, EditVariable(wf_run_id=story.id, name="n", value=None))
    accepted(memory, EditVariable(wf_run_id=story.id, name="m", value=5))
    story.gets("a").gets("b").completes(None)
    again = replay(story, position=2).at_node("n2").gets("b").completes(None)
    assert again.value("m") == 5
    first = replay(story)
    assert (first.value("n"), first.value("m")) == (1, None)


def test_beyond_its_bytes_old_values_are_lost(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """A replay that needs one is refused; from the start, and from later nodes, it is not."""
    room = 2 * (OLD_VALUE_ROW_BYTES + 1)
    monkeypatch.setattr("penstock.core.flow.variables.OLD_VALUES_BYTES_MAX", room)
    looping(memory)
    story = run(memory, "loops").task("ask").succeeds(100)
    for number in range(1, 4):
        story.task("ask").succeeds(number)
    story.task("ask")
    visits = [node.position for node in story.nodes if node.node == "loop"]
    assert [old.value for old in memory.scan(OldVariable, story.id)] == [0, 1]
    not_replayed(story, "OLD_VALUE_GONE", position=visits[2])
    for number, position in ((0, visits[0]), (1, visits[1]), (3, visits[3])):
        replay(story, position=position).task("ask", n=number)
    replay(story).task("ask", n=0)


def test_a_replay_by_another_version(memory: Driver) -> None:
    """Nodes that come later may be others; the one that it begins at must be there."""
    register(memory, "two", chain(event("a"), event("b"), returns=output_of("n1")))
    story = run(memory, "two").gets("a", "x").gets("b").completes("x")
    newer = chain(event("a"), event("b"), task("more"), returns=output_of("n1"))
    register(memory, "two", newer, a_task_def("more"))
    again = replay(story, position=2, version=2).gets("b").task("more").succeeds().completes("x")
    assert again.run.version == 2
    register(memory, "two", spec("other", {"other": event("c", edge("end")), "end": ends()}))
    said = not_replayed(story, "NOT_REPLAYABLE", position=2, version=3)
    assert "has no node 'n2' in version 3" in said
    replay(story, version=3).at_node("other")
    not_replayed(story, "SPEC_UNKNOWN", version=4)


def test_variables_fit_the_other_version(memory: Driver) -> None:
    """One that it does not declare goes, one that is new has its default, and types must fit."""
    private = {"access": "PRIVATE_VAR"}
    register(
        memory,
        "typed",
        chain(event("a"), variables=(declared("n", "INT", **private), declared("old", "STR"))),
    )
    story = run(memory, "typed", n=1, old="x")
    other = (declared("n", "STR", **private),)
    accepted(memory, PutWfSpec(name="typed", spec=chain(event("a"), variables=other)))
    not_replayed(story, "BAD_VALUE", version=2)
    new = (declared("n", "INT", **private), declared("new", "INT", default=7))
    accepted(memory, PutWfSpec(name="typed", spec=chain(event("a"), variables=new)))
    again = replay(story, version=3, position=1)
    assert {row.name: row.value for row in memory.scan(Variable, again.id)} == {"n": 1, "new": 7}
    must = (declared("must", "INT", required=True),)
    accepted(memory, PutWfSpec(name="typed", spec=chain(event("a"), variables=must)))
    not_replayed(story, "VARIABLE_REQUIRED", version=4)


def test_an_output_that_lies_too_far_back_is_not_looked_for(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """A turn is bounded; what was visited once only needs no search."""
    monkeypatch.setattr("penstock.core.operators.replay_outputs.REPLAY_VISITS_SEEN_MAX", 1)
    looping(memory)
    story = run(memory, "loops").task("ask").succeeds(100).task("ask").succeeds(1)
    story.task("ask").succeeds(2).task("ask")
    not_replayed(story, "LIMIT", position=4)
    replay(story, position=6).task("ask", n=2)


def test_which_runs_and_places_can_be_replayed(memory: Driver) -> None:
    """A live run, an ended one; a node run that is there."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    replay(story).gets("go").completes()
    replay(story, position=1).gets("go").completes()
    not_replayed(story, "NODE_RUN_UNKNOWN", position=2)
    not_replayed(story, "NODE_RUN_UNKNOWN", position=-1)
    not_replayed(story, "THREAD_UNKNOWN", thread=1, position=1)
    not_replayed(story, "THREAD_UNKNOWN", thread=-1)
    not_replayed(story, "TASK_RUN_UNKNOWN", guid="none")
    not_replayed(story, "BAD_VALUE", guid="none", position=1)
    not_replayed(story, "BAD_ID", new_wf_run_id="a.b")
    refused(memory, ReplayWfRun(wf_run_id="none"), "WF_RUN_UNKNOWN")
    accepted(memory, RunWf(wf_spec="waits", wf_run_id="below", parent=story.id))
    child = Story(memory, f"{story.id}.below")
    not_replayed(child, "WF_RUN_IS_CHILD")


def test_a_run_that_was_started_below_is_not_waited_for_again(memory: Driver) -> None:
    """It belongs to the old run; behind the wait for it, or before its start, nothing is missed."""
    register(memory, "child", chain(event("done")))
    main = chain(
        {"type": "RUN_CHILD_WF", "wf_spec": "child"},
        event("go"),
        {"type": "WAIT_FOR_CHILD_WF", "wf_run_id": output_of("n1")},
        event("end"),
    )
    register(memory, "family", main)
    story = run(memory, "family").gets("go")
    [row] = memory.scan(ChildRun, story.id)
    Story(memory, row.child).gets("done").completes()
    story.at_node("n4")
    assert "'n1'" in not_replayed(story, "NOT_REPLAYABLE", position=2)
    not_replayed(story, "NOT_REPLAYABLE", position=3)
    replay(story, position=1).gets("go").at_node("n3")
    replay(story, position=4).gets("end").completes()


def elsewhere(driver: Driver, wf_run_id: str, *, here: bool) -> str:
    """An id that belongs on the partition of a run, or on another one."""
    partitions = driver.topics.partitions
    home = partition_of_run(wf_run_id, partitions)
    ids = (f"r{number}" for number in range(100))
    return next(made for made in ids if (partition_of_run(made, partitions) == home) is here)


@pytest.mark.parametrize("here", [True, False])
def test_a_replay_under_an_id_of_the_clients(driver: Driver, here: bool) -> None:
    """It may belong to another partition; the same once more is the same run."""
    counting(driver)
    story = run(driver, "counts").task("ask").succeeds(10).task("ask")
    new_id = elsewhere(driver, story.id, here=here)
    again = replay(story, position=2, new_wf_run_id=new_id)
    assert again.id == new_id
    again.task("ask", n=10).succeeds(20).task("ask", n=10)
    assert replay(story, position=2, new_wf_run_id=new_id).run == again.run
    before = again.rows()
    other = ReplayWfRun(wf_run_id=story.id, new_wf_run_id=new_id)
    if here:
        refused(driver, other, "ALREADY_EXISTS")
    else:
        accepted(driver, other)

        def told() -> list[CommandRefused]:
            return [one for one in driver.events() if isinstance(one, CommandRefused)]

        again.wait(lambda: bool(told()), "the refusal")
        assert [(one.command, one.code) for one in told()] == [("StartReplay", "ALREADY_EXISTS")]
    assert again.rows() == before


def test_a_repeated_replay_is_the_first_answer(memory: Driver) -> None:
    """By its command id; its own id is not the client's."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    command = ReplayWfRun(wf_run_id=story.id)
    first = accepted(memory, command, command_id="once")
    second = accepted(memory, command, command_id="once")
    assert (first.body, second.repeated) == (second.body, True)
    assert partition_of_run(first.body["wf_run_id"], 3) == partition_of_run(story.id, 3)


def test_what_is_too_large_to_travel_stays_on_its_partition(memory: Driver) -> None:
    """A command between partitions must never be refused."""
    text = "x" * 200_000
    names = [f"v{number}" for number in range(5)]
    made = chain(event("go"), variables=tuple(declared(name, "STR") for name in names))
    register(memory, "large", made)
    story = run(memory, "large")
    for name in names:
        accepted(memory, EditVariable(wf_run_id=story.id, name=name, value=text))
    story.gets("go").completes()
    new_id = elsewhere(memory, story.id, here=False)
    not_replayed(story, "TOO_LARGE", position=2, new_wf_run_id=new_id)
    again = replay(story, position=2).completes()
    assert again.value("v4") == text
    assert memory.scan(NodeOutput, again.id) == []


def test_a_version_whose_runs_stand_below_others_is_refused(memory: Driver) -> None:
    """A replay is the root of its family."""
    register(memory, "above", chain(event("go")))
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    accepted(memory, PutWfSpec(name="waits", spec=chain(event("go")) | {"parent": "above"}))
    not_replayed(story, "PARENT_REQUIRED", version=2)
    not_replayed(story, "PARENT_REQUIRED", version=2, position=1)


@pytest.mark.parametrize("here", [True, False])
def test_an_id_whose_run_is_being_deleted_is_not_taken(memory: Driver, here: bool) -> None:
    """On another partition, whoever listens is told."""
    register(memory, "waits", chain(event("go")))
    child = chain(variables=(declared("n", "INT", default=1),))
    main = chain(starts_each("child", literal([0] * 900)), waits_for(output_of("n1")))
    register(memory, "many", threads(main, child=child))
    story = run(memory, "waits")
    old = run(memory, "many", elsewhere(memory, story.id, here=here)).completes()
    replaying = ReplayWfRun(wf_run_id=story.id, new_wf_run_id=old.id)
    answers = memory.send_together(DeleteWfRun(wf_run_id=old.id), replaying)
    assert [answer.code for answer in answers] == [None, "WF_RUN_DELETING" if here else None]
    told = [one for one in memory.events() if isinstance(one, CommandRefused)]
    command = "ReplayWfRun" if here else "StartReplay"
    assert [(one.command, one.code) for one in told] == [(command, "WF_RUN_DELETING")]
    assert memory.get(WfRun, old.id) is None
    memory.pass_ms(ANSWER_WINDOW_MS)
    replay(story, new_wf_run_id=old.id).gets("go").completes()
