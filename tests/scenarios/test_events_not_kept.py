"""Events that are not kept: each acts on what waits for it when it comes, or is refused."""

from __future__ import annotations

import pytest

from penstock.core.commands.delete_correlated_event import DeleteCorrelatedEvent
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.definitions.defs import Correlation, EventRetention
from penstock.core.state import turn
from penstock.core.state.event_rows import (
    EventWaiter,
    ExternalEvent,
    PlacingEvent,
    UnclaimedEvent,
)
from penstock.core.values.types import ValueType
from tests.controls import (
    chain,
    declared,
    event,
    event_with_key,
    interrupted,
    literal,
    output_of,
    runs,
    task,
    threads,
    variable,
)
from tests.scenarios.correlated import (
    BOTH,
    FOR_EVER,
    ONCE,
    event_under,
    markers,
    put,
    run_at,
    statuses,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

AT_ONCE = EventRetention(after_put_s=0)
GO = PutExternalEventDef(name="go", retention=AT_ONCE)


def test_one_that_nobody_waits_for_is_refused(driver: Driver) -> None:
    """Nothing of it stays: a node that comes later waits for one of its own."""
    register(driver, "later", chain(task("work"), event("go"), event("go")), GO)
    story = run(driver, "later").task("work")
    early = PutExternalEvent(wf_run_id=story.id, event_def="go", guid="g")
    assert "put it once a node waits" in refused(driver, early, "EVENT_NOT_AWAITED").message
    assert driver.scan(ExternalEvent, story.id) == driver.scan(UnclaimedEvent, story.id) == []
    story.succeeds().at_node("n2").gets("go", guid="g").at_node("n3").gets("go").completes()
    refused(driver, PutExternalEvent(story.id, "go"), "EVENT_NOT_AWAITED")


def test_one_that_is_sent_again_is_known(driver: Driver) -> None:
    """It passes no second node."""
    register(driver, "twice", chain(event("go"), event("go")), GO)
    story = run(driver, "twice").gets("go", 1, guid="g").at_node("n2")
    again = PutExternalEvent(wf_run_id=story.id, event_def="go", content=1, guid="g")
    assert accepted(driver, again).repeated
    story.at_node("n2").gets("go").completes()


def test_one_for_a_run_that_is_not_there(driver: Driver) -> None:
    """A run that comes after has not been given it."""
    register(driver, "waits", chain(event("go")), GO)
    wf_run_id = driver.new_id()
    run(driver, "waits").gets("go").completes()
    refused(driver, PutExternalEvent(wf_run_id=wf_run_id, event_def="go"), "WF_RUN_UNKNOWN")
    run(driver, "waits", wf_run_id).is_now("RUNNING")


def test_each_of_several_waits_needs_one(driver: Driver) -> None:
    """Who has waited longest is first; a node or a thread may be named."""
    one, late = chain(event("go")), chain(task("work"), event("go"))
    main = chain(runs("first", "late", "last"))
    register(driver, "three", threads(main, first=one, late=late, last=one), GO)
    story = run(driver, "three").task("work")
    named = PutExternalEvent(wf_run_id=story.id, event_def="go", node="n2")
    assert "at node 'n2'" in refused(driver, named, "EVENT_NOT_AWAITED").message
    wrong = PutExternalEvent(wf_run_id=story.id, event_def="go", thread=2)
    assert "thread 2 is not one" in refused(driver, wrong, "EVENT_NOT_AWAITED").message
    story.succeeds()
    accepted(driver, named)
    story.thread_is(2, "COMPLETED").thread_is(1, "RUNNING").thread_is(3, "RUNNING")
    refused(driver, named, "EVENT_NOT_AWAITED")
    accepted(driver, PutExternalEvent(wf_run_id=story.id, event_def="go", thread=3))
    story.thread_is(3, "COMPLETED").thread_is(1, "RUNNING").gets("go").completes()


def test_one_that_is_kept_names_no_node_alone(driver: Driver) -> None:
    """It would lie there for nobody."""
    register(driver, "kept", chain(event("paid")))
    story = run(driver, "kept")
    story.refuses(PutExternalEvent(wf_run_id=story.id, event_def="paid", node="n1"), "BAD_VALUE")


def test_a_thread_that_is_halted_does_not_wait(driver: Driver) -> None:
    register(driver, "waits", chain(event("go")), GO)
    story = run(driver, "waits").is_stopped()
    refused(driver, PutExternalEvent(wf_run_id=story.id, event_def="go"), "EVENT_NOT_AWAITED")
    story.is_resumed().at_node("n1").gets("go").completes()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn does so little; also when the log is folded again at the end."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 6)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("halted", [True, False])
def test_whoever_waits_behind_very_many_is_named(driver: Driver, halted: bool) -> None:
    """Others that wait before are halted, or wait at other nodes: a turn does not look at all of
    them. That nobody waits is not said.
    """
    late = chain(task("work"), event("go"))
    main = chain(runs(*(f"t{number}" for number in range(1, 8)), "late"))
    others = {f"t{number}": chain(event("go")) for number in range(1, 8)}
    register(driver, "many", threads(main, **others, late=late), GO)
    story = run(driver, "many")
    story.wait(lambda: len(driver.scan(EventWaiter, story.id)) == 7, "the others")
    story.task("work").succeeds()
    story.wait(lambda: len(driver.scan(EventWaiter, story.id)) == 8, "the last one")
    if halted:
        for number in range(1, 8):
            accepted(driver, StopWfRun(story.id, thread=number))
    node = None if halted else "n2"
    unnamed = PutExternalEvent(wf_run_id=story.id, event_def="go", node=node)
    assert "name the thread" in refused(driver, unnamed, "LIMIT").message
    assert driver.scan(ExternalEvent, story.id) == driver.scan(PlacingEvent, story.id) == []
    accepted(driver, PutExternalEvent(wf_run_id=story.id, event_def="go", thread=8, node=node))
    story.thread_is(8, "COMPLETED")


def test_its_content_must_fit(driver: Driver) -> None:
    typed = PutExternalEventDef(name="go", content_type=ValueType.INT, retention=AT_ONCE)
    register(driver, "waits", chain(event("go"), returns=output_of("n1")), typed)
    story = run(driver, "waits")
    refused(driver, PutExternalEvent(story.id, "go", content="x"), "BAD_VALUE")
    story.at_node("n1").gets("go", 3).completes(3)


def test_it_interrupts_who_says_so(driver: Driver) -> None:
    """A thread that is interrupted by it waits for it, too."""
    spec = interrupted(threads(chain(event("end")), handler=chain(task("help"))), go="handler")
    register(driver, "open", spec, GO)
    story = run(driver, "open").gets("go")
    story.task("help").succeeds().gets("end").completes()


def test_one_under_a_key_for_which_nobody_waits_is_refused(driver: Driver) -> None:
    """Unless it is said how long it is to lie there."""
    accepted(driver, PutExternalEventDef("go", correlation=Correlation(), retention=AT_ONCE))
    put = PutCorrelatedEvent(event_def="go", key="k", content=1)
    refused(driver, put, "EVENT_NOT_AWAITED")
    accepted(driver, PutCorrelatedEvent(event_def="go", key="k", content=1, ttl_seconds=60))
    lies = Correlation(ttl_seconds=60)
    accepted(driver, PutExternalEventDef("lies", correlation=lies, retention=AT_ONCE))
    accepted(driver, PutCorrelatedEvent(event_def="lies", key="k"))


def test_one_that_a_run_has_accepted_from_its_key_is_its_own(driver: Driver) -> None:
    """It was promised to the node: so it lies there while the thread is halted."""
    keyed = PutExternalEventDef(name="go", correlation=Correlation(), retention=AT_ONCE)
    spec = chain(event_with_key("go", literal("k")), returns=output_of("n1"))
    register(driver, "keyed", spec, keyed)
    story = run(driver, "keyed").is_stopped()
    accepted(driver, PutCorrelatedEvent(event_def="go", key="k", content=1))
    story.wait(lambda: len(driver.scan(UnclaimedEvent, story.id)) == 1, "the event")
    refused(driver, PutExternalEvent(story.id, "go", content=2), "EVENT_NOT_AWAITED")
    story.is_resumed().completes(1)


KINDS = pytest.mark.parametrize("kind", [ONCE, FOR_EVER], ids=["first", "all"])


def keyed(driver: Driver, kind: Correlation) -> None:
    """`waits`: a run that waits for `paid` under its variable `key`, and gives what came."""
    definition = PutExternalEventDef("paid", correlation=kind, retention=AT_ONCE)
    node = event_with_key("paid", variable("key"))
    spec = chain(node, returns=output_of("n1"), variables=(declared("key", "STR"),))
    register(driver, "waits", spec, definition)


@BOTH
@KINDS
def test_one_under_a_key_is_for_those_who_wait_when_it_comes(
    memory: Driver, kind: Correlation, place: bool
) -> None:
    """A later run needs one of its own, and may be put one."""
    keyed(memory, kind)
    first = run_at(memory, "k", place)
    put(memory, "k", 1)
    first.completes(1)
    assert event_under(memory, "k") is None
    second = run_at(memory, "k", place, 1).is_now("RUNNING")
    put(memory, "k", 2)
    second.completes(2)
    refused(memory, PutCorrelatedEvent("paid", "k", 3), "EVENT_NOT_AWAITED")


@BOTH
@KINDS
def test_one_that_is_wanted_no_more_when_it_is_offered_goes(
    memory: Driver, kind: Correlation, place: bool
) -> None:
    """The key knows the run still: its kill is on its way."""
    keyed(memory, kind)
    story = run_at(memory, "k", place)
    memory.send_together(KillWfRun(story.id), PutCorrelatedEvent("paid", "k", 1))
    story.ends_with("KILLED")
    assert event_under(memory, "k") is None
    assert markers(memory, "k") == []
    refused(memory, PutCorrelatedEvent("paid", "k", 2), "EVENT_NOT_AWAITED")


@BOTH
@KINDS
def test_who_waits_behind_one_that_declines_gets_it(
    memory: Driver, kind: Correlation, place: bool
) -> None:
    keyed(memory, kind)
    stories = [run_at(memory, "k", place, number) for number in range(3)]
    memory.send_together(KillWfRun(stories[0].id), PutCorrelatedEvent("paid", "k", 1))
    stories[0].ends_with("KILLED")
    stories[1].completes(1)
    left = "COMPLETED" if kind is FOR_EVER else "RUNNING"
    assert statuses(stories) == sorted(["ERROR", "COMPLETED", left])
    assert event_under(memory, "k") is None


@KINDS
def test_who_is_asked_about_one_that_is_gone_can_not_be_asked(
    memory: Driver, kind: Correlation
) -> None:
    """So the next is refused, and not taken for nobody."""
    keyed(memory, kind)
    story = run_at(memory, "k", place=False)
    _, gone, late = memory.send_together(
        PutCorrelatedEvent("paid", "k", 1),
        DeleteCorrelatedEvent(event_def="paid", key="k"),
        PutCorrelatedEvent("paid", "k", 2),
    )
    assert gone.code is None
    assert late.code == "EVENT_NOT_AWAITED"
    story.completes(1)


def test_a_node_that_comes_after_it_is_not_given_it(memory: Driver) -> None:
    """Though another run has not answered yet."""
    definition = PutExternalEventDef("paid", correlation=FOR_EVER, retention=AT_ONCE)
    wait = event_with_key("paid", literal("k"))
    spec = chain(wait, wait, variables=(declared("key", "STR"),))
    register(memory, "waits", spec, definition)
    stories = [run_at(memory, "k", place, 1) for place in (True, False)]
    put(memory, "k", 1)
    for story in stories:
        story.at_node("n2").is_now("RUNNING")
    put(memory, "k", 2)
    for story in stories:
        story.completes()


@BOTH
@pytest.mark.usefixtures("short")
def test_all_who_wait_get_it_though_that_takes_turns(memory: Driver, place: bool) -> None:
    """It goes with the answer of the last of them."""
    keyed(memory, FOR_EVER)
    stories = [run_at(memory, "k", place, number) for number in range(15)]
    put(memory, "k", 1)
    for story in stories:
        story.completes(1)
    assert event_under(memory, "k") is None
