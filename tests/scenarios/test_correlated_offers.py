"""How partitions come to an agreement on who gets an event: offers, answers, and what crosses
them.
"""

from __future__ import annotations

import pytest

from penstock.core.commands.delete_correlated_event import DeleteCorrelatedEvent
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.ids import partition_of
from penstock.core.state.correlation_rows import RunMarker
from penstock.core.state.event_rows import ExternalEvent, UnclaimedEvent
from penstock.log.port import Message
from tests.controls import (
    chain,
    declared,
    event_with_key,
    literal,
    output_of,
    starts_each,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.correlated import (
    BOTH,
    FOR_EVER,
    HERE,
    ONCE,
    THERE,
    append_at_once,
    event_under,
    id_on,
    marker_of,
    markers,
    put,
    registered,
    run_at,
    statuses,
    told_by_a_partition,
    turns_with_offers,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, register, run


@BOTH
def test_a_run_that_left_while_it_was_asked_declines(memory: Driver, place: bool) -> None:
    """Its time is over in the very moment in which the event comes: the next one gets it."""
    registered(memory, ONCE, timeout_ms=1_000)
    first = run_at(memory, "k", place)
    memory.pass_ms(500)
    second = run_at(memory, "k", place, 1)
    assert memory.clock is not None
    memory.clock.now_ms += 500
    append_at_once(memory, PutCorrelatedEvent(event_def="paid", key="k", content=1), first)
    memory.settle()
    if place is THERE:
        owner = partition_of(b"k", memory.topics.partitions)
        assert turns_with_offers(memory, owner) == 2, "the first was asked, too"
    first.ends_with("TIMEOUT")
    second.completes(1)
    assert event_under(memory, "k") is None
    assert markers(memory, "k") == []


def test_a_marker_of_a_run_that_is_gone_is_passed_over(memory: Driver) -> None:
    """The run declines by not being there; the next one is asked."""
    registered(memory, ONCE)
    for number in range(3):
        told_by_a_partition(memory, "k", marker_of("k", f"gone-{number}", since_ms=number))
    story = run(memory, "waits", key="k")
    assert len(markers(memory, "k")) == 4
    put(memory, "k", 1)
    story.completes(1)
    assert markers(memory, "k") == []
    assert event_under(memory, "k") is None


def test_engine_commands_that_come_again_change_nothing(memory: Driver) -> None:
    """All that partitions have said to each other is said once more (R4)."""
    registered(memory, ONCE)
    stories = [run_at(memory, "k", THERE, number) for number in range(2)]
    put(memory, "k", 1)
    before = memory.digests()
    for number in range(memory.topics.partitions):
        for record in memory.log.read_all(memory.topics.commands, number):
            if "source" in record.headers:
                memory.log.append_and_wait(
                    Message(record.topic, record.key, record.value, record.headers, number)
                )
    memory.settle()
    assert statuses(stories) == ["COMPLETED", "RUNNING"]
    assert len(markers(memory, "k")) == 1
    assert len(before) == len(memory.digests())


# A crash after each of ten thousand records would take minutes.
@pytest.mark.parametrize("memory", ["memory"], indirect=True)
def test_2500_markers_of_a_key_are_gone_through_in_chunks(memory: Driver) -> None:
    """A turn offers an event to 1,000; the rest is pending work (R3)."""
    definition = PutExternalEventDef(name="paid", correlation=FOR_EVER)
    child = chain(event_with_key("paid", literal("k")))
    main = chain(starts_each("child", literal(list(range(2_500)))), waits_for(output_of("n1")))
    register(memory, "many", threads(main, child=child), definition)
    for place in (HERE, THERE):
        owner = partition_of(b"k", memory.topics.partitions)
        story = run(memory, "many", id_on(memory, owner, place))
        assert len(markers(memory, "k")) == 2_500
        offers = turns_with_offers(memory, owner)
        put(memory, "k", 1)
        story.completes()
        assert markers(memory, "k") == []
        assert len(memory.scan(ExternalEvent, story.id)) == 2_500
        accepted(memory, DeleteCorrelatedEvent(event_def="paid", key="k"))
        if place is THERE:
            assert turns_with_offers(memory, owner) - offers == 3


def test_threads_of_a_run_wait_for_keys_of_their_own(memory: Driver) -> None:
    """Each gets its own event, and those that share a key share it one by one."""
    definition = PutExternalEventDef(name="paid", correlation=ONCE)
    child = chain(
        event_with_key("paid", variable("INPUT")),
        returns=output_of("n1"),
        variables=(declared("INPUT", "STR"),),
    )
    main = chain(starts_each("child", literal(["a", "b", "b"])), waits_for(output_of("n1")))
    register(memory, "many", threads(main, child=child), definition)
    story = run(memory, "many")
    put(memory, "b", 1)
    put(memory, "a", 2)
    story.is_now("RUNNING")
    assert [story.thread_run(number).output for number in (1, 2, 3)] == [2, 1, None]
    put(memory, "b", 3)
    story.completes()
    assert story.thread_run(3).output == 3


@BOTH
def test_a_thread_halted_for_good_takes_its_marker_away(memory: Driver, place: bool) -> None:
    """Its parent does not need it any more."""
    definition = PutExternalEventDef(name="paid", correlation=ONCE)
    child = chain(event_with_key("paid", variable("INPUT")), variables=(declared("INPUT", "STR"),))
    main = chain(
        starts_each("child", literal(["a", "k"])),
        waits_for(output_of("n1"), strategy="WAIT_FOR_FIRST"),
    )
    register(memory, "any", threads(main, child=child), definition)
    owner = partition_of(b"k", memory.topics.partitions)
    story = run(memory, "any", id_on(memory, owner, place))
    assert len(markers(memory, "k")) == 1
    put(memory, "a", 1)
    story.completes().thread_is(2, "HALTED")
    assert markers(memory, "k") == []
    assert memory.scan(RunMarker, story.id) == []


@BOTH
def test_an_event_is_for_the_node_that_waits_for_its_key(memory: Driver, place: bool) -> None:
    """Two accepted in one turn, while the run is halted, are both there when it goes on."""
    definition = PutExternalEventDef(name="paid", correlation=FOR_EVER)
    child = chain(event_with_key("paid", literal("k")), returns=output_of("n1"))
    main = chain(starts_each("child", literal([1, 2])), waits_for(output_of("n1")))
    register(memory, "two", threads(main, child=child), definition)
    owner = partition_of(b"k", memory.topics.partitions)
    story = run(memory, "two", id_on(memory, owner, place)).is_stopped()
    put(memory, "k", "both")
    assert len(memory.scan(UnclaimedEvent, story.id)) == 2
    story.is_resumed().completes()
    assert [story.thread_run(number).output for number in (1, 2)] == ["both", "both"]


def test_a_loop_gets_an_event_that_stays_each_time_it_waits(memory: Driver) -> None:
    """Each visit of the node is a wait of its own."""
    definition = PutExternalEventDef(name="paid", correlation=FOR_EVER)
    wait = event_with_key("paid", literal("k"))
    register(memory, "twice", chain(wait, wait), definition)
    put(memory, "k", 1)
    story = run(memory, "twice").completes()
    assert len(memory.scan(ExternalEvent, story.id)) == 2


@BOTH
def test_large_events_are_offered_a_few_a_turn(memory: Driver, place: bool) -> None:
    """So that no turn asks for more to be sent than it may (R3)."""
    definition = PutExternalEventDef(name="paid", correlation=FOR_EVER)
    child = chain(event_with_key("paid", literal("k")))
    main = chain(starts_each("child", literal(list(range(50)))), waits_for(output_of("n1")))
    register(memory, "many", threads(main, child=child), definition)
    owner = partition_of(b"k", memory.topics.partitions)
    story = run(memory, "many", id_on(memory, owner, place))
    put(memory, "k", "x" * 250_000)
    story.completes()
