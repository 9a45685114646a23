"""Nodes that are passed by, since their condition does not hold."""

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.state.thread_rows import ChildRun
from tests.controls import (
    Json,
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    literal,
    may_fail,
    only_if,
    output_of,
    sleeps,
    spec,
    starts,
    task,
    threads,
    throws,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run
from tests.scenarios.test_child_runs import runs
from tests.scenarios.test_warnings import warned

BIG = compare(variable("n"), "GREATER_THAN", literal(3))
N = declared("n", "INT")


def test_a_node_is_passed_by_if_its_condition_does_not_hold(driver: Driver) -> None:
    """It is COMPLETED and `skipped`, and what reads its output finds null."""
    main = chain(only_if(BIG, task("work")), task("after"), returns=output_of("n1"), variables=(N,))
    register(driver, "if", main, a_task_def("work", "INT"))
    story = run(driver, "if", n=1).task("after").succeeds().completes(None)
    passed = story.nodes[1]
    assert (passed.status, passed.skipped, passed.task) == ("COMPLETED", True, None)
    assert warned(story) == (False, False, [])
    done = run(driver, "if", n=4).task("work").succeeds(7).task("after").succeeds().completes(7)
    assert not done.nodes[1].skipped


def test_each_visit_asks_anew_and_an_older_output_is_not_read(memory: Driver) -> None:
    """A node that is passed by in the second round has the output null in that round."""
    more = compare(variable("n"), "LESS_THAN", literal(2))
    nodes = {
        "work": only_if(
            more,
            task("work", edge("again", more, n=literal(2), seen=output_of("work")), edge("end")),
        ),
        "again": {"type": "NOP", "edges": [edge("work")]},
        "end": ends(output_of("work")),
    }
    main = spec("work", nodes, declared("n", "INT", default=0), declared("seen", "INT"))
    register(memory, "rounds", main, a_task_def("work", "INT"))
    story = run(memory, "rounds").task("work").succeeds(5).completes(None)
    assert [node.skipped for node in story.nodes if node.node == "work"] == [False, True]
    assert story.value("seen") == 5


def test_mutations_of_a_node_that_was_passed_by_see_null(memory: Driver) -> None:
    """As when an operator skips it without an output."""
    nodes = {
        "work": only_if(literal(False), task("work", edge("end", n=output_of("work")))),
        "end": ends(variable("n")),
    }
    main = spec("work", nodes, declared("n", "INT", default=3))
    register(memory, "null", main, a_task_def("work", "INT"))
    run(memory, "null").completes(None)


@pytest.mark.parametrize("kind", ["wait", "sleep", "start", "event", "child"])
def test_any_node_may_be_passed_by(memory: Driver, kind: str) -> None:
    """Nothing of it is set up."""
    register(memory, "below", chain(task("work")))
    node = {
        "wait": waits_for(literal(5)),
        "sleep": sleeps(3_600),
        "start": starts("child"),
        "event": event("go"),
        "child": runs("below"),
    }[kind]
    main = chain(only_if(literal(False), node))
    made = threads(main, child=chain(task("work"))) if kind == "start" else main
    register(memory, "any", made)
    story = run(memory, "any").completes()
    assert story.run.threads == 1
    assert memory.scan(ChildRun, story.id) == []


def test_a_condition_that_can_not_be_told_is_a_failure(memory: Driver) -> None:
    """A variable that is null is neither true nor false; it may be handled, or allowed."""
    asks = only_if(variable("wanted"), task("work"))
    given = declared("wanted", "BOOL")
    register(memory, "untold", chain(asks, variables=(given,)))
    run(memory, "untold").ends_with("VAR_SUB_ERROR")
    register(memory, "allowed", chain(may_fail(asks), variables=(given,)))
    story = run(memory, "allowed").completes()
    assert warned(story) == (True, True, [1])
    assert not story.nodes[1].skipped


# --- registration ---------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["run_if", "allow_failure", "allow_warning"])
@pytest.mark.parametrize("node", ["0-entrypoint", "end"])
def test_where_a_thread_begins_or_ends_nothing_is_allowed(
    memory: Driver, node: str, setting: str
) -> None:
    """A thread that is not to begin is not started, and a failure is what an EXIT is for."""
    value = literal(True) if setting == "run_if" else True
    made = spec("end", {"end": throws("odd") if setting == "allow_failure" else ends()})
    made["threads"]["main"]["nodes"][node] |= {setting: value}
    answer = refused(memory, PutWfSpec(name="ends", spec=made), "BAD_SPEC")
    assert setting in answer.message


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (literal(1), "run_if"),
        (variable("gone"), "no variable 'gone'"),
        (output_of("gone"), "no node 'gone'"),
    ],
)
def test_a_condition_is_checked(memory: Driver, condition: Json, said: str) -> None:
    """Its type, and the names in it."""
    made = chain(only_if(condition, sleeps(1)))
    assert said in refused(memory, PutWfSpec(name="bad", spec=made), "BAD_SPEC").message


def test_a_wait_that_may_be_passed_by_does_not_stop_a_cycle(memory: Driver) -> None:
    """It would spin."""
    made = spec("wait", {"wait": sleeps(1) | {"edges": [edge("wait")]}, "end": ends()})
    nodes = made["threads"]["main"]["nodes"]
    nodes["wait"]["edges"] = [edge("more")]
    nodes["more"] = {"type": "NOP", "edges": [edge("wait")]}
    nodes["0-entrypoint"]["edges"] = [edge("wait", literal(True)), edge("end")]
    accepted(memory, PutWfSpec(name="cycle", spec=made))
    nodes["wait"] |= {"run_if": literal(True)}
    refused(memory, PutWfSpec(name="cycle-2", spec=made), "BAD_SPEC")
