"""Who decides a wait for several threads: the one that ended first, however the ends are told, and
however late the wait looks.
"""

from typing import Any

import pytest

from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.state import turn
from penstock.core.state.thread_rows import Awaited, AwaitedEnd, RoundUnderWay
from penstock.core.state.timers import Clock, Timer
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    chain,
    declared,
    event,
    handled,
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

MANY = 12
Json = dict[str, Any]


def _three(wait: Json, **more: Json) -> Json:
    """Three children that have work, and a wait for them that begins with the event."""
    main = chain(starts_each("child", literal([1, 2, 3])), event("look"), wait, task("after"))
    return threads(main, child=chain(task("work")), **more)


def _of(story: Story) -> dict[int, Any]:
    """The work of each child, as it is taken from the queue."""
    taken: dict[int, Any] = {}
    for _ in range(3):
        task_ = story.task("work").taken
        taken[task_.thread] = task_
    return taken


def _ends(story: Story, *ends: tuple[int, str]) -> Story:
    """The children end, in this order, well or with a failure of this name."""
    work = _of(story)
    for thread, how in ends:
        story._task = work[thread]
        if how == "well":
            story.succeeds()
        else:
            story.throws(how)
    return story


@pytest.mark.parametrize(
    ("strategy", "ends", "failure"),
    [
        ("WAIT_FOR_FIRST", [(3, "third"), (1, "well")], "third"),
        ("WAIT_FOR_FIRST", [(2, "well"), (1, "first"), (3, "third")], None),
        ("WAIT_FOR_FIRST", [(3, "third"), (2, "second"), (1, "first")], "third"),
        ("WAIT_FOR_ANY", [(3, "third"), (1, "first"), (2, "well")], None),
        ("WAIT_FOR_ALL", [(3, "third"), (1, "first")], "third"),
        ("WAIT_FOR_ALL", [(2, "well"), (3, "third"), (1, "first")], "third"),
    ],
)
def test_the_order_of_ends_decides_a_wait_that_begins_after_them(
    memory: Driver, strategy: str, ends: list[tuple[int, str]], failure: str | None
) -> None:
    """Not their numbers."""
    register(memory, "late", _three(waits_for(output_of("n1"), strategy=strategy)))
    story = _ends(run(memory, "late"), *ends).gets("look")
    if failure is None:
        story.task("after").succeeds().completes()
    else:
        story.ends_with(failure, "EXCEPTION")
    assert memory.scan(AwaitedEnd, story.id) == []


def test_ends_while_the_waiting_thread_is_stopped_keep_their_order(memory: Driver) -> None:
    """It looks at both when it is resumed."""
    wait = waits_for(output_of("n1"), strategy="WAIT_FOR_FIRST")
    register(memory, "stopped", _three(wait))
    story = run(memory, "stopped").gets("look")
    work = _of(story)
    story.is_stopped()
    for thread, name in ((2, "second"), (1, "first")):
        story._task = work[thread]
        story.throws(name)
    accepted(memory, ResumeWfRun(wf_run_id=story.id))
    story.ends_with("second", "EXCEPTION")


def test_those_behind_the_one_that_decides_are_noticed_and_not_handled(memory: Driver) -> None:
    """They are not left to the EXIT; what had ended says how."""
    wait = waits_for(
        output_of("n1"),
        strategy="WAIT_FOR_FIRST",
        thread_handlers=[{"thread": "heal", "failure": "first"}],
    )
    register(memory, "noticed", _three(wait, heal=chain(task("mend"))))
    story = _ends(run(memory, "noticed"), (2, "well"), (1, "first"), (3, "third")).gets("look")
    assert story.run.threads == 4
    rows = {row.child: row.status for row in memory.scan(Awaited, story.id)}
    assert rows == {1: "UNSUCCESSFUL", 2: "COMPLETED_OR_FAILURE_HANDLED", 3: "UNSUCCESSFUL"}
    story.task("after").succeeds().completes()


def test_a_failure_that_is_handled_has_ended_when_its_handler_has(memory: Driver) -> None:
    """Meanwhile another comes first."""
    wait = waits_for(
        output_of("n1"), strategy="WAIT_FOR_FIRST", thread_handlers=[{"thread": "heal"}]
    )
    register(memory, "heals", _three(wait, heal=chain(event("healed"))))
    ends = (3, "third"), (1, "well"), (2, "well")
    story = _ends(run(memory, "heals"), *ends).gets("look")
    story.thread_is(4, "HALTED").task("after").succeeds().completes()


def test_threads_that_are_carried_over_by_a_replay_keep_their_order(memory: Driver) -> None:
    """They are waited for once more there."""
    first = handled(waits_for(output_of("n1")), ("sorry", None))
    second = waits_for(output_of("n1"), strategy="WAIT_FOR_FIRST")
    main = chain(
        starts_each("child", literal([1, 2, 3])), event("look"), first, task("more"), second
    )
    register(memory, "again", threads(main, child=chain(task("work")), sorry=chain()))
    story = _ends(run(memory, "again"), (2, "second"), (1, "first"), (3, "well")).gets("look")
    story.task("more").fails().ends_with("TASK_FAILURE")
    answer = accepted(memory, ReplayWfRun(wf_run_id=story.id, position=4))
    again = Story(memory, answer.body["wf_run_id"])
    again.task("more").succeeds().at_node("n5").ends_with("second", "EXCEPTION")
    assert again.run.ends == story.run.ends


# Over the border of a turn.


@pytest.fixture(params=[3, 8])
def short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn does so little; also when the log is folded again at the end."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", request.param)


def _settled(driver: Driver, story: Story) -> Story:
    for _ in range(500):
        if all(timer.clock != Clock.PENDING for timer in driver.everywhere(Timer)):
            break
        driver.tick()
    assert driver.scan(RoundUnderWay, story.id) == []
    return story


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("strategy", ["WAIT_FOR_FIRST", "WAIT_FOR_ALL"])
def test_more_ends_than_a_turn_can_look_at(memory: Driver, strategy: str) -> None:
    """The last by its number was the first to end, and the wait can not look at all in a turn."""
    main = chain(
        starts_each("child", literal(list(range(MANY)))),
        starts("other"),
        event("look"),
        waits_for(output_of("n1"), output_of("n2"), strategy=strategy),
    )
    register(
        memory,
        "many",
        threads(main, child=chain(event("go"), task("work")), other=chain(task("x"))),
    )
    story = _settled(memory, run(memory, "many"))
    story.task("x").throws("other")
    for _ in range(MANY):
        _settled(memory, story.gets("go"))
        _settled(memory, story.task("work").throws("child"))
    _settled(memory, story.gets("look")).ends_with("other", "EXCEPTION")
    assert memory.scan(AwaitedEnd, story.id) == []


@pytest.mark.usefixtures("short")
def test_an_end_that_is_still_being_told_comes_before_a_later_one(memory: Driver) -> None:
    """Many wait for the first that ends, and the last of them waits for another one, too: that
    one's end is told at once.
    """
    main = chain(
        starts("slow"),
        starts("quick"),
        starts_each("crowd", literal([1] * MANY)),
        starts("both"),
        waits_for(output_of("n4")),
    )
    crowd = chain(waits_for(variable("INPUT")), variables=(declared("INPUT", "INT"),))
    both = chain(waits_for(literal(1), literal(2), strategy="WAIT_FOR_FIRST"))
    made = threads(
        main, slow=chain(task("slow")), quick=chain(task("quick")), crowd=crowd, both=both
    )
    register(memory, "told", made)
    story = _settled(memory, run(memory, "told"))
    slow = story.task("slow").report(TaskStatus.TASK_EXCEPTION, exception="slow")
    quick = story.task("quick").report(TaskStatus.TASK_SUCCESS)
    memory.send_together(slow, quick)
    _settled(memory, story).ends_with("slow", "EXCEPTION")
    last = story.thread_run(story.run.threads - 1).failure
    assert last is not None and last.name == "slow"


def test_a_wait_for_the_first_that_is_rescued_waits_for_that_one(memory: Driver) -> None:
    """What it had stopped stays stopped, and does not count."""
    wait = waits_for(output_of("n1"), strategy="WAIT_FOR_FIRST")
    register(memory, "rescued", _three(wait))
    story = run(memory, "rescued").gets("look")
    work = _of(story)
    story._task = work[2]
    story.fails().ends_with("CHILD_FAILURE").is_rescued(2).is_now("RUNNING")
    story.task("work").succeeds().task("after").succeeds()
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=2), "THREAD_NOT_FAILED")
