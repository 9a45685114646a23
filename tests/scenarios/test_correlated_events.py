"""Events that are put under a key, and the runs that wait for the key, wherever they live."""

from __future__ import annotations

import pytest

from penstock.core.commands.delete_correlated_event import DeleteCorrelatedEvent
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.defs import Correlation
from penstock.core.state.correlation_rows import RunMarker
from penstock.core.state.event_rows import EventWaiter, ExternalEvent
from tests.controls import (
    chain,
    declared,
    event_with_key,
    literal,
    variable,
)
from tests.scenarios.correlated import (
    BOTH,
    FOR_EVER,
    ONCE,
    event_under,
    markers,
    put,
    registered,
    run_at,
    statuses,
    timers,
    until_known,
    wait_for_marker,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run


def test_an_event_finds_the_run_that_waits_for_its_key(driver: Driver) -> None:
    """On whatever partitions the two live; nothing is left of the wait."""
    registered(driver, ONCE)
    for number in range(4):
        key = f"order-{number}"
        story = run(driver, "waits", key=key)
        wait_for_marker(story, key)
        put(driver, key, number)
        story.completes(number)
        story.wait(lambda key=key: event_under(driver, key) is None, "the event to be consumed")
        assert markers(driver, key) == []
        assert driver.scan(RunMarker, story.id) == []
        assert driver.scan(EventWaiter, story.id) == []
        assert driver.scan(ExternalEvent, story.id)[0].claimed_by == (0, 1)


def test_an_event_waits_for_a_run_to_come(driver: Driver) -> None:
    """It is there before the run is."""
    registered(driver, ONCE)
    for number in range(4):
        put(driver, f"order-{number}", number)
        run(driver, "waits", key=f"order-{number}").completes(number)


def test_of_two_runs_only_one_gets_an_event_that_goes(driver: Driver) -> None:
    """The other one goes on waiting, and gets the next."""
    registered(driver, ONCE)
    stories = [run(driver, "waits", key="k") for _ in range(2)]
    for story in stories:
        wait_for_marker(story, "k")
    put(driver, "k", 1)
    stories[0].wait(lambda: statuses(stories) == ["COMPLETED", "RUNNING"], "one to have it")
    stories[0].wait(lambda: event_under(driver, "k") is None, "it to be consumed")
    put(driver, "k", 2)
    stories[0].wait(lambda: statuses(stories) == ["COMPLETED", "COMPLETED"], "both to have one")
    assert sorted(story.thread.output for story in stories) == [1, 2]


@BOTH
def test_who_has_waited_longest_is_first(memory: Driver, place: bool) -> None:
    """On the memory log it is known who that is."""
    registered(memory, ONCE)
    stories: list[Story] = []
    for number in range(3):
        memory.pass_ms(10)
        stories.append(run_at(memory, "k", place, number))
    put(memory, "k", 1)
    assert statuses(stories) == ["COMPLETED", "RUNNING", "RUNNING"]


@BOTH
def test_an_event_that_stays_is_for_all_now_and_later(memory: Driver, place: bool) -> None:
    """Each run gets it once."""
    registered(memory, FOR_EVER)
    stories = [run_at(memory, "k", place, number) for number in range(3)]
    put(memory, "k", "all")
    stories += [run_at(memory, "k", place, number) for number in (3, 4)]
    for story in stories:
        story.completes("all")
    assert event_under(memory, "k") is not None
    assert markers(memory, "k") == []


@BOTH
def test_a_time_out_takes_the_marker_away(memory: Driver, place: bool) -> None:
    """An event that comes later is for others."""
    registered(memory, ONCE, timeout_ms=1_000)
    story = run_at(memory, "k", place)
    assert len(markers(memory, "k")) == 1
    memory.pass_ms(1_000)
    story.ends_with("TIMEOUT")
    assert markers(memory, "k") == []
    assert memory.scan(RunMarker, story.id) == []
    put(memory, "k", 1)
    assert event_under(memory, "k") is not None
    run_at(memory, "k", place, 1).completes(1)


@BOTH
def test_an_event_for_a_halted_run_is_taken_when_it_goes_on(memory: Driver, place: bool) -> None:
    """It has accepted it."""
    registered(memory, ONCE)
    story = run_at(memory, "k", place).is_stopped()
    put(memory, "k", 1)
    assert event_under(memory, "k") is None
    story.is_now("HALTED").is_resumed().completes(1)


@BOTH
def test_an_event_goes_when_its_time_is_over(memory: Driver, place: bool) -> None:
    """By the definition, or by the command."""
    registered(memory, Correlation(ttl_seconds=10))
    put(memory, "k", 1)
    put(memory, "short", 1, ttl_seconds=5)
    put(memory, "long", 1, ttl_seconds=50)
    memory.pass_ms(5_000)
    assert [event_under(memory, key) is None for key in ("k", "short", "long")] == [
        False,
        True,
        False,
    ]
    memory.pass_ms(5_000)
    assert [event_under(memory, key) is None for key in ("k", "short", "long")] == [
        True,
        True,
        False,
    ]
    story = run_at(memory, "k", place).is_now("RUNNING")
    put(memory, "k", 2)
    story.completes(2)


def test_an_event_that_was_taken_leaves_no_timer(memory: Driver) -> None:
    """Nor one that was deleted."""
    registered(memory, Correlation(ttl_seconds=10, delete_after_first=True))
    put(memory, "k", 1)
    put(memory, "other", 1)
    assert len(timers(memory)) == 2
    run(memory, "waits", key="k").completes(1)
    accepted(memory, DeleteCorrelatedEvent(event_def="paid", key="other"))
    assert timers(memory) == []


def test_a_deleted_event_is_for_nobody(driver: Driver) -> None:
    """Its key is free again."""
    registered(driver, FOR_EVER)
    put(driver, "k", 1)
    delete = DeleteCorrelatedEvent(event_def="paid", key="k")
    accepted(driver, delete)
    refused(driver, delete, "CORRELATED_EVENT_UNKNOWN")
    story = run(driver, "waits", key="k").is_now("RUNNING")
    put(driver, "k", 2)
    story.completes(2)


def test_the_same_event_again_is_a_repeat(driver: Driver) -> None:
    """Another one under the same key is refused while the first is there."""
    registered(driver, FOR_EVER)
    first = put(driver, "k", 1, guid="g1")
    again = PutCorrelatedEvent(event_def="paid", key="k", content=1, guid="g1")
    answer = accepted(driver, again)
    assert (answer.repeated, answer.body) == (True, first)
    for other in ({"content": 2}, {"content": 1}, {"content": 1, "guid": "g2"}):
        command = PutCorrelatedEvent(event_def="paid", key="k", **other)
        refused(driver, command, "ALREADY_EXISTS")


def test_a_command_that_is_sent_again_puts_nothing_twice(memory: Driver) -> None:
    """Not even when the event has been taken meanwhile."""
    registered(memory, ONCE)
    command = PutCorrelatedEvent(event_def="paid", key="k", content=1)
    first = accepted(memory, command, command_id="same")
    run(memory, "waits", key="k").completes(1)
    again = accepted(memory, command, command_id="same")
    assert (again.repeated, again.body) == (True, first.body)
    assert event_under(memory, "k") is None


@pytest.mark.parametrize("key", ["", "a/b", "a~b", "line\n", "x" * 257, "ü" * 129])
def test_bad_keys_are_refused(memory: Driver, key: str) -> None:
    """And fail a node that wants one."""
    registered(memory, FOR_EVER)
    refused(memory, PutCorrelatedEvent(event_def="paid", key=key), "BAD_ID")
    run(memory, "waits", key=key).ends_with("VAR_SUB_ERROR")


def test_keys_may_have_dots_and_letters_of_any_alphabet(memory: Driver) -> None:
    """A dot in a run's id separates parent and child; in a key it is a letter as any other."""
    registered(memory, ONCE)
    for key in ("order.1.a", ".", "Grüße", "注文", "x" * 256):
        story = run(memory, "waits", key=key)
        put(memory, key, 1)
        story.completes(1)


def test_what_is_no_event_under_a_key_is_refused(driver: Driver) -> None:
    """Each with a code of its own."""
    registered(driver, Correlation(ttl_seconds=60))
    accepted(driver, PutExternalEventDef(name="plain"))
    unknown = PutCorrelatedEvent(event_def="nothing", key="k")
    refused(driver, unknown, "EVENT_DEF_UNKNOWN")
    plain = PutCorrelatedEvent(event_def="plain", key="k")
    driver.wait_until_open()
    until_known(driver, plain)
    refused(driver, plain, "EVENT_DEF_NOT_CORRELATED")
    never = PutCorrelatedEvent(event_def="paid", key="k", ttl_seconds=0)
    refused(driver, never, "BAD_VALUE")
    other = PutExternalEventDef(name="paid", correlation=FOR_EVER)
    refused(driver, other, "ALREADY_EXISTS")
    wrong = PutExternalEventDef(name="bad", correlation=Correlation(ttl_seconds=0))
    refused(driver, wrong, "BAD_VALUE")


def test_a_key_that_is_no_text_fails_the_node(memory: Driver) -> None:
    """It is known only when the run comes there; a number is as good as its text."""
    node = event_with_key("paid", variable("order", "$.id"))
    spec = chain(node, variables=(declared("order", "JSON_OBJ"),))
    register(memory, "waits", spec, PutExternalEventDef(name="paid", correlation=ONCE))
    for wrong in (None, {"a": 1}, [1]):
        run(memory, "waits", order={"id": wrong}).ends_with("VAR_SUB_ERROR")
    story = run(memory, "waits", order={"id": 7}).is_now("RUNNING")
    put(memory, "7", None)
    story.completes()


@BOTH
def test_a_halted_run_whose_events_come_by_its_id_needs_no_key(memory: Driver, place: bool) -> None:
    """An event that is put to the run itself is as good, and the marker goes."""
    registered(memory, ONCE)
    run_at(memory, "k", place).gets("paid", 5).completes(5)
    assert markers(memory, "k") == []


def test_mistakes_in_keys_are_refused_with_the_spec(memory: Driver) -> None:
    """By the node's name."""
    accepted(memory, PutExternalEventDef(name="paid", correlation=ONCE))
    accepted(memory, PutExternalEventDef(name="plain"))
    wrong = {
        "has no `correlation`": event_with_key("plain", literal("k")),
        "JSON_OBJ": event_with_key("paid", literal({"a": 1})),
        "no '/'": event_with_key("paid", literal("a/b")),
        "to STR": event_with_key("paid", variable("n")),
        "there is no variable 'm'": event_with_key("paid", variable("m")),
    }
    for message, node in wrong.items():
        spec = chain(node, variables=(declared("n", "JSON_OBJ"),))
        answer = refused(memory, PutWfSpec(name="bad", spec=spec), "BAD_SPEC")
        assert "node 'n1'" in answer.message
        assert message in answer.message
    early = PutWfSpec(name="early", spec=chain(event_with_key("nothing", literal("k"))))
    assert "'nothing' is not registered" in refused(memory, early, "DEFINITION_UNKNOWN").message
