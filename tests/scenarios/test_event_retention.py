"""Events that nobody takes go when their time is over; those for a run that never comes, too."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.contracts.wire import Sent, outgoing
from penstock.core import fire, fold
from penstock.core.commands.delete_external_event_def import DeleteExternalEventDef
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.definitions.defs import Correlation, EventRetention
from penstock.core.flow.unclaimed import expire_unclaimed
from penstock.core.limits import EVENT_BEFORE_RUN_MS, EVENT_RETENTION_S_MAX
from penstock.core.state import turn
from penstock.core.state.event_rows import ExternalEvent, PlacingEvent, UnclaimedEvent
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.turn import Turn
from penstock.log.port import Message
from tests.controls import (
    chain,
    declared,
    event,
    event_with_key,
    interrupted,
    literal,
    output_of,
    starts_each,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

MINUTE = EventRetention(after_put_s=60)


def _ends(memory: Driver) -> list[Timer]:
    """The timers of events that nobody has taken."""
    timers = memory.everywhere(Timer)
    return [timer for timer in timers if timer.kind is TimerKind.EXPIRE_UNCLAIMED]


def _put(memory: Driver, wf_run_id: str, name: str = "paid", **settings: Any) -> None:
    accepted(memory, PutExternalEvent(wf_run_id=wf_run_id, event_def=name, **settings))


def _events(memory: Driver, wf_run_id: str) -> tuple[int, int]:
    return len(memory.scan(ExternalEvent, wf_run_id)), len(memory.scan(UnclaimedEvent, wf_run_id))


def _pass(memory: Driver, duration_ms: int) -> None:
    """Time passes, and nobody has said so yet."""
    assert memory.clock is not None
    memory.clock.now_ms += duration_ms


def test_an_event_for_a_run_that_never_comes_goes(driver: Driver) -> None:
    """With nothing left of it; then its guid is free again."""
    accepted(driver, PutExternalEventDef(name="paid", retention=EventRetention(after_put_s=1)))
    wf_run_id = driver.new_id()
    _put(driver, wf_run_id, guid="g", content=1)
    driver.pass_ms(1_500)
    for _ in range(40):
        if _events(driver, wf_run_id) != (0, 0):
            driver.pass_ms(100)
    assert _events(driver, wf_run_id) == (0, 0)
    assert _ends(driver) == []
    _put(driver, wf_run_id, guid="g", content=2)


def test_without_a_word_it_is_kept_for_a_time(memory: Driver) -> None:
    """One whose run comes within it stays as long as the run, taken or not."""
    register(memory, "waits", chain(event("paid"), returns=output_of("n1")))
    late, never = memory.new_id(), memory.new_id()
    for wf_run_id in (late, late, never):
        _put(memory, wf_run_id, content=len(_ends(memory)))
    assert len(_ends(memory)) == 3
    memory.pass_ms(EVENT_BEFORE_RUN_MS - 1)
    story = run(memory, "waits", late).completes(0)
    assert len(_ends(memory)) == 2
    memory.pass_ms(1)
    assert _events(memory, never) == (0, 0)
    assert _events(memory, story.id) == (2, 1)
    assert _ends(memory) == []
    memory.pass_ms(EVENT_BEFORE_RUN_MS)
    assert _events(memory, story.id) == (2, 1)
    run(memory, "waits", never).is_now("RUNNING")


def test_an_event_that_is_put_to_a_run_stays_with_it(memory: Driver) -> None:
    """Unless its definition says for how long."""
    register(memory, "waits", chain(event("go")), PutExternalEventDef(name="go"))
    accepted(memory, PutExternalEventDef(name="paid"))
    story = run(memory, "waits").gets("paid")
    assert _ends(memory) == []
    memory.pass_ms(2 * EVENT_BEFORE_RUN_MS)
    assert _events(memory, story.id) == (1, 1)


def test_what_nobody_has_taken_in_time_is_not_taken(memory: Driver) -> None:
    """The node that comes later waits for the next; one that was taken stays a fact of the run."""
    definition = PutExternalEventDef(name="paid", retention=MINUTE)
    waits = chain(event("paid"), task("work"), event("paid"), returns=output_of("n3"))
    register(memory, "waits", waits, definition)
    story = run(memory, "waits").gets("paid", 1).gets("paid", 2)
    [taken] = [row for row in memory.scan(ExternalEvent, story.id) if row.claimed_by]
    assert (taken.claimed_by, taken.claimed_ms) == ((0, 1), taken.put_ms)
    memory.pass_ms(59_999)
    assert _events(memory, story.id) == (2, 1)
    memory.pass_ms(1)
    assert memory.scan(ExternalEvent, story.id) == [taken]
    story.task("work").succeeds().is_now("RUNNING").gets("paid", 3).completes(3)


def test_an_event_that_is_taken_in_time_has_no_end_any_more(memory: Driver) -> None:
    """By a node that comes later, and by one that was halted when it came."""
    definition = PutExternalEventDef(name="paid", retention=MINUTE)
    waits = chain(task("work"), event("paid"), event("paid"), returns=output_of("n3"))
    register(memory, "waits", waits, definition)
    story = run(memory, "waits").gets("paid", 1)
    memory.pass_ms(30_000)
    story.task("work").succeeds().is_now("RUNNING").is_stopped().gets("paid", 2)
    assert len(_ends(memory)) == 1
    memory.pass_ms(10_000)
    story.is_resumed().completes(2)
    assert _ends(memory) == []
    assert [
        row.claimed_ms - row.put_ms
        for row in memory.scan(ExternalEvent, story.id)
        if row.claimed_ms is not None
    ] in ([30_000, 10_000], [10_000, 30_000])


def test_an_event_that_interrupts_is_taken(memory: Driver) -> None:
    """It has an end only where it interrupts nobody."""
    main = interrupted(chain(task("work")), stop="handler")
    handler = chain(task("clean"), variables=(declared("INPUT", "JSON_OBJ"),))
    definition = PutExternalEventDef(name="stop", retention=MINUTE)
    register(memory, "holds", threads(main, handler=handler), definition)
    story = run(memory, "holds").gets("stop")
    assert _ends(memory) == []
    memory.pass_ms(120_000)
    assert _events(memory, story.id) == (1, 0)
    _put(memory, story.id, "stop", thread=7)
    assert len(_ends(memory)) == 1
    memory.pass_ms(60_000)
    assert _events(memory, story.id) == (1, 0)


def test_an_event_that_a_run_has_accepted_from_its_key_stays(memory: Driver) -> None:
    """It was promised to the node run, which is halted and will take it."""
    definition = PutExternalEventDef(
        name="paid", correlation=Correlation(delete_after_first=True), retention=MINUTE
    )
    node = event_with_key("paid", variable("key"))
    spec = chain(node, returns=output_of("n1"), variables=(declared("key", "STR"),))
    register(memory, "waits", spec, definition)
    story = run(memory, "waits", key="k").is_stopped()
    accepted(memory, PutCorrelatedEvent(event_def="paid", key="k", content=4))
    assert _events(memory, story.id) == (1, 1)
    assert memory.scan(ExternalEvent, story.id)[0].correlated
    memory.pass_ms(120_000)
    story.is_resumed().completes(4)


def test_a_definition_that_is_deleted_keeps_nothing_longer(memory: Driver) -> None:
    """What was said when the event was put holds."""
    accepted(memory, PutExternalEventDef(name="paid", retention=MINUTE))
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits").gets("paid")
    accepted(memory, DeleteExternalEventDef(name="paid"))
    memory.pass_ms(60_000)
    assert _events(memory, story.id) == (0, 0)


def test_a_deletion_takes_events_and_their_ends_along(memory: Driver) -> None:
    """Those of runs below that have not come, too."""
    accepted(memory, PutExternalEventDef(name="paid", retention=MINUTE))
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits").gets("paid").gets("go").completes()
    _put(memory, f"{story.id}.below")
    assert len(_ends(memory)) == 2
    accepted(memory, DeleteWfRun(wf_run_id=story.id))
    assert _ends(memory) == []
    assert memory.rows_of_run(story.id) == {}
    assert memory.rows_of_run(f"{story.id}.below") == {}


def test_an_event_that_is_still_being_placed_goes_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """Many threads wait and are halted, so it takes turns to find that nobody has it."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 6)
    definition = PutExternalEventDef(name="paid", retention=EventRetention(after_put_s=1))
    main = chain(starts_each("child", literal([0] * 40)), waits_for(output_of("n1")))
    register(memory, "wide", threads(main, child=chain(event("paid"))), definition)
    story = run(memory, "wide")
    for _ in range(40):
        memory.tick()
    story.is_stopped()
    for _ in range(60):
        memory.tick()
    noted = _noting(monkeypatch)
    command = PutExternalEvent(wf_run_id=story.id, event_def="paid")
    sent = Sent(command=command, principal="test")
    out = outgoing(memory.avro, sent, "put")
    memory.log.append_and_wait(Message(memory.topics.commands, out.key, out.value, out.headers))
    _pass(memory, 1_000)
    for _ in range(30):
        memory.tick()
    assert any(placing for _, _, placing in noted)
    assert memory.scan(PlacingEvent, story.id) == []
    assert _events(memory, story.id) == (0, 0)
    story.is_resumed()
    for _ in range(60):
        memory.tick()
    story.gets("paid")
    assert [row.claimed_by is None for row in memory.scan(ExternalEvent, story.id)] == [False]


def _noting(monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, str, bool]]:
    """The turns in which times are over, of which events, and whether they are being placed."""
    noted: set[tuple[int, str, bool]] = set()

    def expire(turn: Turn, timer: Timer) -> None:
        rows = turn.rows.scan(PlacingEvent, turn.tenant, timer.wf_run_id)
        noted.add((turn.offset, timer.detail, next(rows, None) is not None))
        expire_unclaimed(turn, timer)

    monkeypatch.setitem(fire._FIRE, TimerKind.EXPIRE_UNCLAIMED, expire)
    return noted


def test_many_events_go_over_several_turns(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    """Each has a timer of its own, and a turn so many of them (R3)."""
    monkeypatch.setattr(fold, "TIMERS_PER_TURN_MAX", 10)
    accepted(memory, PutExternalEventDef(name="paid", retention=MINUTE))
    wf_run_id = memory.new_id()
    for _ in range(25):
        _put(memory, wf_run_id)
    noted = _noting(monkeypatch)
    memory.pass_ms(60_000)
    offsets = [offset for offset, _, _ in sorted(noted)]
    assert [offsets.count(offset) for offset in sorted(set(offsets))] == [10, 10, 5]
    assert _events(memory, wf_run_id) == (0, 0)


@pytest.mark.parametrize("after_put_s", [-1, EVENT_RETENTION_S_MAX + 1])
def test_a_time_that_is_none_is_refused(memory: Driver, after_put_s: int) -> None:
    """With what can be said."""
    wrong = PutExternalEventDef(name="paid", retention=EventRetention(after_put_s=after_put_s))
    assert "use 0 to" in refused(memory, wrong, "BAD_VALUE").message


def test_another_retention_is_another_definition(driver: Driver) -> None:
    """As with its content type."""
    accepted(driver, PutExternalEventDef(name="paid", retention=MINUTE))
    accepted(driver, PutExternalEventDef(name="paid", retention=MINUTE))
    refused(driver, PutExternalEventDef(name="paid"), "ALREADY_EXISTS")
