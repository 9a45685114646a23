"""Lists that are gone through so many rows a turn: who watches a variable, who waits for a thread
or a run, whom an event interrupts. What becomes of a run is the same, however short its turns are.
"""

from typing import Any

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.operators import rescue_above
from penstock.core.state import turn
from penstock.core.state.event_rows import PlacingEvent, UnclaimedEvent
from penstock.core.state.run_kinds import ROWS_OF_RUNS
from penstock.core.state.thread_rows import (
    AwaitedEnd,
    LiveBelow,
    PendingInterrupt,
    RoundUnderWay,
    ThreadWaiter,
)
from penstock.core.state.timers import Clock, Timer
from tests.controls import (
    chain,
    compare,
    declared,
    event,
    holds,
    interrupted,
    literal,
    output_of,
    starts,
    starts_each,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, register, run

Json = dict[str, Any]
MANY = 9


@pytest.fixture(params=[3, 8])
def short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn does so little; also when the log is folded again at the end."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", request.param)


pytestmark = pytest.mark.usefixtures("short")


def _settled(driver: Driver, story: Story) -> Story:
    """All that was put off is done."""
    for _ in range(500):
        if all(timer.clock != Clock.PENDING for timer in driver.everywhere(Timer)):
            break
        driver.tick()
    assert driver.scan(RoundUnderWay, story.id) == []
    assert driver.scan(PlacingEvent, story.id) == []
    return story


def _watching(driver: Driver) -> Story:
    ready = compare(variable("stage"), "GREATER_THAN", literal(1))
    main = chain(
        starts_each("child", literal(list(range(MANY)))),
        waits_for(output_of("n1")),
        variables=(declared("stage", "INT", default=0),),
    )
    register(driver, "watching", threads(main, child=chain(holds(ready))))
    return _settled(driver, run(driver, "watching"))


def _stage(story: Story, value: int) -> EditVariable:
    return EditVariable(wf_run_id=story.id, name="stage", value=value)


def test_all_who_watch_a_variable_are_woken(memory: Driver) -> None:
    """However many they are."""
    story = _watching(memory)
    accepted(memory, _stage(story, 2))
    _settled(memory, story).completes()


def test_a_variable_that_changes_again_meanwhile_wakes_all_once_more(memory: Driver) -> None:
    """Those at the head of the list, too, who have looked at the first change already."""
    story = _watching(memory)
    memory.send_together(*[_stage(story, value) for value in (1, 0, 1, 0, 2)])
    _settled(memory, story).completes()


def _many_wait(driver: Driver, strategy: str = "WAIT_FOR_ALL") -> Story:
    """Thread 1 is waited for by all threads above it, and they by the entrypoint."""
    main = chain(
        starts("worker"),
        starts_each("waits", literal([1] * MANY)),
        waits_for(output_of("n2"), strategy=strategy),
    )
    waits = chain(waits_for(variable("INPUT")), variables=(declared("INPUT", "INT"),))
    register(driver, "watched", threads(main, worker=chain(task("work")), waits=waits))
    return _settled(driver, run(driver, "watched"))


def test_all_who_wait_for_a_thread_are_told(memory: Driver) -> None:
    """Each of them, once."""
    story = _many_wait(memory)
    assert len(memory.scan(ThreadWaiter, story.id, 1)) == MANY
    assert story.thread_run(1).waiters == MANY
    _settled(memory, story.task("work").succeeds()).completes()
    assert memory.scan(AwaitedEnd, story.id) == []


def test_all_who_wait_for_a_thread_learn_that_it_failed(memory: Driver) -> None:
    """And fail with it."""
    story = _many_wait(memory)
    _settled(memory, story.task("work").fails()).ends_with("CHILD_FAILURE")
    assert all(story.thread_run(number).status == "ERROR" for number in (1, 2))


def test_a_rescue_between_two_chunks_is_seen(memory: Driver) -> None:
    """Who has not been told yet waits on; who was told, and failed, goes on with the thread."""
    story = _many_wait(memory, "WAIT_FOR_ANY")
    story.task("work").fails()
    story.is_rescued(1)
    story.task("work").succeeds()
    _settled(memory, story).completes()


def test_a_rescue_takes_along_all_who_failed_with_the_thread(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than are asked whether it may be: the others follow."""
    monkeypatch.setattr(rescue_above, "WAITERS_ASKED_MAX", 3)
    story = _many_wait(memory, "WAIT_FOR_ANY")
    _settled(memory, story.task("work").fails()).ends_with("CHILD_FAILURE")
    _settled(memory, story.is_rescued(1)).is_now("RUNNING")
    assert all(story.thread_run(number).status == "RUNNING" for number in range(MANY + 2))
    _settled(memory, story.task("work").succeeds()).completes()


def test_a_thread_that_fails_again_before_all_have_forgotten_the_first_time(
    memory: Driver,
) -> None:
    """Each fails with it once more, and goes on once more."""
    story = _many_wait(memory, "WAIT_FOR_ANY")
    _settled(memory, story.task("work").fails()).ends_with("CHILD_FAILURE")
    for _ in range(2):
        story.is_rescued(1)
        story.task("work").fails()
    _settled(memory, story).ends_with("CHILD_FAILURE")
    _settled(memory, story.is_rescued(1))
    _settled(memory, story.task("work").succeeds()).completes()


def test_a_thread_that_comes_to_wait_between_two_chunks_counts_the_end_once(
    memory: Driver,
) -> None:
    """It sees the end itself, and is passed by."""
    again = chain(
        waits_for(variable("INPUT")), waits_for(literal(1)), variables=(declared("INPUT", "INT"),)
    )
    main = chain(
        starts("worker"), starts_each("waits", literal([1] * MANY)), waits_for(output_of("n2"))
    )
    register(memory, "again", threads(main, worker=chain(task("work")), waits=again))
    story = _settled(memory, run(memory, "again"))
    _settled(memory, story.task("work").succeeds()).completes()


def _child_runs(driver: Driver) -> tuple[Story, Story]:
    """A child run that many threads of its parent wait for."""
    waits = chain(
        {"type": "WAIT_FOR_CHILD_WF", "wf_run_id": variable("child")},
        variables=(declared("INPUT", "INT"),),
    )
    main = chain(
        {"type": "RUN_CHILD_WF", "wf_spec": "child"},
        event("go"),
        starts_each("waits", literal([1] * MANY)),
        waits_for(output_of("n3")),
        variables=(declared("child", "WF_RUN_ID"),),
    )
    main["threads"]["main"]["nodes"]["n1"]["edges"][0]["mutations"] = [
        {"variable": "child", "value": output_of("n1")}
    ]
    register(driver, "child", chain(task("work")))
    register(driver, "parent", threads(main, waits=waits))
    story = _settled(driver, run(driver, "parent").gets("go"))
    return story, Story(driver, story.value("child"))


def test_all_who_wait_for_a_run_are_told(memory: Driver) -> None:
    """Of its end; how many runs of the family live is counted."""
    story, child = _child_runs(memory)
    assert child.run.waiters == MANY
    assert [row.runs for row in memory.scan(LiveBelow, story.id)] == [1]
    child.task("work").succeeds().completes()
    _settled(memory, story).completes()
    assert child.run.waiters == 0
    assert [row.runs for row in memory.scan(LiveBelow, story.id)] == [0]


def _interruptible(driver: Driver) -> Story:
    """Many threads, each of which an event interrupts."""
    main = chain(starts_each("child", literal(list(range(MANY)))), waits_for(output_of("n1")))
    child = interrupted(chain(event("go")), ask="ask")
    made = threads(main, child=child, ask=chain(event("told")))
    register(driver, "recalled", made)
    return _settled(driver, run(driver, "recalled"))


def test_an_event_interrupts_all_threads_that_say_so(memory: Driver) -> None:
    """And nobody twice; a second one comes to each behind the first."""
    story = _interruptible(memory)
    ask = PutExternalEvent(wf_run_id=story.id, event_def="ask")
    memory.send_together(ask, ask)
    _settled(memory, story)
    assert story.run.threads == 1 + 2 * MANY
    assert len(memory.scan(PendingInterrupt, story.id)) == MANY
    for _ in range(2 * MANY):
        story.gets("told")
    _settled(memory, story)
    assert story.run.threads == 1 + 3 * MANY
    for _ in range(MANY):
        story.gets("go")
    _settled(memory, story).completes()
    assert memory.scan(UnclaimedEvent, story.id) == []


def test_threads_that_end_before_an_event_has_come_to_them_are_passed_by(memory: Driver) -> None:
    """Their Interrupter rows are gone."""
    story = _interruptible(memory)
    go = PutExternalEvent(wf_run_id=story.id, event_def="go")
    ask = PutExternalEvent(wf_run_id=story.id, event_def="ask")
    memory.send_together(ask, *[go] * MANY)
    _settled(memory, story)
    for _ in range(MANY):
        story.gets("told")
    _settled(memory, story).completes()


def test_a_halted_crowd_does_not_keep_an_event_from_the_one_that_runs(memory: Driver) -> None:
    """It is behind all others in the queue; those get theirs when they run again."""
    main = chain(
        starts_each("child", literal(list(range(MANY)))), starts("last"), waits_for(output_of("n1"))
    )
    register(memory, "crowd", threads(main, child=chain(event("go")), last=chain(event("go"))))
    story = _settled(memory, run(memory, "crowd"))
    for number in range(1, MANY + 1):
        accepted(memory, StopWfRun(wf_run_id=story.id, thread=number))
    go = PutExternalEvent(wf_run_id=story.id, event_def="go")
    memory.send_together(go, go)
    _settled(memory, story).thread_is(MANY + 1, "COMPLETED")
    assert len(memory.scan(UnclaimedEvent, story.id)) == 1
    accepted(memory, ResumeWfRun(wf_run_id=story.id, thread=1))
    _settled(memory, story).thread_is(1, "COMPLETED").thread_is(2, "HALTED")
    assert memory.scan(UnclaimedEvent, story.id) == []


def test_events_for_other_threads_do_not_lie_in_the_way(memory: Driver) -> None:
    """Each thread has a queue of its own; of its own and the common one, the oldest comes first."""
    main = chain(starts("child"), starts("child"), waits_for(output_of("n1"), output_of("n2")))
    child = chain(task("work"), event("go"), event("go"), returns=output_of("n2"))
    register(memory, "named", threads(main, child=child))
    story = _settled(memory, run(memory, "named"))
    for thread, node, content in (
        (2, None, "b"),
        (None, None, "any"),
        (1, "n2", "a"),
        (1, None, 7),
    ):
        put = PutExternalEvent(
            wf_run_id=story.id, event_def="go", thread=thread, node=node, content=content
        )
        accepted(memory, put)
    assert len(memory.scan(UnclaimedEvent, story.id)) == 4
    story.task("work").succeeds()
    _settled(memory, story).thread_is(1, "COMPLETED")
    assert story.thread_run(1).output == "any"
    left = {row.wanted for row in memory.scan(UnclaimedEvent, story.id)}
    assert left == {"2", "1/n2"}


def test_deletion_leaves_nothing_of_a_list(memory: Driver) -> None:
    """Whatever is under way when it begins."""
    story = _many_wait(memory)
    story.task("work").fails()
    _settled(memory, story)
    accepted(memory, DeleteWfRun(wf_run_id=story.id))
    _settled(memory, story)
    assert [row for kind in ROWS_OF_RUNS for row in memory.scan(kind, story.id)] == []
