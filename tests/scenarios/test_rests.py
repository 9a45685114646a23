"""What a run waits for besides its work is a fact of it: counted, and told over time."""

from __future__ import annotations

from penstock.core.state.rest_rows import RunRests
from tests.controls import chain, event, output_of, starts, task, threads, waits_for
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, register, run


def rests(story: Story) -> list[str]:
    """What the run was like over time."""
    return [fact.status for row in story.driver.scan(RunRests, story.id) for fact in row.history]


def test_a_run_that_works_has_none(driver: Driver) -> None:
    register(driver, "works", chain(task("work")))
    story = run(driver, "works").task("work").starts().succeeds().completes()
    assert rests(story) == []


def test_an_event_that_is_there_already_is_not_waited_for(driver: Driver) -> None:
    register(driver, "later", chain(task("work"), event("a")))
    story = run(driver, "later").task("work")
    story.gets("a")
    story.succeeds().completes()
    assert rests(story) == []


def test_waits_of_several_threads_are_one_rest(driver: Driver) -> None:
    """It is over with the last of them."""
    main = chain(starts("below"), event("a"), waits_for(output_of("n1")))
    register(driver, "two", threads(main, below=chain(event("b"))))
    story = run(driver, "two")
    assert rests(story) == ["WAIT"]
    story.gets("a")
    assert rests(story) == ["WAIT"]
    story.gets("b").completes()
    assert rests(story) == ["WAIT", "AT_WORK"]


def test_a_retry_counts_before_a_wait(driver: Driver) -> None:
    """The next attempt ends it, not the success."""
    again = task("work", max_attempts=2, backoff={"base_ms": 200})
    main = chain(starts("below"), again, waits_for(output_of("n1")))
    register(driver, "both", threads(main, below=chain(event("b"))))
    story = run(driver, "both").task("work").starts().fails()
    assert rests(story) == ["WAIT", "RETRY"]
    driver.pass_ms(300)
    story.task("work")
    assert rests(story) == ["WAIT", "RETRY", "WAIT"]
    story.succeeds().gets("b").completes()
    assert rests(story)[-1] == "AT_WORK"


def test_a_halt_is_no_end_of_a_wait_and_a_kill_is(driver: Driver) -> None:
    register(driver, "waits", chain(event("a")))
    story = run(driver, "waits").is_stopped().is_now("HALTED")
    assert rests(story) == ["WAIT"]
    story.is_resumed().is_now("RUNNING").is_killed().ends_with("KILLED")
    assert rests(story) == ["WAIT", "AT_WORK"]
