"""Runs below runs: started and waited for by nodes, and variables that they inherit."""

from typing import Any

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.delete_wf_spec import DeleteWfSpec
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.state.run import WfRun
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    Json,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    holds,
    literal,
    output_of,
    spec,
    task,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run


def runs(wf_spec: str, **inputs: Json) -> Json:
    """A RUN_CHILD_WF node."""
    return {"type": "RUN_CHILD_WF", "wf_spec": wf_spec, "inputs": inputs}


def waits_for_run(wf_run_id: Json) -> Json:
    """A WAIT_FOR_CHILD_WF node."""
    return {"type": "WAIT_FOR_CHILD_WF", "wf_run_id": wf_run_id}


CHILD = chain(
    task("work"), returns=output_of("n1"), variables=(declared("item", "STR", required=True),)
)
PARENT = chain(
    runs("child", item=literal("book")),
    waits_for_run(output_of("n1")),
    returns=output_of("n2"),
)


def _both(driver: Driver, parent: Json = PARENT) -> Story:
    register(driver, "child", CHILD)
    register(driver, "parent", parent)
    return run(driver, "parent")


def _child(driver: Driver, story: Story) -> Story:
    [row] = driver.scan(ChildRun, story.id)
    return Story(driver, row.child)


def test_a_run_starts_another_and_takes_its_output(driver: Driver) -> None:
    """Its id begins with the parent's, and it lives on the same partition."""
    story = _both(driver).is_now("RUNNING").at_node("n2")
    child = _child(driver, story)
    assert child.id.startswith(f"{story.id}.")
    assert child.value("item") == "book"
    child.task("work").succeeds({"n": 5}).completes({"n": 5})
    story.completes({"n": 5})


@pytest.mark.parametrize(
    ("ends", "status", "failure"),
    [
        (lambda child: child.fails(), "ERROR", "CHILD_FAILURE"),
        (lambda child: child.throws("no-book", 7), "EXCEPTION", "no-book"),
    ],
)
def test_how_a_child_run_fails_its_parent(memory: Driver, ends, status, failure) -> None:
    """An exception keeps its name and content."""
    story = _both(memory)
    ends(_child(memory, story).task("work"))
    story.ends_with(failure, status)
    assert story.thread.failure is not None
    assert story.thread.failure.content == (7 if failure == "no-book" else None)


@pytest.mark.parametrize("ends", ["well", "in an exception", "in a failure", "with a warning"])
def test_how_a_child_ended_is_an_output(driver: Driver, ends: str) -> None:
    """It is no failure of the node; a warning of the child is one of the node."""
    gives = {**waits_for_run(output_of("n1")), "gives_end": True}
    parent = chain(runs("child", item=literal("book")), gives, returns=output_of("n2"))
    story = _both(driver, parent)
    child = _child(driver, story).task("work")
    end: dict[str, Any] = {"status": "COMPLETED", "warned": False, "output": None}
    end |= {"failure": None, "cause": None}
    if ends == "in an exception":
        child.throws("LOST", {"n": 1})
        end |= {"status": "EXCEPTION", "failure": "LOST", "cause": "LOST"}
    elif ends == "in a failure":
        child.fails()
        end |= {"status": "ERROR", "failure": "TASK_FAILURE", "cause": "TASK_FAILURE"}
    elif ends == "with a warning":
        report = child.report(TaskStatus.TASK_SUCCESS, output={"n": 5}, warning=True)
        accepted(driver, report)
        end |= {"warned": True, "output": {"n": 5}}
    else:
        child.succeeds({"n": 5})
        end["output"] = {"n": 5}
    story.completes(end)
    assert story.run.warned is (ends == "with a warning")


def test_a_child_that_has_ended_already_is_not_waited_for(memory: Driver) -> None:
    """Its output is there."""
    parent = chain(
        runs("child", item=literal("x")),
        task("later"),
        waits_for_run(output_of("n1")),
        returns=output_of("n3"),
    )
    story = _both(memory, parent)
    _child(memory, story).task("work").succeeds(1).completes(1)
    story.task("later").succeeds().completes(1)


def test_a_run_of_one_version(driver: Driver) -> None:
    """The one that is named, whatever comes after it."""
    register(driver, "child", chain(task("first")))
    register(driver, "child", chain(task("second")))
    one = {**runs("child"), "version": 1}
    register(driver, "parent", chain(one, waits_for_run(output_of("n1"))))
    story = run(driver, "parent")
    child = _child(driver, story)
    assert child.run.version == 1
    child.task("first").succeeds().completes()
    story.completes()


def test_a_version_that_is_gone_starts_nothing(memory: Driver) -> None:
    """By name; no other one takes its place."""
    register(memory, "child", chain(task("first")))
    register(memory, "child", chain(task("second")))
    one = {**runs("child"), "version": 1}
    register(memory, "parent", chain(one))
    accepted(memory, DeleteWfSpec("child", 1))
    run(memory, "parent").ends_with("CHILD_FAILURE")
    odd = PutWfSpec("odd", chain({**one, "version": 9}))
    assert "in version 9" in refused(memory, odd, "DEFINITION_UNKNOWN").message
    gone = PutWfSpec("odd", chain(one))
    assert "in version 1" in refused(memory, gone, "DEFINITION_UNKNOWN").message


def test_a_run_is_given_labels(memory: Driver) -> None:
    """Its own win over those that it inherits."""
    given = {"a": literal("own"), "b": literal("too")}
    node = {**runs("child", item=literal("book")), "labels": given, "inherit_labels": True}
    register(memory, "child", CHILD)
    register(memory, "parent", chain(node))
    accepted(memory, RunWf("parent", "r", labels={"a": "above", "c": "above", "system.x": "own"}))
    child = _child(memory, Story(memory, "r"))
    assert child.run.labels == {"a": "own", "b": "too", "c": "above"}


@pytest.mark.parametrize(
    ("label", "said"),
    [(literal([1]), "is no text"), (variable("hidden"), "everybody would see a masked value")],
)
def test_what_can_be_no_label_fails_the_node(memory: Driver, label: Json, said: str) -> None:
    node = {**runs("child", item=literal("book")), "labels": {"a": label}}
    hidden = declared("hidden", "STR", default="x", masked=True)
    register(memory, "child", CHILD)
    register(memory, "parent", chain(node, variables=(hidden,)))
    story = run(memory, "parent").is_now("ERROR")
    assert (found := story.thread_run(0).failure) is not None
    assert found.name == "VAR_SUB_ERROR" and said in found.message


def test_a_stop_of_the_parent_leaves_the_child_alone(memory: Driver) -> None:
    """What it has come to is taken at the resume."""
    story = _both(memory).is_stopped().is_now("HALTED")
    _child(memory, story).task("work").succeeds(2).completes(2)
    story.is_now("HALTED").is_resumed().completes(2)


def test_the_newest_revision_of_a_major_version_is_run(memory: Driver) -> None:
    """As it is at the time."""
    story = _both(memory, chain(runs("child", item=literal("x")) | {"major": 0}))
    assert _child(memory, story).run.version == 1
    more = chain(
        task("work"),
        task("more"),
        returns=output_of("n1"),
        variables=(declared("item", "STR", required=True),),
    )
    register(memory, "child", more)
    again = run(memory, "parent")
    assert _child(memory, again).run.version == 2


def test_a_dynamic_child_is_found_when_the_run_is_there(memory: Driver) -> None:
    """One that is not is a CHILD_FAILURE that names it; wrong inputs are VAR_SUB_ERROR."""
    register(memory, "child", CHILD)
    node = {"type": "RUN_CHILD_WF", "dynamic_wf_spec": variable("which")}
    which = declared("which", "STR", required=True)
    register(
        memory, "dynamic", chain(node | {"inputs": {"item": literal("x")}}, variables=(which,))
    )
    _child(memory, run(memory, "dynamic", which="child")).is_now("RUNNING")
    lost = run(memory, "dynamic", which="nobody").ends_with("CHILD_FAILURE")
    assert lost.thread.failure is not None
    assert "nobody" in lost.thread.failure.message
    register(memory, "wrong", chain(node, variables=(which,)))
    run(memory, "wrong", which="child").ends_with("VAR_SUB_ERROR")


def test_runs_stand_only_so_deep_below_each_other(memory: Driver) -> None:
    """LIMIT: a spec that runs itself does not go on for ever."""
    itself = {"type": "RUN_CHILD_WF", "dynamic_wf_spec": literal("russian")}
    register(memory, "russian", chain(itself, waits_for_run(output_of("n1"))))
    story = run(memory, "russian").ends_with("CHILD_FAILURE")
    deepest = max((row.wf_run_id for row in _family(memory, story)), key=len)
    assert deepest.count(".") == 10


def _family(driver: Driver, story: Story) -> list[WfRun]:
    rows, pending = [], [story.id]
    while pending:
        row = driver.get(WfRun, pending[-1])
        assert row is not None
        rows.append(row)
        pending += [child.child for child in driver.scan(ChildRun, pending.pop())]
    return rows


@pytest.mark.parametrize("which", ["other", "self"])
def test_only_a_run_of_the_family_can_be_waited_for(memory: Driver, which) -> None:
    """VAR_SUB_ERROR."""
    waits = chain(waits_for_run(variable("run")), variables=(declared("run", "WF_RUN_ID"),))
    register(memory, "waits", waits)
    run(memory, "waits", "self", run=which).ends_with("VAR_SUB_ERROR")


INHERITING = {"parent": "above"} | spec(
    "add",
    {"add": task("noop", edge("end", total=literal(7))), "end": ends(variable("total"))},
    declared("total", "INT", access="INHERITED_VAR"),
)
ABOVE = chain(
    {"type": "RUN_CHILD_WF", "dynamic_wf_spec": literal("below")},
    holds(compare(variable("total"), "GREATER_THAN", literal(5))),
    returns=variable("total"),
    variables=(declared("total", "INT", default=1),),
)


def test_an_inherited_variable_is_the_parents(memory: Driver) -> None:
    """Read and written there; who waits for it is woken."""
    register(memory, "above", ABOVE)
    register(memory, "below", INHERITING)
    story = run(memory, "above").at_node("n2")
    child = _child(memory, story).task("noop").succeeds().completes(7)
    assert child.value("total") is None
    story.completes(7)


def test_a_child_may_wait_for_a_variable_of_its_parent(memory: Driver) -> None:
    """It watches the run above."""
    waiting = {"parent": "over"} | chain(
        holds(compare(variable("total"), "EQUALS", literal(2))),
        variables=(declared("total", "INT", access="INHERITED_VAR"),),
    )
    over = spec(
        "run",
        {
            "run": {
                "type": "RUN_CHILD_WF",
                "dynamic_wf_spec": literal("under"),
                "edges": [edge("work")],
            },
            "work": task("noop", edge("end", total=literal(2))),
            "end": ends(),
        },
        declared("total", "INT", default=1),
    )
    register(memory, "over", over)
    register(memory, "under", waiting)
    story = run(memory, "over")
    child = _child(memory, story).is_now("RUNNING")
    story.task("noop").succeeds().completes()
    child.completes()
    assert (story.run.watchers, child.run.watchers) == (0, 0)


def test_a_client_may_start_a_run_below_another(driver: Driver) -> None:
    """Under an id of its own there; an inheriting spec must be."""
    register(driver, "above", ABOVE)
    register(driver, "below", INHERITING)
    story = run(driver, "above")
    command = RunWf(wf_spec="below", wf_run_id="mine", parent=story.id)
    answer = accepted(driver, command)
    assert answer.body["wf_run_id"] == f"{story.id}.mine"
    assert accepted(driver, command).repeated
    refused(driver, RunWf(wf_spec="below", wf_run_id="alone"), "PARENT_REQUIRED")
    register(driver, "other", chain(task("work")))
    other = run(driver, "other")
    wrong = RunWf(wf_spec="below", wf_run_id="x", parent=other.id)
    refused(driver, wrong, "PARENT_REQUIRED")
    lost = RunWf(wf_spec="below", wf_run_id="x", parent="nobody")
    refused(driver, lost, "WF_RUN_UNKNOWN")
    given = RunWf(wf_spec="below", wf_run_id="y", parent=story.id, variables={"total": 1})
    refused(driver, given, "BAD_VALUE")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (chain(runs("child")), "input 'item' of WfSpec 'child' must be given"),
        (chain(runs("child", item=literal([1]))), "input 'item'"),
        (chain(runs("child", item=literal("x"), more=literal(1))), "has no input 'more'"),
        (chain({"type": "RUN_CHILD_WF"}), "either a wf_spec or a dynamic_wf_spec"),
        (chain(runs("child") | {"version": 0}), "is below 1"),
        (chain(waits_for_run(literal([1]))), "wf_run_id"),
        (
            chain(variables=(declared("v", "INT", access="INHERITED_VAR"),)),
            "the spec names no parent",
        ),
        (
            {"parent": "child"} | chain(variables=(declared("v", "INT", access="INHERITED_VAR"),)),
            "has none of this name",
        ),
        (
            {"parent": "child"}
            | chain(variables=(declared("item", "INT", access="INHERITED_VAR"),)),
            "is inherited as INT, but is STR",
        ),
    ],
)
def test_what_is_seen_at_registration(memory: Driver, made, said: str) -> None:
    """With what to do."""
    register(memory, "child", CHILD)
    answer = refused(memory, PutWfSpec(name="bad", spec=made), "BAD_SPEC")
    assert said in answer.message


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (chain(runs("nobody")), "WfSpec 'nobody' is not registered"),
        (chain(runs("child", item=literal("x")) | {"major": 9}), "in major version 9"),
        ({"parent": "nobody"} | chain(), "the parent WfSpec 'nobody' is not registered"),
    ],
)
def test_what_may_be_registered_a_moment_later(memory: Driver, made: Any, said: str) -> None:
    """The spec is not wrong for that."""
    register(memory, "child", CHILD)
    answer = refused(memory, PutWfSpec(name="early", spec=made), "DEFINITION_UNKNOWN")
    assert said in answer.message


def test_a_run_is_not_deleted_while_one_below_it_is_live(memory: Driver) -> None:
    """Neither by hand nor by retention, which looks again later."""
    register(memory, "child", CHILD)
    kept = chain(runs("child", item=literal("x"))) | {"retention": {"after_termination_s": 60}}
    register(memory, "kept", kept)
    story = run(memory, "kept").is_now("COMPLETED")
    child = _child(memory, story)
    assert "below" in refused(memory, DeleteWfRun(wf_run_id=story.id), "WF_RUN_LIVE").message
    memory.pass_ms(61_000)
    child.task("work").succeeds().completes()
    assert memory.get(WfRun, story.id) is not None
    memory.pass_ms(3_600_000)
    memory.tick()
    assert memory.get(WfRun, story.id) is None
    assert memory.get(WfRun, child.id) is None


def test_text_that_is_no_id_is_not_waited_for(memory: Driver) -> None:
    """It must not lead to another row of the store."""
    waits = chain(
        event("go"), waits_for_run({"from": "CAST", "type": "WF_RUN_ID", "value": output_of("n1")})
    )
    register(memory, "waits-for-any", waits)
    run(memory, "waits-for-any", "self").gets("go", "self.x\x00n\x00").ends_with("VAR_SUB_ERROR")


def test_a_family_has_room_for_so_many_runs(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """Whoever starts them, and whatever has become of them: a spec that runs itself comes to an
    end."""
    monkeypatch.setattr("penstock.core.flow.family.FAMILY_RUNS_MAX", 3)
    register(memory, "leaf", chain(task("work")))
    register(memory, "few", chain(runs("leaf"), runs("leaf"), event("go"), runs("leaf")))
    story = run(memory, "few", "root")
    accepted(memory, RunWf(wf_spec="leaf", wf_run_id="more", parent="root"))
    refused(memory, RunWf(wf_spec="leaf", wf_run_id="again", parent="root"), "LIMIT")
    story.gets("go").ends_with("LIMIT")
