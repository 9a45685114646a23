"""External events and the node that waits for them."""

import pytest

from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.state.event_rows import EventWaiter, ExternalEvent, UnclaimedEvent
from penstock.core.values.types import ValueType
from tests.controls import chain, compare, edge, ends, event, literal, output_of, spec
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run


def test_an_event_wakes_the_node_that_waits(driver: Driver) -> None:
    """Its content is the node's output; nothing is left behind."""
    register(driver, "waits", chain(event("paid"), returns=output_of("n1", "$.amount")))
    story = run(driver, "waits").is_now("RUNNING").gets("paid", {"amount": 9}).completes(9)
    assert driver.scan(EventWaiter, story.id) == []
    assert driver.scan(UnclaimedEvent, story.id) == []
    assert driver.scan(ExternalEvent, story.id)[0].claimed_by == (0, 1)


def test_an_event_may_come_before_the_run(driver: Driver) -> None:
    """Oldest first."""
    register(driver, "waits", chain(event("paid"), event("paid"), returns=output_of("n2")))
    wf_run_id = driver.new_id()
    for number in (1, 2, 3):
        accepted(driver, PutExternalEvent(wf_run_id=wf_run_id, event_def="paid", content=number))
    story = run(driver, "waits", wf_run_id).completes(2)
    assert [event.claimed_by for event in driver.scan(ExternalEvent, story.id)].count(None) == 1


def test_the_guid_makes_an_event_idempotent(driver: Driver) -> None:
    """The same again is a repeat; other content is refused."""
    register(driver, "waits", chain(event("paid"), event("paid")))
    story = run(driver, "waits").gets("paid", 1, guid="g1")
    again = PutExternalEvent(wf_run_id=story.id, event_def="paid", content=1, guid="g1")
    assert accepted(driver, again).repeated
    other = PutExternalEvent(wf_run_id=story.id, event_def="paid", content=2, guid="g1")
    refused(driver, other, "ALREADY_EXISTS")
    story.is_now("RUNNING").gets("paid", 2, guid="g2").completes()


def test_a_wait_times_out(driver: Driver) -> None:
    """With a technical failure."""
    register(driver, "waits", chain(event("paid", timeout_ms=60)))
    story = run(driver, "waits")
    driver.pass_ms(70)
    story.ends_with("TIMEOUT")
    assert driver.scan(EventWaiter, story.id) == []


def test_an_event_in_time_drops_the_time_out(memory: Driver) -> None:
    """Nothing fires later."""
    register(memory, "waits", chain(event("paid", timeout_ms=1_000), event("sent")))
    story = run(memory, "waits").gets("paid")
    memory.pass_ms(5_000)
    story.is_now("RUNNING").gets("sent").completes()


def test_a_content_may_be_required(driver: Driver) -> None:
    """Null is one of any type, but no content."""
    definition = PutExternalEventDef(name="paid", content_type="INT", content_required=True)
    spec = chain(event("paid"), event("paid"), returns=output_of("n2"))
    register(driver, "waits", spec, definition)
    refused(driver, PutExternalEventDef(name="paid", content_type="INT"), "ALREADY_EXISTS")
    story = run(driver, "waits").gets("paid", 1)
    nothing = PutExternalEvent(wf_run_id=story.id, event_def="paid")
    assert "wants a content: INT" in refused(driver, nothing, "BAD_VALUE").message
    story.at_node("n2").gets("paid", 2).completes(2)


def test_contents_are_checked_by_the_definition(driver: Driver) -> None:
    """A wrong type is refused and nothing is kept."""
    definition = PutExternalEventDef(name="count", content_type=ValueType.INT)
    accepted(driver, definition)
    assert accepted(driver, definition).ok
    refused(driver, PutExternalEventDef(name="count"), "ALREADY_EXISTS")
    register(driver, "waits", chain(event("other")))
    story = run(driver, "waits")
    wrong = PutExternalEvent(wf_run_id=story.id, event_def="count", content="many")
    refused(driver, wrong, "BAD_VALUE")
    unknown = PutExternalEvent(wf_run_id=story.id, event_def="nothing")
    refused(driver, unknown, "EVENT_DEF_UNKNOWN")
    assert driver.scan(ExternalEvent, story.id) == []


@pytest.mark.parametrize("memory", ["memory"], indirect=True)  # 2,500 digests of 2,500 rows
def test_a_long_loop_is_cut_into_turns_and_others_go_on(memory: Driver) -> None:
    """2,500 events are there before the run: a turn's budget is 1,000 nodes (R3)."""
    again = edge("wait", compare(output_of("wait"), "NOT_EQUALS", literal("stop")))
    loop = spec("wait", {"wait": event("go", again, edge("exit")), "exit": ends()})
    register(memory, "loop", loop)
    wf_run_id = memory.new_id()
    for number in range(2_500):
        content = "stop" if number == 2_499 else f"go {number}"
        accepted(memory, PutExternalEvent(wf_run_id=wf_run_id, event_def="go", content=content))
    story = run(memory, "loop", wf_run_id).completes()
    assert story.run.steps == 2_502
