"""Threads of a run: children, what they see, and who waits for them."""

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.limits import THREADS_PER_START_MAX
from penstock.core.state.event_rows import EventWaiter
from penstock.core.state.run import ThreadRun
from penstock.core.state.thread_rows import Awaited, AwaitedEnd, LiveChild
from tests.controls import (
    a_task_def,
    chain,
    declared,
    edge,
    ends,
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
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import refused, register, run

PAIR = threads(
    chain(
        starts("child", item=literal("a")),
        starts("child", item=literal("b")),
        waits_for(output_of("n1"), output_of("n2")),
        task("after"),
    ),
    child=chain(task("work"), variables=(declared("item", "STR", required=True),)),
)


def test_children_run_beside_each_other_and_are_waited_for(driver: Driver) -> None:
    """The parent goes on when both have ended."""
    register(driver, "pair", PAIR)
    story = run(driver, "pair").task("work")
    first = story.taken
    story.task("work").succeeds().is_now("RUNNING").thread_is(2, "COMPLETED")
    story.no_task("after")
    story._task = first
    story.succeeds().task("after").succeeds().completes()
    assert [story.thread_run(number).parent for number in (1, 2)] == [0, 0]
    assert driver.scan(LiveChild, story.id) == []
    assert driver.scan(AwaitedEnd, story.id) == []
    assert {row.status for row in driver.scan(Awaited, story.id)} == {
        "COMPLETED_OR_FAILURE_HANDLED"
    }


def test_a_child_reads_and_writes_what_its_parent_declares(memory: Driver) -> None:
    """By name; its own variables are its own."""
    total = declared("total", "INT", default=1)
    child = spec(
        "add",
        {
            "add": task("noop", edge("end", total=literal(7))),
            "end": ends(variable("total")),
        },
    )
    main = chain(starts("child"), waits_for(output_of("n1")), returns=variable("total"))
    main["threads"]["main"]["variables"] = [total]
    register(memory, "shared", threads(main, child=child))
    story = run(memory, "shared").task("noop").succeeds().completes(7)
    assert story.thread_run(1).output == 7


def test_a_siblings_variable_can_not_be_seen(memory: Driver) -> None:
    """It compiles, since who is above whom is known at run time; then it is VAR_SUB_ERROR."""
    other = chain(task("work"), variables=(declared("mine", "INT", default=1),))
    nosy = chain(task("noop"), returns=variable("mine"))
    main = chain(starts("other"), starts("nosy"), waits_for(output_of("n2")))
    register(memory, "nosy", threads(main, other=other, nosy=nosy))
    story = run(memory, "nosy").task("noop").succeeds()
    story.ends_with("CHILD_FAILURE")
    failure = story.thread_run(2).failure
    assert failure is not None
    assert failure.name == "VAR_SUB_ERROR"


def test_below_a_thread_that_has_failed_nothing_begins(driver: Driver) -> None:
    """Who was started just before is halted at its first node, with who has started it."""
    fails = spec("end", {"end": throws("sorry")})
    main = chain(starts("fails"), starts("middle"))
    low = chain(task("work"))
    register(driver, "deep", threads(main, fails=fails, middle=chain(starts("low")), low=low))
    story = run(driver, "deep").ends_with("CHILD_FAILURE")
    story.thread_is(2, "HALTED").thread_is(3, "HALTED").no_task("work")


def test_a_failed_child_fails_the_wait_and_halts_the_others(memory: Driver) -> None:
    """WAIT_FOR_ALL: the first failure decides; a task in flight is let end."""
    register(memory, "pair", PAIR)
    story = run(memory, "pair").task("work").fails().ends_with("CHILD_FAILURE")
    story.thread_is(1, "ERROR").thread_is(2, "HALTING")
    story.task("work").succeeds().thread_is(2, "HALTED").no_task("after")


def test_an_exception_of_a_child_keeps_its_name_and_content(memory: Driver) -> None:
    """And the run ends in EXCEPTION."""
    register(memory, "pair", PAIR)
    story = run(memory, "pair").task("work").throws("out-of-stock", {"left": 0})
    story.ends_with("out-of-stock", "EXCEPTION")
    assert story.thread.failure is not None
    assert story.thread.failure.content == {"left": 0}


def test_a_child_nobody_waits_for_matters_at_the_exit_only(memory: Driver) -> None:
    """The parent ends when the child has, and fails if it failed."""
    main = chain(starts("child"), task("own"))
    register(memory, "loose", threads(main, child=chain(task("work"))))
    good = run(memory, "loose").task("own").succeeds().is_now("RUNNING").at_node("exit")
    good.task("work").succeeds().completes()
    bad = run(memory, "loose").task("work").fails().is_now("RUNNING")
    bad.task("own").succeeds().ends_with("CHILD_FAILURE")


@pytest.mark.parametrize(
    ("strategy", "reports", "status", "failure"),
    [
        ("WAIT_FOR_FIRST", ["succeeds"], "COMPLETED", None),
        ("WAIT_FOR_FIRST", ["fails"], "ERROR", "CHILD_FAILURE"),
        ("WAIT_FOR_ANY", ["succeeds"], "COMPLETED", None),
        ("WAIT_FOR_ANY", ["fails", "succeeds"], "COMPLETED", None),
        ("WAIT_FOR_ANY", ["fails", "fails", "fails"], "ERROR", "CHILD_FAILURE"),
        ("WAIT_FOR_ALL", ["succeeds", "succeeds", "fails"], "ERROR", "CHILD_FAILURE"),
        ("WAIT_FOR_ALL", ["succeeds", "succeeds", "succeeds"], "COMPLETED", None),
    ],
)
def test_what_decides_a_wait(memory: Driver, strategy, reports, status, failure) -> None:
    """And what is not needed any more is halted for good."""
    main = chain(
        starts_each("child", literal([1, 2, 3])), waits_for(output_of("n1"), strategy=strategy)
    )
    register(memory, strategy, threads(main, child=chain(event("go"), task("work"))))
    story = run(memory, strategy)
    for number, report in enumerate(reports, start=1):
        story.gets("go").task("work")
        assert story.taken.thread == number
        getattr(story, report)()
    if failure is None:
        story.completes()
    else:
        story.ends_with(failure, status)
    if status == "COMPLETED":
        for number in range(len(reports) + 1, 4):
            story.thread_is(number, "HALTED")
            assert story.thread_run(number).halt_reasons == ("HALTED_BY_PARENT",)
        assert memory.scan(EventWaiter, story.id) == []


def test_a_childs_failure_is_handled_below_the_child(memory: Driver) -> None:
    """The handler sees the child's variables, and the wait takes the child as done."""
    child = chain(task("work"), variables=(declared("item", "STR", required=True),))
    handler = chain(task("mend", inputs={"of": variable("item")}))
    main = chain(
        starts("child", item=literal("a")),
        waits_for(output_of("n1"), thread_handlers=[{"thread": "mend", "failure": "ERROR"}]),
    )
    mend = a_task_def("mend", of="STR")
    register(memory, "mended", threads(main, child=child, mend=handler), mend)
    story = run(memory, "mended").task("work").fails().is_now("RUNNING")
    story.task("mend", of="a").succeeds().completes()
    story.thread_is(1, "ERROR").thread_is(2, "COMPLETED")
    failing = run(memory, "mended").task("work").fails().task("mend").fails()
    failing.ends_with("CHILD_FAILURE")


def test_threads_for_each_element_are_given_it(memory: Driver) -> None:
    """As INPUT; their numbers are the output."""
    child = chain(task("work", inputs={"of": variable("INPUT")}))
    child["threads"]["main"]["variables"] = [declared("INPUT", "INT", required=True)]
    main = chain(
        starts_each("child", literal([10, 20])),
        waits_for(output_of("n1")),
        returns=output_of("n1"),
    )
    register(memory, "each", threads(main, child=child), a_task_def("work", of="INT"))
    story = run(memory, "each").task("work", of=10).succeeds().task("work", of=20).succeeds()
    story.completes([1, 2])


def test_no_thread_is_started_in_vain(memory: Driver) -> None:
    """One element that does not fit, and none is."""
    child = chain(variables=(declared("INPUT", "INT"),))
    items = declared("items", "JSON_ARR", default=[1, "two"])
    each = starts_each("child", variable("items"))
    main = chain(each, returns=output_of("n1"), variables=(items,))
    register(memory, "vain", threads(main, child=child))
    story = run(memory, "vain").ends_with("VAR_SUB_ERROR")
    assert len(memory.scan(ThreadRun, story.id)) == 1


def test_more_threads_than_a_run_may_have_are_refused_before_the_first(memory: Driver) -> None:
    """LIMIT."""
    main = chain(starts_each("child", literal([0] * (THREADS_PER_START_MAX + 1))))
    register(memory, "many", threads(main, child=chain()))
    story = run(memory, "many").ends_with("LIMIT")
    assert story.run.threads == 1


def test_a_handled_wait_goes_on(memory: Driver) -> None:
    """A node handler takes the failure of a child that was waited for."""
    waiting = handled(waits_for(output_of("n1")), ("sorry", "CHILD_FAILURE"))
    main = chain(starts("child"), waiting, task("after"))
    register(memory, "sorry", threads(main, child=chain(task("work")), sorry=chain(task("tell"))))
    story = run(memory, "sorry").task("work").fails().is_now("RUNNING")
    story.task("tell").succeeds().task("after").succeeds().completes()


def test_a_thread_may_throw(memory: Driver) -> None:
    """EXIT with a failure."""
    register(memory, "thrown", spec("end", {"end": throws("no-money", "sorry", literal(5))}))
    story = run(memory, "thrown").ends_with("no-money", "EXCEPTION")
    assert story.thread.failure is not None
    assert (story.thread.failure.message, story.thread.failure.content) == ("sorry", 5)
    register(memory, "broken", spec("end", {"end": throws("TIMEOUT")}))
    run(memory, "broken").ends_with("TIMEOUT", "ERROR")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (threads(chain(starts("nobody"))), "there is no thread 'nobody'"),
        (threads(chain(starts("main"))), "which only a run starts"),
        (
            threads(
                chain(starts("child", nope=literal(1))),
                child=chain(task("work")),
            ),
            "has no variable 'nope'",
        ),
        (
            threads(
                chain(starts("child")),
                child=chain(task("work"), variables=(declared("item", "STR", required=True),)),
            ),
            "variable 'item' of thread 'child' must be given",
        ),
        (
            threads(
                chain(starts("child", item=literal(1.5))),
                child=chain(task("work"), variables=(declared("item", "INT"),)),
            ),
            "variable 'item'",
        ),
        (threads(chain(handled(task("work"), ("nobody", None)))), "there is no thread 'nobody'"),
        (
            threads(chain(waits_for(literal(1), thread_handlers=[{"thread": "nobody"}]))),
            "there is no thread 'nobody'",
        ),
    ],
)
def test_what_is_seen_at_registration(memory: Driver, made, said: str) -> None:
    """With the node's name."""
    register(memory, "work-first", chain(task("work")))
    answer = refused(memory, PutWfSpec(name="bad", spec=made), "BAD_SPEC")
    assert said in answer.message
    assert "node 'n1'" in answer.message


@pytest.mark.parametrize("wrong", [7, 0, -1, ["one"], [True], [1, 9]])
def test_a_thread_that_is_not_there_can_not_be_waited_for(memory: Driver, wrong) -> None:
    """VAR_SUB_ERROR."""
    main = chain(starts("child"), waits_for(literal(wrong)))
    register(memory, "lost", threads(main, child=chain(task("work"))))
    run(memory, "lost").ends_with("VAR_SUB_ERROR")
