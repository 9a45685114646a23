"""Events that are not kept: each acts on what waits for it when it comes, or is refused."""

from __future__ import annotations

from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.definitions.defs import Correlation, EventRetention
from penstock.core.state.event_rows import ExternalEvent, UnclaimedEvent
from penstock.core.values.types import ValueType
from tests.controls import (
    chain,
    event,
    event_with_key,
    interrupted,
    literal,
    output_of,
    runs,
    task,
    threads,
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
