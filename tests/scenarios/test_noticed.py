"""Failures of threads that nobody looks at, and threads that will not go on by themselves: who
waits for them, and who ends, learns of it.
"""

import pytest

from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.state.thread_rows import AwaitedEnd
from tests.controls import (
    Json,
    chain,
    declared,
    edge,
    event,
    handled,
    interrupted,
    literal,
    only_started,
    output_of,
    starts,
    starts_each,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, register, run

TWO = waits_for(output_of("n1"), output_of("n2"))


@pytest.mark.parametrize("how", ["handled", "skipped", "rescued"])
def test_a_child_that_fails_after_the_wait_for_it_is_noticed_at_the_exit(
    memory: Driver, how: str
) -> None:
    """The wait has failed and that was handled, or an operator has left it; that a wait had begun
    is not enough.
    """
    wait = handled(TWO, ("heal", None)) if how == "handled" else TWO
    main = chain(starts("first"), starts("second"), wait, task("after"))
    first, second = chain(task("work")), chain(event("go"), task("other"))
    made = threads(main, first=first, second=second, heal=chain())
    register(memory, "late", only_started(made))
    story = run(memory, "late").task("work")
    if how == "skipped":
        story.is_skipped()
    else:
        story.fails()
    if how == "rescued":
        story.ends_with("CHILD_FAILURE").is_rescued(skip=True)
    story.at_node("n4").gets("go").task("other").fails().thread_is(2, "ERROR")
    story.task("after").succeeds().ends_with("CHILD_FAILURE")
    if how == "skipped":
        return  # the first is at work still
    assert story.thread.failed_children == 1
    story.is_rescued(2).is_now("RUNNING").task("other").succeeds().completes()


def test_a_wait_that_is_left_before_it_has_looked_leaves_the_failure_to_the_exit(
    memory: Driver,
) -> None:
    """The thread was stopped when its child failed, and its wait was skipped."""
    main = chain(starts("child"), waits_for(output_of("n1")), task("after"))
    register(memory, "left", threads(main, child=chain(task("work"))))
    story = run(memory, "left").task("work").is_stopped().fails().thread_is(1, "ERROR")
    story.is_skipped().is_resumed().task("after").succeeds().ends_with("CHILD_FAILURE")
    story.is_rescued(1).task("work").succeeds().completes()


@pytest.mark.parametrize("left", ["skipped", "failed"])
def test_a_wait_of_another_thread_that_is_left_gives_the_failure_back(
    memory: Driver, left: str
) -> None:
    """The parent had left it to that wait, which was stopped, and then skipped, or failed with a
    handler of its own.
    """
    main = chain(starts("child"), starts("waits"), event("go"))
    waits = interrupted(chain(waits_for(literal(1)), task("more")), ask="ask")
    made = threads(main, child=chain(task("work")), waits=waits, ask=chain(task("told")))
    register(memory, "given-back", made)
    story = run(memory, "given-back").task("work")
    if left == "skipped":
        accepted(memory, StopWfRun(wf_run_id=story.id, thread=2))
    else:
        story.gets("ask")
    story.fails().thread_is(1, "ERROR")
    assert story.thread.failed_children == 0
    if left == "skipped":
        story.is_skipped(thread=2)
        accepted(memory, ResumeWfRun(wf_run_id=story.id, thread=2))
        story.task("more").succeeds()
    else:
        story.task("told").fails().thread_is(2, "ERROR")
    assert story.thread_run(1).unnoticed
    assert memory.scan(AwaitedEnd, story.id) == []
    story.gets("go").ends_with("CHILD_FAILURE")
    if left == "skipped":
        story.is_rescued(1).task("work").succeeds().completes()


def test_a_failure_that_one_wait_has_looked_at_is_not_given_back_by_another(
    memory: Driver,
) -> None:
    """Two wait for the child; the one that is left has not seen it, the other has handled it."""
    main = chain(starts("child"), starts("waits"), starts("sees"), event("go"))
    waits = chain(waits_for(literal(1)), task("more"))
    sees = chain(waits_for(literal(1), thread_handlers=[{"thread": "heal"}]))
    made = threads(main, child=chain(task("work")), waits=waits, sees=sees, heal=chain())
    register(memory, "seen", made)
    story = run(memory, "seen").task("work")
    accepted(memory, StopWfRun(wf_run_id=story.id, thread=2))
    story.fails().thread_is(3, "COMPLETED").is_skipped(thread=2)
    accepted(memory, ResumeWfRun(wf_run_id=story.id, thread=2))
    story.task("more").succeeds().gets("go").completes()


def test_a_wait_that_looks_late_takes_notice(memory: Driver) -> None:
    """The same, but the wait is resumed: its failure is the child's, and the EXIT has nothing to
    say once that is handled.
    """
    main = chain(starts("child"), handled(waits_for(output_of("n1")), ("heal", None)))
    register(memory, "late", threads(main, child=chain(task("work")), heal=chain()))
    story = run(memory, "late").task("work").is_stopped().fails().thread_is(1, "ERROR")
    assert story.thread.failed_children == 1
    story.is_resumed().completes()
    assert story.thread.failed_children == 0


def test_a_child_that_fails_while_it_is_halted_for_good_is_not_missed(memory: Driver) -> None:
    """Another came first: nobody needs it."""
    wait = waits_for(output_of("n1"), strategy="WAIT_FOR_FIRST")
    main = chain(starts_each("child", literal([1, 2])), wait, task("after"))
    register(memory, "race", threads(main, child=chain(task("work"))))
    story = run(memory, "race").task("work")
    first = story.taken
    story.task("work").succeeds()
    story._task = first
    story.fails().thread_is(first.thread, "ERROR").task("after").succeeds().completes()


def below(waiting: Json, *, handles: bool = False) -> Json:
    """The entrypoint waits for a thread below a child of its own; the child, `middle`, fails."""
    first = handled(waits_for(output_of("n1")), ("heal", None)) if handles else event("go")
    main = chain(
        starts("middle"),
        first,
        waiting,
        task("after"),
        variables=(declared("leaf", "INT"),),
    )
    middle = chain(starts("leaf"), task("work"))
    middle["threads"]["main"]["nodes"]["n1"]["edges"] = [edge("n2", leaf=output_of("n1"))]
    return only_started(threads(main, middle=middle, leaf=chain(event("on")), heal=chain()))


def test_a_wait_for_a_thread_below_one_that_has_failed_is_decided(driver: Driver) -> None:
    """It is halted, and will not go on by itself. Once that one is rescued it does, and so does who
    had failed since it waited for it.
    """
    register(driver, "below", below(waits_for(variable("leaf"))))
    story = run(driver, "below").gets("go").task("work").fails().thread_is(1, "ERROR")
    story.ends_with("CHILD_FAILURE").thread_is(2, "HALTED")
    failure = story.thread.failure
    assert failure is not None
    assert "thread 2" in failure.message and "below a thread that has failed" in failure.message
    story.is_rescued(1).is_now("RUNNING").thread_is(2, "RUNNING")
    story.task("work").succeeds().is_now("RUNNING").gets("on").task("after").succeeds().completes()


def test_a_wait_that_comes_later_sees_that_too(memory: Driver) -> None:
    """The failure above was handled, and can not be rescued any more."""
    register(memory, "below", below(waits_for(variable("leaf")), handles=True))
    story = run(memory, "below").task("work").fails().ends_with("CHILD_FAILURE")
    assert story.nodes[2].handled
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=1), "FAILURE_HANDLED")


def test_a_wait_for_any_forgets_what_goes_on_after_all(memory: Driver) -> None:
    """The thread above was rescued before the wait was decided."""
    wait = waits_for(variable("leaf"), output_of("n2"), strategy="WAIT_FOR_ANY")
    main = chain(starts("middle"), starts("other"), event("go"), wait)
    main["threads"]["main"]["variables"] = [declared("leaf", "INT")]
    middle = chain(starts("leaf"), task("work"))
    middle["threads"]["main"]["nodes"]["n1"]["edges"] = [edge("n2", leaf=output_of("n1"))]
    made = threads(main, middle=middle, leaf=chain(event("on")), other=chain(task("else")))
    register(memory, "any", made)
    story = run(memory, "any").gets("go").task("work").fails().is_now("RUNNING")
    assert story.thread_run(3).lost
    story.is_rescued(1).thread_is(3, "RUNNING")
    story.task("else").fails().is_now("RUNNING").gets("on").task("work").succeeds()
    assert memory.scan(AwaitedEnd, story.id) == []
    story.completes()  # the wait has noticed the failure of `other`, which did not matter


def test_being_halted_for_good_reaches_all_threads_below(memory: Driver) -> None:
    """And who waits for one of them. A restart begins none of them anew that is not needed."""
    main = chain(
        starts("middle"),
        starts("other"),
        starts("waiting"),
        waits_for(output_of("n1"), output_of("n2"), strategy="WAIT_FOR_FIRST"),
        task("after"),
        variables=(declared("leaf", "INT"),),
    )
    middle = chain(starts("leaf"), event("never"))
    middle["threads"]["main"]["nodes"]["n1"]["edges"] = [edge("n2", leaf=output_of("n1"))]
    made = threads(
        main,
        middle=middle,
        leaf=chain(starts("deep"), event("never")),
        deep=chain(event("never")),
        other=chain(task("work")),
        waiting=chain(event("go"), waits_for(variable("leaf"))),
    )
    register(memory, "down", made)
    story = run(memory, "down").gets("go").task("work").succeeds()
    story.thread_is(1, "HALTED").thread_is(3, "ERROR")
    leaf, deep = story.value("leaf"), 5
    for number in (1, leaf, deep):
        assert story.thread_run(number).halt_reasons == ("HALTED_BY_PARENT",)
    story.task("after").succeeds().ends_with("CHILD_FAILURE")
    nodes = len(story.nodes)
    story.is_begun_again().is_now("ERROR")
    for number in (1, leaf, deep):
        assert "HALTED_BY_PARENT" in story.thread_run(number).halt_reasons
        assert story.thread_run(number).position == 2 - (number == deep)
    assert len(story.nodes) > nodes


def test_a_handler_below_a_thread_that_was_halted_for_good_goes_on_with_it(memory: Driver) -> None:
    """A restart opens both again."""
    main = chain(starts("child"), task("own"))
    child = chain(handled(task("work"), ("heal", None)), task("more"))
    register(memory, "heals", threads(main, child=child, heal=chain(event("on"))))
    story = run(memory, "heals").task("work").fails().thread_is(2, "RUNNING")
    story.task("own").throws("sick").ends_with("sick", "EXCEPTION").thread_is(2, "HALTED")
    assert story.thread_run(2).halt_reasons == ("HALTED_BY_PARENT",)
    story.is_begun_again().gets("on").task("more").succeeds().task("own").succeeds().completes()


def test_a_thread_that_was_stopped_by_hand_is_not_lost(memory: Driver) -> None:
    """An operator will resume it."""
    main = chain(starts("child"), waits_for(output_of("n1")))
    register(memory, "stopped", threads(main, child=chain(task("work"))))
    story = run(memory, "stopped").task("work")
    accepted(memory, StopWfRun(wf_run_id=story.id, thread=1))
    story.succeeds().thread_is(1, "HALTED").is_now("RUNNING")
    assert not story.thread_run(1).lost
