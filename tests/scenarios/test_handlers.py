"""Failure handlers and interrupts."""

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.state.thread_rows import Interrupter, PendingInterrupt
from tests.controls import (
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    handled,
    holds,
    interrupted,
    literal,
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
from tests.scenarios.story import refused, register, run

MENDED = threads(
    chain(handled(task("work"), ("mend", None)), task("after")), mend=chain(task("mend"))
)


def test_a_handled_failure_lets_the_thread_go_on(driver: Driver) -> None:
    """The node keeps its ERROR; the run was RUNNING all the time."""
    register(driver, "mended", MENDED)
    story = run(driver, "mended").task("work").fails().is_now("RUNNING")
    story.task("mend").succeeds().task("after").succeeds().completes()
    failed = story.nodes[1]
    assert (failed.status, failed.handled) == ("ERROR", True)
    assert [fact.status for fact in story.run.history] == ["RUNNING", "COMPLETED"]
    statuses = [fact.status for fact in story.thread.history]
    assert statuses == ["RUNNING", "HALTING", "HALTED", "RUNNING", "COMPLETED"]


def test_a_handler_that_fails_fails_its_thread(memory: Driver) -> None:
    """Without another chance."""
    register(memory, "mended", MENDED)
    run(memory, "mended").task("work").fails().task("mend").fails().ends_with("CHILD_FAILURE")
    thrown = run(memory, "mended").task("work").fails().task("mend").throws("worse")
    thrown.ends_with("worse", "EXCEPTION")


@pytest.mark.parametrize(
    ("handler", "failure", "is_handled"),
    [
        (None, "fails", True),
        (None, "throws", True),
        ("ERROR", "fails", True),
        ("ERROR", "throws", False),
        ("EXCEPTION", "throws", True),
        ("EXCEPTION", "fails", False),
        ("TASK_FAILURE", "fails", True),
        ("TASK_ERROR", "fails", True),
        ("VAR_ERROR", "fails", False),
        ("TIMEOUT", "fails", False),
        ("odd", "throws", True),
        ("even", "throws", False),
    ],
)
def test_who_handles_what(memory: Driver, handler, failure, is_handled) -> None:
    """By name, by group, or whatever comes."""
    made = threads(chain(handled(task("work"), ("mend", handler))), mend=chain(task("mend")))
    register(memory, "who", made)
    story = run(memory, "who").task("work")
    story = story.fails() if failure == "fails" else story.throws("odd")
    if is_handled:
        story.task("mend").succeeds().completes()
    elif failure == "fails":
        story.ends_with("TASK_FAILURE")
    else:
        story.ends_with("odd", "EXCEPTION")


def test_the_first_handler_in_the_list_is_taken(memory: Driver) -> None:
    """Others are not."""
    made = threads(
        chain(handled(task("work"), ("one", "odd"), ("two", "EXCEPTION"), ("three", None))),
        one=chain(task("first")),
        two=chain(task("second")),
        three=chain(task("third")),
    )
    register(memory, "list", made)
    run(memory, "list").task("work").throws("odd").task("first").succeeds().completes()
    run(memory, "list").task("work").throws("even").task("second").succeeds().completes()
    run(memory, "list").task("work").fails().task("third").succeeds().completes()


def test_a_handler_is_given_what_the_failure_carries(memory: Driver) -> None:
    """As INPUT, and it may write its parent's variables."""
    given = variable("INPUT")
    mend = spec(
        "work",
        {
            "work": task("mend", edge("end", seen=given), inputs={"of": given}),
            "end": ends(),
        },
        declared("INPUT", "INT"),
    )
    main = chain(handled(task("work"), ("mend", "odd")), returns=variable("seen"))
    main["threads"]["main"]["variables"] = [declared("seen", "INT")]
    register(memory, "input", threads(main, mend=mend), a_task_def("mend", of="INT"))
    run(memory, "input").task("work").throws("odd", 5).task("mend", of=5).succeeds().completes(5)
    # what does not fit is left out: a handler must run whatever the failure carries
    run(memory, "input").task("work").throws("odd", "text").task("mend", of=None).succeeds()


def test_a_handled_node_is_left_without_mutations(memory: Driver) -> None:
    """They would need the output that it has not."""
    main = spec(
        "work",
        {
            "work": handled(task("work", edge("end", done=literal(1))), ("mend", None)),
            "end": ends(variable("done")),
        },
        declared("done", "INT", default=0),
    )
    register(memory, "unchanged", threads(main, mend=chain(task("mend"))))
    run(memory, "unchanged").task("work").fails().task("mend").succeeds().completes(0)
    run(memory, "unchanged").task("work").succeeds().completes(1)


def test_no_way_on_can_be_handled_once(memory: Driver) -> None:
    """The node fails; with no way on even after that, the thread does."""
    never = compare(literal(1), "EQUALS", literal(2))
    main = spec(
        "work", {"work": handled(task("work", edge("end", never)), ("mend", None)), "end": ends()}
    )
    register(memory, "nowhere", threads(main, mend=chain(task("mend"))))
    story = run(memory, "nowhere").task("work").succeeds().task("mend").succeeds()
    story.ends_with("VAR_SUB_ERROR")


def test_children_are_halted_while_a_failure_is_handled(memory: Driver) -> None:
    """And run again afterwards; a task of theirs in flight is let end first."""
    main = chain(starts("child"), handled(task("work"), ("mend", None)), waits_for(output_of("n1")))
    made = threads(main, child=chain(task("slow"), task("more")), mend=chain(task("mend")))
    register(memory, "family", made)
    story = run(memory, "family").task("work").fails().no_task("mend").thread_is(1, "HALTING")
    story.task("slow").succeeds().thread_is(1, "HALTED").no_task("more")
    story.task("mend").succeeds().thread_is(1, "RUNNING").task("more").succeeds().completes()


RECALLED = interrupted(
    threads(
        chain(event("paid"), task("ship"), variables=(declared("note", "STR"),)),
        recall=spec(
            "ask",
            {
                "ask": task("ask", edge("end", note=variable("INPUT"))),
                "end": ends(),
            },
            declared("INPUT", "STR"),
        ),
    ),
    recall="recall",
)


def test_an_event_interrupts_a_thread_and_it_goes_on_afterwards(driver: Driver) -> None:
    """What it waited for may come meanwhile; the run is RUNNING throughout."""
    register(driver, "recalled", RECALLED)
    story = run(driver, "recalled").gets("recall", "why?").is_now("RUNNING")
    story.thread_is(0, "HALTED").task("ask")
    story.gets("paid").no_task("ship")
    story.succeeds().task("ship").succeeds().completes()
    assert story.value("note") == "why?"
    assert driver.scan(PendingInterrupt, story.id) == []
    assert driver.scan(Interrupter, story.id) == []


def test_interrupts_are_handled_one_after_the_other(memory: Driver) -> None:
    """The oldest first."""
    register(memory, "recalled", RECALLED)
    story = run(memory, "recalled").gets("recall", "one").gets("recall", "two").task("ask")
    assert story.taken.thread == 1
    story.succeeds().task("ask")
    assert (story.taken.thread, story.value("note")) == (2, "one")
    story.succeeds().gets("paid").task("ship").succeeds().completes()
    assert story.value("note") == "two"


def test_a_task_in_flight_is_let_end_before_an_interrupt(memory: Driver) -> None:
    """And if it fails, that ends the thread."""
    made = interrupted(
        threads(chain(task("work"), task("more")), recall=chain(task("ask"))), recall="recall"
    )
    register(memory, "busy", made)
    story = run(memory, "busy").task("work").gets("recall").no_task("ask").thread_is(0, "HALTING")
    story.succeeds().no_task("more").task("ask").succeeds().task("more").succeeds().completes()
    run(memory, "busy").task("work").gets("recall").fails().ends_with("TASK_FAILURE")


def test_a_failed_interrupt_fails_what_it_interrupted(memory: Driver) -> None:
    """The node that waited is left."""
    register(memory, "recalled", RECALLED)
    story = run(memory, "recalled").gets("recall").task("ask").fails().ends_with("CHILD_FAILURE")
    assert story.nodes[1].status == "ERROR"


def test_a_stop_halts_a_handler_too_and_the_run_is_halted(memory: Driver) -> None:
    """It is not RUNNING any more, and goes on with the handler when it is resumed."""
    register(memory, "recalled", RECALLED)
    story = run(memory, "recalled").gets("recall").task("ask").is_stopped().is_now("HALTING")
    story.succeeds().is_now("HALTED").thread_is(1, "HALTED")
    story.is_resumed().is_now("RUNNING").thread_is(1, "COMPLETED")
    story.gets("paid").task("ship").succeeds().completes()


def test_an_interrupt_of_a_stopped_thread_waits_for_the_resume(memory: Driver) -> None:
    """Nothing begins while an operator holds the run."""
    register(memory, "recalled", RECALLED)
    story = run(memory, "recalled").is_stopped().is_now("HALTED").gets("recall").no_task("ask")
    story.is_resumed().task("ask").succeeds().gets("paid").task("ship").succeeds().completes()


def test_a_failure_is_handled_before_an_interrupt(memory: Driver) -> None:
    """Both are pending when the task fails while the thread is halting."""
    made = interrupted(
        threads(
            chain(handled(task("work"), ("mend", None)), task("after")),
            mend=chain(task("mend")),
            recall=chain(task("ask")),
        ),
        recall="recall",
    )
    register(memory, "both", made)
    story = run(memory, "both").task("work").gets("recall").fails().no_task("ask")
    story.task("mend").succeeds().task("ask").succeeds().task("after").succeeds().completes()


def test_a_handler_may_move_a_sleep(memory: Driver) -> None:
    """Both ways: `until` is looked at again when the variable changes."""
    until = declared("until", "STR", default="2023-11-14T23:13:20.000Z")  # an hour after the start
    moved = spec(
        "set",
        {"set": task("noop", edge("end", until=variable("INPUT"))), "end": ends()},
        declared("INPUT", "STR"),
    )
    main = chain(sleeps(until=variable("until")), task("after"), variables=(until,))
    register(memory, "moved", interrupted(threads(main, moved=moved), move="moved"))
    story = run(memory, "moved").gets("move", "2023-11-14T22:13:21.000Z").task("noop").succeeds()
    memory.pass_ms(999)
    story.no_task("after")
    memory.pass_ms(1)
    story.task("after").succeeds().completes()
    later = run(memory, "moved").gets("move", "2023-11-15T00:00:00.000Z").task("noop").succeeds()
    memory.pass_ms(3_600_000)
    later.no_task("after")
    memory.pass_ms(3_600_000)
    later.task("after").succeeds().completes()


def test_a_condition_is_looked_at_when_a_variable_changes(memory: Driver) -> None:
    """By a child, here."""
    main = chain(
        starts("child"),
        holds(compare(variable("ready"), "EQUALS", literal(True))),
        returns=variable("ready"),
        variables=(declared("ready", "BOOL", default=False),),
    )
    child = spec("w", {"w": task("work", edge("end", ready=literal(True))), "end": ends()})
    register(memory, "ready", threads(main, child=child))
    story = run(memory, "ready").at_node("n2").task("work").succeeds().completes(True)
    assert story.run.watchers == 0


def test_a_sleep_passes_time(memory: Driver) -> None:
    """A halt does not stop it; it takes effect on resume."""
    register(memory, "nap", chain(sleeps(1.5), task("after")))
    story = run(memory, "nap")
    memory.pass_ms(1_499)
    story.no_task("after")
    memory.pass_ms(1)
    story.task("after").succeeds().completes()
    halted = run(memory, "nap").is_stopped().is_now("HALTED")
    memory.pass_ms(2_000)
    halted.no_task("after").is_resumed().task("after").succeeds().completes()
    register(memory, "no-nap", chain(sleeps(0), task("after")))
    run(memory, "no-nap").task("after")


@pytest.mark.parametrize("seconds", [-1, 1e300])
def test_a_sleep_that_can_not_be(memory: Driver, seconds) -> None:
    """VAR_SUB_ERROR."""
    register(memory, "bad-nap", chain(sleeps(seconds)))
    run(memory, "bad-nap").ends_with("VAR_SUB_ERROR")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            interrupted(threads(chain(event("go")), a=chain()), go="a"),
            "no node can wait for it",
        ),
        (interrupted(chain(task("work")), go="nobody"), "there is no thread 'nobody'"),
        (spec("end", {"end": throws("ERROR")}), "is no name for a failure"),
        (spec("end", {"end": throws("a b")}), "is no name for a failure"),
        (
            spec("end", {"end": throws("odd") | {"returns": literal(1)}}),
            "either returns or throws",
        ),
        (
            threads(spec("end", {"end": handled(ends(), ("a", None))}), a=chain()),
            "no way leads on from here",
        ),
        (chain({"type": "SLEEP"}), "either seconds or until"),
        (chain(sleeps(1, literal("2023-11-14T22:13:21.000Z"))), "either seconds or until"),
        (chain(holds(literal(5))), "is not BOOL"),
    ],
)
def test_what_is_seen_at_registration(memory: Driver, made, said: str) -> None:
    """With what to do."""
    register(memory, "first", interrupted(threads(chain(task("work")), a=chain()), go="a"))
    answer = refused(memory, PutWfSpec(name="bad", spec=made), "BAD_SPEC")
    assert said in answer.message
