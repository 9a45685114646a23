"""KillWfRun: a run ends wherever it stands."""

import pytest

from penstock.core.commands import run_wf
from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.force_wf_run import ForceWfRun
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.shutdown_task_run import ShutdownTaskRun
from penstock.core.commands.skip_node import SkipNode
from penstock.core.commands.task_started import TaskStarted
from penstock.core.definitions.defs import HeldTask
from penstock.core.state import turn
from penstock.core.state.event_rows import EventWaiter
from penstock.core.state.run import TaskRun, ThreadRun
from penstock.core.state.thread_rows import Interrupter, LiveChild, Watcher
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    chain,
    compare,
    declared,
    event,
    handled,
    holds,
    interrupted,
    literal,
    output_of,
    sleeps,
    starts,
    starts_each,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, register, run


def test_a_run_that_waits_is_killed_at_once(driver: Driver) -> None:
    """Its node run ends, and nothing is handled."""
    waits = threads(chain(handled(event("go"), ("heal", None))), heal=chain(task("medicine")))
    register(driver, "waits", waits)
    story = run(driver, "waits").is_killed().ends_with("KILLED").no_task("medicine")
    assert story.nodes[1].status == "ERROR"
    assert story.run.threads == 1
    assert story.run.sweep is None
    assert driver.scan(EventWaiter, story.id) == []


def test_a_task_with_a_worker_is_waited_for(driver: Driver) -> None:
    """HALTING until it is reported: its worker is asked to stop, and what it says is kept."""
    register(driver, "two", chain(task("one"), task("two")))
    story = run(driver, "two").task("one").starts().is_killed().is_now("HALTING")
    assert story.beats().body == {"cancel": True, "stop": "cancel"}
    [signal] = driver.signals()
    assert (signal.guid, signal.worker, signal.stop) == (story.taken.guid, "worker-1", "cancel")
    story.succeeds("kept").ends_with("KILLED").no_task("two")
    assert (story.nodes[1].status, story.nodes[1].output) == ("COMPLETED", "kept")
    statuses = [fact.status for fact in story.run.history]
    assert statuses == ["RUNNING", "HALTING", "ERROR"]


def test_a_worker_that_stops_as_asked_ends_the_kill(memory: Driver) -> None:
    """Its failure means that: it is neither tried again nor handled."""
    nodes = chain(handled(task("shaky", max_attempts=9), ("heal", None)))
    register(memory, "shaky", threads(nodes, heal=chain(task("medicine"))))
    story = run(memory, "shaky").task("shaky").starts().is_killed().fails().ends_with("KILLED")
    assert story.task_run.status is TaskStatus.TASK_CANCELLED
    assert story.task_run.attempt.reported is TaskStatus.TASK_FAILED
    assert story.task_run.stop is None
    assert story.nodes[1].failure is not None
    assert story.nodes[1].failure.name == "TASK_CANCELLED"
    assert memory.everywhere(Timer) == []


def test_a_task_that_no_worker_has_started_ends_at_once(memory: Driver) -> None:
    """Nobody is waited for; who starts it later is refused, and who has begun it without saying so
    is signalled.
    """
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one").is_killed().ends_with("KILLED")
    assert story.task_run.status is TaskStatus.TASK_CANCELLED
    [signal] = memory.signals()
    assert (signal.guid, signal.worker, signal.stop) == (story.taken.guid, "", "cancel")
    late = TaskStarted(**story.attempt, worker="worker-1")
    story.refuses(late, "ATTEMPT_ENDED")
    story.refuses(story.report(TaskStatus.TASK_SUCCESS), "ATTEMPT_ENDED")


def test_a_worker_is_asked_once_however_often_its_thread_is_visited(memory: Driver) -> None:
    """A kill takes the place of an operator's request, and the other way round is refused; time
    that the weaker one had granted is of no account.
    """
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one").starts().is_shut_down(grace_ms=1_000)
    story.is_killed().is_killed()
    memory.pass_ms(1_000)
    story.is_now("HALTING")
    assert [signal.stop for signal in memory.signals()] == ["shutdown", "cancel"]
    story.refuses(ShutdownTaskRun(**story.task_id), "STOP_REQUESTED")
    story.is_handed_back().ends_with("KILLED")
    assert story.task_run.status is TaskStatus.TASK_CANCELLED
    assert memory.everywhere(Timer) == []


@pytest.mark.parametrize(("first_ms", "then_ms"), [(5_000, 50_000), (50_000, 5_000)])
def test_the_deadline_that_was_set_last_holds(memory: Driver, first_ms: int, then_ms: int) -> None:
    """Later or earlier than the first one."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one").starts().is_killed(first_ms).is_killed(then_ms)
    memory.pass_ms(then_ms - 1)
    story.is_now("HALTING")
    memory.pass_ms(1)
    story.ends_with("KILLED")
    assert story.task_run.status is TaskStatus.TASK_CANCELLED
    assert memory.everywhere(Timer) == []


def test_a_run_that_was_killed_is_restarted_with_a_task_of_its_own(memory: Driver) -> None:
    """The worker that did not hear of the kill comes too late with the old one."""
    register(memory, "one", chain(task("one"), returns=output_of("n1")))
    story = run(memory, "one").task("one").starts().is_killed(5_000)
    memory.pass_ms(5_000)
    late = story.report(TaskStatus.TASK_SUCCESS, output="old")
    story.ends_with("KILLED").is_begun_again().is_now("RUNNING")
    story.refuses(late, "ATTEMPT_ENDED")
    story.task("one")
    assert story.taken.guid != late.guid
    story.succeeds("new").completes("new")


def test_at_the_deadline_the_task_is_cancelled(memory: Driver) -> None:
    """A worker that is gone keeps no run; a late report is refused."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one").starts().is_killed(5_000).is_now("HALTING")
    memory.pass_ms(4_999)
    story.is_now("HALTING")
    memory.pass_ms(1)
    story.ends_with("KILLED")
    assert story.task_run.status is TaskStatus.TASK_CANCELLED
    assert story.nodes[1].failure is not None
    assert story.nodes[1].failure.name == "TASK_CANCELLED"
    story.refuses(story.report(TaskStatus.TASK_SUCCESS), "ATTEMPT_ENDED")
    assert memory.everywhere(Timer) == []


def test_runs_below_are_killed_too(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    """The whole family, unless it is spared; runs whose ids only look alike live on. (A client may
    not give such ids; here it does.)
    """
    monkeypatch.setattr(run_wf, "check_wf_run_id", lambda run_id: run_id)
    register(memory, "waits", chain(event("go")))
    ids = ["a", "a.b", "a.b.c", "a.d", "a-b", "ab"]
    stories = [run(memory, "waits", run_id) for run_id in ids]
    accepted(memory, KillWfRun(wf_run_id="a.b", cascade=False))
    assert [story.run.status == "ERROR" for story in stories] == [False, True, *[False] * 4]
    stories[0].is_killed()
    assert [story.run.status == "ERROR" for story in stories] == [True] * 4 + [False] * 2
    for story in stories[2:4]:
        story.ends_with("KILLED")
        assert story.thread.failure is not None
        assert story.thread.failure.message == "killed with WfRun 'a'"


def test_many_runs_below_are_killed_in_chunks(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """With a budget of a few runs a turn."""
    monkeypatch.setattr(run_wf, "check_wf_run_id", lambda run_id: run_id)
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 6)
    register(memory, "waits", chain(event("go")))
    root = run(memory, "waits", "a")
    below = [run(memory, "waits", f"a.{number}") for number in range(20)]
    root.is_killed()
    for _ in range(30):
        memory.tick()
    for story in (root, *below):
        story.ends_with("KILLED")
    assert memory.everywhere(Timer) == []


def test_a_second_kill_brings_a_new_deadline(memory: Driver) -> None:
    """None at all, here."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one").starts().is_killed().is_now("HALTING").is_killed(0)
    story.ends_with("KILLED")
    assert memory.everywhere(Timer) == []


def test_backoffs_holds_timers_and_waiters_go(memory: Driver) -> None:
    """Whatever a thread had set up to wait."""
    settings = {"max_attempts": 3, "backoff": {"base_ms": 60_000}}
    main = interrupted(
        chain(
            starts("backs_off"),
            starts("sleeps"),
            starts("watches"),
            event("go", timeout_ms=1_000),
            variables=(declared("n", "INT", default=0),),
        ),
        hey="sleeps",
    )
    watching = chain(holds(compare(variable("n"), "GREATER_THAN", literal(5))))
    spec = threads(
        main, backs_off=chain(task("shaky", **settings)), sleeps=chain(sleeps(99)), watches=watching
    )
    register(memory, "much", spec)
    story = run(memory, "much").task("shaky").fails()
    assert len(memory.everywhere(Timer)) == 3
    story.is_killed().ends_with("KILLED")
    assert {row.status for row in memory.scan(ThreadRun, story.id)} == {"ERROR"}
    for kind in (EventWaiter, Interrupter, LiveChild, Watcher):
        assert memory.scan(kind, story.id) == []
    assert story.run.watchers == 0
    assert memory.everywhere(Timer) == []
    assert memory.everywhere(HeldTask) == []
    assert story.task_run.status is TaskStatus.TASK_CANCELLED


def test_a_halted_run_is_killed_too(memory: Driver) -> None:
    """It runs no more, but its threads live."""
    register(memory, "waits", chain(event("go")))
    run(memory, "waits").is_stopped().is_now("HALTED").is_killed().ends_with("KILLED")


def test_threads_below_one_that_has_failed_are_killed_too(memory: Driver) -> None:
    """They are halted, or halting; a task of one is waited for as any other, if it was started."""
    middle = chain(starts("leaf"), starts("leaf"), task("bad"))
    spec = threads(chain(starts("middle"), event("go")), middle=middle, leaf=chain(task("slow")))
    register(memory, "deep", spec)
    story = run(memory, "deep").task("bad").fails().thread_is(1, "ERROR")
    story.task("slow").succeeds().is_now("RUNNING").thread_is(3, "HALTING")
    story.task("slow").starts().is_killed().is_now("HALTING").succeeds().ends_with("KILLED")
    statuses = [row.status for row in memory.scan(ThreadRun, story.id)]
    assert statuses == ["ERROR"] * 4


# not with a crash after each record: that many threads would be folded again a hundred times
@pytest.mark.parametrize("memory", ["memory"], indirect=True)
def test_ten_thousand_threads_are_killed_in_chunks(memory: Driver) -> None:
    """Others progress meanwhile; the entrypoint ends last."""
    main = chain(starts_each("child", literal([0] * 10_000)), waits_for(output_of("n1")))
    register(memory, "many", threads(main, child=chain(event("go"))))
    register(memory, "one", chain(task("one")))
    story = run(memory, "many")
    for _ in range(30):
        memory.tick()
    assert story.run.threads == 10_001
    story.is_killed()
    run(memory, "one").task("one").succeeds().completes()
    for _ in range(60):
        memory.tick()
    story.ends_with("KILLED")
    statuses = {row.status for row in memory.scan(ThreadRun, story.id)}
    assert statuses == {"ERROR"}
    assert memory.everywhere(Timer) == []


def test_a_thread_that_has_failed_is_not_revived_while_its_run_is_killed(memory: Driver) -> None:
    """Not by a word on its task either: the kill has passed it already."""
    main = chain(starts("child"), task("slow"))
    register(memory, "two", threads(main, child=chain(task("bad"))))
    story = run(memory, "two").task("bad").fails().thread_is(1, "ERROR")
    bad = story.taken.guid
    story.task("slow").starts().is_killed()
    better = ChangeTaskRunState(wf_run_id=story.id, guid=bad, status=TaskStatus.TASK_SUCCESS)
    story.refuses(better, "WF_RUN_BUSY")
    story.succeeds().ends_with("KILLED").thread_is(1, "ERROR")


def test_what_a_kill_refuses(memory: Driver) -> None:
    """Unknown, ended; and other verbs are refused while it is under way."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one").starts()
    story.refuses(KillWfRun(wf_run_id=story.id, deadline_ms=-1), "BAD_VALUE")
    story.refuses(KillWfRun(wf_run_id="no-such-run"), "WF_RUN_UNKNOWN")
    story.is_killed()
    story.refuses(EditVariable(wf_run_id=story.id, name="x"), "WF_RUN_BUSY")
    story.refuses(RestartWfRun(wf_run_id=story.id), "WF_RUN_BUSY")
    story.refuses(SkipNode(wf_run_id=story.id), "WF_RUN_BUSY")
    story.refuses(ForceWfRun(wf_run_id=story.id), "WF_RUN_BUSY")
    story.succeeds().ends_with("KILLED")
    story.refuses(KillWfRun(wf_run_id=story.id), "WF_RUN_ENDED")
    assert len(memory.scan(TaskRun, story.id)) == 1
