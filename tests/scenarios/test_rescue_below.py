"""A thread that failed is rescued: what becomes of the threads that were halted with it."""

from __future__ import annotations

from tests.controls import chain, edge, event, spec, starts, task, threads, throws
from tests.scenarios.driver import Driver
from tests.scenarios.story import register, run

WAITS = chain(event("go"))


def test_a_rescued_thread_waits_at_its_exit_for_those_halted_with_it(driver: Driver) -> None:
    """It comes there before they have learned that they run again."""
    register(driver, "one", threads(chain(starts("child"), task("own")), child=WAITS))
    story = run(driver, "one").task("own").fails().is_now("ERROR").thread_is(1, "HALTED")
    story.is_rescued(skip=True).is_now("RUNNING").thread_is(1, "RUNNING")
    story.gets("go").completes()
    assert story.thread_run(1).status == "COMPLETED"


def test_so_does_one_of_a_run_that_is_restarted(memory: Driver) -> None:
    """Its task is done anew, and well."""
    register(memory, "one", threads(chain(starts("child"), task("own")), child=WAITS))
    story = run(memory, "one").task("own").fails().is_now("ERROR").is_begun_again()
    story.task("own").succeeds().is_now("RUNNING").gets("go").completes()


def test_those_below_a_rescued_thread_that_throws_are_halted_for_good(memory: Driver) -> None:
    """It ends in the visit in which it is rescued, and yet they learn of it."""
    main = spec(
        "start",
        {
            "start": starts("child") | {"edges": [edge("own")]},
            "own": task("own", edge("exit")),
            "exit": throws("sorry"),
        },
    )
    register(memory, "throws", threads(main, child=WAITS))
    story = run(memory, "throws").task("own").fails().is_now("ERROR").thread_is(1, "HALTED")
    story.is_rescued(skip=True).ends_with("sorry", "EXCEPTION")
    assert story.thread_run(1).halt_reasons == ("HALTED_BY_PARENT",)
