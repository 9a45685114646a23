"""W8: nine states, and the moves between them; W10 and W11 are among these."""

from typing import Any

from penstock.core.commands.topic_ready import TopicReady
from penstock.core.state.transitions import TaskStatus
from penstock.core.views.wundaflow.states import MOVES, State
from penstock.stepped.definition import Retry
from tests.dialects.workflows import AT_ONCE, WorkflowRun, define, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted
from tests.scenarios.test_task_cells import from_engine, output_failed


def begun(driver: Driver, *tasks: str, **settings: Any) -> WorkflowRun:
    """A run whose first task is with a worker."""
    run = start(driver, define(driver, "tell", *(tasks or ("a",)), **settings), {})
    run.task("a").starts()
    return run


def test_w08_the_states_are_these() -> None:
    """And each can be reached, from `none` on."""
    assert [state.value for state in State] == [
        *("none", "pending", "queued", "running", "success"),
        *("shutdown", "restarting", "failed", "pending_retry"),
    ]
    reached, pending = {State.NONE}, [State.NONE]
    while pending:
        news = MOVES[pending.pop()] - reached
        reached |= news
        pending += news
    assert reached == set(State) == set(MOVES)


def test_w08_each_of_the_nine_is_come_to(driver: Driver) -> None:
    """On every log: one run whose first task is tried again, handed back and fails, and one that
    is shut down.
    """
    twice = Retry(max_attempts=2, backoff=AT_ONCE)
    name = define(driver, "tell", "a", "b", "c", retry=twice)
    run = start(driver, name, {})
    run.task("a").starts().fails().task("a").starts().succeeds({})
    run.task("b").starts().is_handed_back()
    run.task("b").fails().task("b").fails().ends_with("TASK_FAILURE")
    other = start(driver, name, {})
    other.task("a").starts().is_shut_down().fails("stopped").ends_with("TASK_CANCELLED")
    assert run.states() == "success failed none"
    assert other.states() == "shutdown none none"
    shown = (*run.task_runs, *other.task_runs)
    assert {moment["state"] for one in shown for moment in one["history"]} == set(State)


def test_w08_a_task_that_succeeds(driver: Driver) -> None:
    run = start(driver, define(driver, "tell", "a", "b"), {})
    assert run.states() == "queued none"
    run.task("a").starts()
    assert run.states() == "running none"
    run.succeeds({})
    assert run.states() == "success queued"
    run.task("b").starts().succeeds({}).completes({})
    assert run.went("a").endswith("pending queued running success")
    assert run.went("b") == "none pending queued running success"
    assert run.shown["state"] == "success"


def test_w08_a_short_attempt_says_at_its_end_when_it_began(memory: Driver) -> None:
    """There is no other word that it ran."""
    run = start(memory, define(memory, "tell", "a"), {})
    run.task("a")
    assert memory.clock is not None
    began_ms = memory.clock.now_ms + 30
    memory.pass_ms(50)
    said = run.report(TaskStatus.TASK_SUCCESS, output={}, started_at_ms=began_ms)
    accepted(memory, said)
    assert run.went("a") == "pending queued running success"
    moments = run.one("a")["history"]
    assert moments[2]["at"] == run.one("a")["attempts"][0]["started_at"]
    assert moments[1]["at"] < moments[2]["at"] < moments[3]["at"]


def test_w08_a_task_whose_topic_is_not_there_is_pending(memory: Driver) -> None:
    """And queued again once it is; a shutdown meanwhile comes before the start."""
    name = define(memory, "tell", "a")
    run = start(memory, name, {})
    output_failed(run.task("a"), "NO_TOPIC")
    other = start(memory, name, {})
    output_failed(other.task("a"), "NO_TOPIC")
    assert run.went("a") == "pending queued pending"
    other.is_shut_down().ends_with("TASK_CANCELLED")
    assert other.one("a")["cancelled_before_start"]
    from_engine(memory, run.id, TopicReady("a"))
    run.task("a").starts().succeeds({}).completes({})
    assert run.went("a") == "pending queued pending queued running success"
    assert len(run.one("a")["attempts"]) == 1


def test_w08_a_shutdown_of_a_running_task(driver: Driver) -> None:
    """While it still runs, it runs; what comes after it stays none."""
    run = begun(driver, "a", "b")
    run.is_shut_down()
    assert run.states() == "running none"
    run.fails("stopped").ends_with("TASK_CANCELLED")
    assert run.went("a").endswith("running shutdown")
    assert run.states() == "shutdown none"
    assert run.shown["state"] == "shutdown"
    assert not run.one("a")["cancelled_before_start"]


def test_w08_a_run_that_is_killed_before_its_task_began(driver: Driver) -> None:
    run = start(driver, define(driver, "tell", "a"), {})
    run.is_killed().is_now("ERROR")
    assert run.went("a") == "pending queued shutdown"
    assert run.one("a")["cancelled_before_start"]
    assert run.shown["state"] == "shutdown"


def test_w08_a_run_that_is_killed_while_its_task_waits_for_a_retry(memory: Driver) -> None:
    run = begun(memory)
    run.fails().is_killed().is_now("ERROR")
    assert run.went("a") == "pending queued running pending_retry shutdown"
    assert run.one("a")["cancelled_before_start"]


def test_w08_a_restart_that_an_operator_asks_for(memory: Driver) -> None:
    """From the moment he asks; the new attempt does not count."""
    run = begun(memory, retry=Retry(max_attempts=1))
    memory.pass_ms(10)
    run.is_restarted()
    assert run.went("a") == "pending queued running restarting"
    asked = run.one("a")["history"][-1]
    memory.pass_ms(10)
    run.is_handed_back()
    assert run.went("a") == "pending queued running restarting pending queued"
    assert run.one("a")["history"][3] == asked
    memory.pass_ms(10)
    run.task("a").starts().succeeds({}).completes({})
    assert run.went("a").endswith("restarting pending queued running success")
    assert [one["state"] for one in run.one("a")["attempts"]] == ["restarting", "success"]


def test_w08_a_success_that_comes_before_the_restart(memory: Driver) -> None:
    run = begun(memory)
    memory.pass_ms(10)
    run.is_restarted()
    memory.pass_ms(10)
    run.succeeds({}).completes({})
    assert run.went("a") == "pending queued running restarting success"


def test_w08_a_worker_gives_its_task_back(driver: Driver) -> None:
    """One that may be done twice is begun anew."""
    run = begun(driver)
    run.is_handed_back().task("a").succeeds({}).completes({})
    assert "running restarting pending queued" in run.went("a")


def test_w08_a_worker_gives_back_what_it_has_not_begun(memory: Driver) -> None:
    run = start(memory, define(memory, "tell", "a"), {})
    run.task("a")
    memory.pass_ms(10)
    run.is_handed_back()
    assert run.went("a") == "pending queued restarting pending queued"


def test_w08_a_retry(driver: Driver) -> None:
    run = begun(driver, retry=Retry(max_attempts=2, backoff=AT_ONCE))
    run.fails().task("a").starts().succeeds({"n": 1}).completes({"n": 1})
    assert "running pending_retry pending queued running success" in run.went("a")
    first, second = run.one("a")["attempts"]
    assert (first["number"], first["state"]) == (1, "failed")
    assert first["error"] == {"name": "TASK_FAILURE", "message": "no luck"}
    assert (second["number"], second["state"], second["error"]) == (2, "success", None)
    assert second["worker"] == "worker-1"


def test_w08_a_task_that_fails_for_good_and_is_begun_again(memory: Driver) -> None:
    run = begun(memory, "a", "b", retry=Retry(max_attempts=1))
    run.fails().ends_with("TASK_FAILURE")
    assert run.states() == "failed none"
    memory.pass_ms(10)
    run.is_rescued().task("a").succeeds({})
    assert run.went("a") == "pending queued running failed restarting pending queued success"
    assert run.states() == "success queued"
