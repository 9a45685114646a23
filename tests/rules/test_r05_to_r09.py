"""R5 bookkeeping, R6 verdicts, R7 undeliverable outputs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from penstock.core import nodes
from penstock.core.command import CommandType
from penstock.core.commands import TYPE_OF
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.definitions.defs import HeldTask
from penstock.core.definitions.nodes import ExternalEventNode
from penstock.core.state.event_rows import EventWaiter
from penstock.core.state.rows import Rows
from penstock.core.state.run import TaskRun
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import TaskStatus
from penstock.log.port import LogFatal, Message, Refused
from penstock.store.port import StoreError
from tests.controls import chain, event, sleeps, starts, task, threads
from tests.scenarios.driver import Driver
from tests.scenarios.story import refused, register, run


def test_r05_a_refused_command_leaves_only_its_answer(memory: Driver) -> None:
    """And the same command again gets the same refusal."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    stop = StopWfRun(wf_run_id=story.id, thread=5)
    first = refused(memory, stop, "THREAD_UNKNOWN", command_id="stop-5")
    again = refused(memory, stop, "THREAD_UNKNOWN", command_id="stop-5")
    assert (first.repeated, again.repeated, again.message) == (False, True, first.message)


@pytest.fixture
def broken_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """StopWfRun has a defect: it writes, and then divides by zero."""
    known = TYPE_OF[StopWfRun]

    def handle(turn: Any, command: Any) -> Any:
        known.handle(turn, command)
        return 1 // 0

    broken = CommandType(StopWfRun, handle, known.key, known.repeats)
    monkeypatch.setitem(TYPE_OF, StopWfRun, broken)


@pytest.mark.usefixtures("broken_stop")
@pytest.mark.fault(34)
def test_r06_a_defect_is_ruled_on_and_hits_one_run(memory: Driver) -> None:
    """The run ends with ENGINE_DEFECT, its neighbour is well, a re-fold agrees."""
    register(memory, "work", chain(task("work")))
    story, neighbour = run(memory, "work"), run(memory, "work")
    answer = memory.send(StopWfRun(wf_run_id=story.id))
    assert answer.code == "ENGINE_DEFECT"
    story.ends_with("ENGINE_DEFECT")
    assert neighbour.run.status == "RUNNING"
    [verdict] = [
        memory.avro.decode(r.value or b"")[0] for r in memory.log.read_all(memory.topics.verdicts)
    ]
    assert verdict.part == "command"
    assert "ZeroDivisionError" in verdict.reason
    late = [one for one in memory.tasks("work", 9) if one.wf_run_id == story.id]
    story._task = late[0]
    refused(memory, story.report(TaskStatus.TASK_SUCCESS), "ATTEMPT_ENDED")
    assert story.task_run.status is TaskStatus.TASK_CANCELLED
    story.ends_with("ENGINE_DEFECT")


@pytest.mark.fault(35)
@pytest.mark.parametrize("lack", [MemoryError(), StoreError("the disk does not answer")])
def test_r06_what_the_machine_lacks_is_no_defect(
    memory: Driver, monkeypatch: pytest.MonkeyPatch, lack: Exception
) -> None:
    """It ends the process, nothing is ruled on, and the next one folds the record as it is."""
    register(memory, "work", chain(task("work")))
    story, known = run(memory, "work"), TYPE_OF[StopWfRun]

    def handle(turn: Any, command: Any) -> Any:
        known.handle(turn, command)
        raise lack

    broken = CommandType(StopWfRun, handle, known.key, known.repeats)
    with monkeypatch.context() as patch:
        patch.setitem(TYPE_OF, StopWfRun, broken)
        with pytest.raises(type(lack)):
            memory.send(StopWfRun(wf_run_id=story.id))
    memory.restart()
    memory.settle()
    assert story.run.status == "HALTING", "what was asked for has come about"
    assert memory.log.read_all(memory.topics.verdicts) == []


@pytest.mark.usefixtures("broken_stop")
def test_r06_a_quarantined_run_leaves_its_node(memory: Driver) -> None:
    """No timer and no waiter of it stays; a rescue takes it up."""
    register(memory, "waits", chain(event("go", timeout_ms=1_000)))
    story = run(memory, "waits")
    memory.send(StopWfRun(wf_run_id=story.id))
    story.ends_with("ENGINE_DEFECT")
    assert memory.scan(EventWaiter, story.id) == []
    assert memory.everywhere(Timer) == []
    story.is_rescued().is_now("RUNNING").gets("go").completes()


@pytest.mark.usefixtures("broken_stop")
def test_r06_a_defect_in_leaving_is_ruled_on_too(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node is not left then; the run ends, and the partition goes on (I5)."""
    register(memory, "waits", chain(event("go")))
    story, neighbour = run(memory, "waits"), run(memory, "waits")

    def leave(at: Any) -> None:
        raise ZeroDivisionError

    broken = replace(nodes.TYPE_OF[ExternalEventNode], leave=leave)
    monkeypatch.setitem(nodes.TYPE_OF, ExternalEventNode, broken)
    memory.send(StopWfRun(wf_run_id=story.id))
    story.ends_with("ENGINE_DEFECT")
    verdicts = memory.log.read_all(memory.topics.verdicts)
    parts = [memory.avro.decode(record.value or b"")[0].part for record in verdicts]
    assert parts == ["command", "command:leaving"]
    assert memory.digests_and_refolds_agree()
    monkeypatch.setitem(nodes.TYPE_OF, ExternalEventNode, replace(broken, leave=lambda at: None))
    neighbour.gets("go").completes()


@pytest.mark.usefixtures("broken_stop")
def test_r06_the_mended_build_folds_by_the_verdict_too(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build without the defect reads the verdict and comes to the same rows (state = log +
    verdicts).
    """
    register(memory, "work", chain(task("work")))
    story = run(memory, "work")
    memory.send(StopWfRun(wf_run_id=story.id))
    digests = memory.digests()
    monkeypatch.undo()
    assert memory.digests_and_refolds_agree(batch=1)
    assert memory.digests() == digests


def test_r06_a_defect_of_a_timer_is_ruled_on(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer leaves the due index; the command of the same turn is done."""
    from penstock.core import fire
    from penstock.core.state.timers import TimerKind

    def broken(turn: Any, timer: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(fire._FIRE, TimerKind.NODE, broken)
    register(memory, "waits", chain(event("go", timeout_ms=1_000)))
    register(memory, "quick", chain())
    story = run(memory, "waits")
    memory.pass_ms(2_000)
    story.ends_with("ENGINE_DEFECT")
    run(memory, "quick").completes()


def test_r06_a_rescued_run_does_not_wait_for_a_timer_that_is_gone(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was ruled on was for another thread than the one that ended for it."""
    from penstock.core import fire
    from penstock.core.state.timers import TimerKind

    def broken(turn: Any, timer: Any) -> None:
        raise ZeroDivisionError

    child = chain(sleeps(1), task("after"))
    register(memory, "sleeps", threads(chain(starts("child"), event("go")), child=child))
    story = run(memory, "sleeps")
    with monkeypatch.context() as patched:
        patched.setitem(fire._FIRE, TimerKind.NODE, broken)
        memory.pass_ms(2_000)
        story.ends_with("ENGINE_DEFECT").thread_is(1, "HALTED")
    story.is_rescued().task("after").succeeds().gets("go").completes()


def test_r06_below_the_delivered_mark_nobody_rules(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was delivered was folded once: this build stops the partition by name."""
    register(memory, "work", chain(task("work")))
    story = run(memory, "work").is_stopped()
    memory.lose_stores()
    known = TYPE_OF[StopWfRun]
    broken = CommandType(StopWfRun, _divide, known.key, known.repeats)
    monkeypatch.setitem(TYPE_OF, StopWfRun, broken)
    memory.restart()
    memory.settle()
    [stopped] = memory.processor.stopped.values()
    assert stopped.cause == "BUILD"
    assert story.id


def _divide(turn: Any, command: Any) -> Any:
    return 1 // 0


class _Refusing:
    """Stands between the processor and its log: some messages are refused for good."""

    def __init__(self, driver: Driver, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.on = True
        deliver, ensure = driver.log.deliver, driver.log.ensure_topics

        def delivering(messages: Sequence[Message], sent: Any = None) -> list[Refused]:
            bad = [m for m in messages if self.on and ".tasks." in m.topic]
            good = [m for m in messages if m not in bad]
            return deliver(good, sent) + [Refused(m, code, "as the test says") for m in bad]

        def ensuring(topics: Any) -> None:
            if self.on:
                raise LogFatal("not allowed")
            ensure(topics)

        monkeypatch.setattr(driver.log, "deliver", delivering)
        monkeypatch.setattr(driver.log, "ensure_topics", ensuring)


@pytest.mark.fault(33)
def test_r07_a_task_that_is_too_large_fails_by_name(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OUTPUT_TOO_LARGE, not tried again; the bytes are a dead letter."""
    register(memory, "large", chain(task("large", max_attempts=3)))
    _Refusing(memory, "TOO_LARGE", monkeypatch)
    story = run(memory, "large").ends_with("OUTPUT_TOO_LARGE")
    [letter] = memory.dead_letters()
    assert (letter.code, letter.topic) == ("TOO_LARGE", "test.tasks.default.large")
    [held] = memory.scan(TaskRun, story.id)
    assert held.status is TaskStatus.TASK_FAILED


def test_r07_a_task_with_which_the_log_finds_fault_is_tried_as_often_as_it_may_be(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TASK_FAILURE, each attempt a dead letter: the topic may have been mended in between."""
    register(memory, "bad", chain(task("bad", max_attempts=2)))
    refusing = _Refusing(memory, "INVALID", monkeypatch)
    run(memory, "bad").ends_with("TASK_FAILURE")
    assert [letter.code for letter in memory.dead_letters()] == ["INVALID"] * 2
    refusing.on = False
    run(memory, "bad").task("bad").succeeds().completes()


def test_r07_a_topic_that_is_there_and_refuses_is_tried_ever_more_seldom(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(memory, "denied", chain(task("denied")))
    ensure = memory.log.ensure_topics
    refusing = _Refusing(memory, "DENIED", monkeypatch)
    monkeypatch.setattr(memory.log, "ensure_topics", ensure)
    run(memory, "denied")
    looks = memory.processor._errands.held_tasks
    for _ in range(10):
        looks._look_s = 0.0
        memory.settle()
    assert len(memory.dead_letters()) == 2
    refusing.on = False
    looks._look_s, looks._rests = 0.0, {}
    memory.settle()
    assert len(memory.tasks("denied")) == 1


def test_r07_a_missing_topic_holds_the_task_until_it_is_ready(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the same attempt; the owner asks again and again."""
    register(memory, "held", chain(task("held")))
    refusing = _Refusing(memory, "NO_TOPIC", monkeypatch)
    story = run(memory, "held")
    [task_run] = memory.scan(TaskRun, story.id)
    assert task_run.status is TaskStatus.TASK_PENDING
    refusing.on = False
    memory.processor._errands.held_tasks._look_s = 0.0
    memory.settle()
    story.task("held")
    assert story.taken.attempt == 1
    story.succeeds().completes()
    view = memory.processor.view(0)
    assert view is not None
    assert list(Rows(view).scan(HeldTask)) == []
