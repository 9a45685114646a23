"""Events that are put under a key, and the runs that wait for the key, wherever they live."""

from __future__ import annotations

import time
from typing import Any

import pytest

from penstock.core.commands.delete_correlated_event import DeleteCorrelatedEvent
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.correlation_rows import CorrelatedEvent, EventMarker, RunMarker
from penstock.core.definitions import Correlation, ExternalEventDef
from penstock.core.ids import partition_of, partition_of_run
from penstock.core.rows import Rows
from penstock.core.run import EventWaiter, ExternalEvent
from penstock.core.timers import Timer, TimerKind
from tests.controls import chain, declared, event_with_key, output_of, variable
from tests.scenarios.driver import WAIT_S, Driver
from tests.scenarios.story import Story, accepted, refused, register, run

HERE, THERE = True, False
FOR_EVER = Correlation()
ONCE = Correlation(delete_after_first=True)
BOTH = pytest.mark.parametrize("place", [HERE, THERE], ids=["here", "there"])


def test_an_event_finds_the_run_that_waits_for_its_key(driver: Driver) -> None:
    """On whatever partitions the two live; nothing is left of the wait."""
    _register(driver, ONCE)
    for number in range(4):
        key = f"order-{number}"
        story = run(driver, "waits", key=key)
        _wait_for_marker(story, key)
        _put(driver, key, number)
        story.completes(number)
        story.wait(lambda key=key: _event(driver, key) is None, "the event to be consumed")
        assert _markers(driver, key) == []
        assert driver.scan(RunMarker, story.id) == []
        assert driver.scan(EventWaiter, story.id) == []
        assert driver.scan(ExternalEvent, story.id)[0].claimed_by == (0, 1)


def test_an_event_waits_for_a_run_to_come(driver: Driver) -> None:
    """It is there before the run is."""
    _register(driver, ONCE)
    for number in range(4):
        _put(driver, f"order-{number}", number)
        run(driver, "waits", key=f"order-{number}").completes(number)


def test_of_two_runs_only_one_gets_an_event_that_goes(driver: Driver) -> None:
    """The other one goes on waiting, and gets the next."""
    _register(driver, ONCE)
    stories = [run(driver, "waits", key="k") for _ in range(2)]
    for story in stories:
        _wait_for_marker(story, "k")
    _put(driver, "k", 1)
    stories[0].wait(lambda: _status(stories) == ["COMPLETED", "RUNNING"], "one to have it")
    stories[0].wait(lambda: _event(driver, "k") is None, "it to be consumed")
    _put(driver, "k", 2)
    stories[0].wait(lambda: _status(stories) == ["COMPLETED", "COMPLETED"], "both to have one")
    assert sorted(story.thread.output for story in stories) == [1, 2]


@BOTH
def test_who_has_waited_longest_is_first(memory: Driver, place: bool) -> None:
    """On the memory log it is known who that is."""
    _register(memory, ONCE)
    stories: list[Story] = []
    for number in range(3):
        memory.pass_ms(10)
        stories.append(_run(memory, "k", place, number))
    _put(memory, "k", 1)
    assert _status(stories) == ["COMPLETED", "RUNNING", "RUNNING"]


@BOTH
def test_an_event_that_stays_is_for_all_now_and_later(memory: Driver, place: bool) -> None:
    """Each run gets it once."""
    _register(memory, FOR_EVER)
    stories = [_run(memory, "k", place, number) for number in range(3)]
    _put(memory, "k", "all")
    stories += [_run(memory, "k", place, number) for number in (3, 4)]
    for story in stories:
        story.completes("all")
    assert _event(memory, "k") is not None
    assert _markers(memory, "k") == []


@BOTH
def test_a_time_out_takes_the_marker_away(memory: Driver, place: bool) -> None:
    """An event that comes later is for others."""
    _register(memory, ONCE, timeout_ms=1_000)
    story = _run(memory, "k", place)
    assert len(_markers(memory, "k")) == 1
    memory.pass_ms(1_000)
    story.ends_with("TIMEOUT")
    assert _markers(memory, "k") == []
    assert memory.scan(RunMarker, story.id) == []
    _put(memory, "k", 1)
    assert _event(memory, "k") is not None
    _run(memory, "k", place, 1).completes(1)


@BOTH
def test_an_event_for_a_halted_run_is_taken_when_it_goes_on(memory: Driver, place: bool) -> None:
    """It has accepted it."""
    _register(memory, ONCE)
    story = _run(memory, "k", place).is_stopped()
    _put(memory, "k", 1)
    assert _event(memory, "k") is None
    story.is_now("HALTED").is_resumed().completes(1)


@BOTH
def test_an_event_goes_when_its_time_is_over(memory: Driver, place: bool) -> None:
    """By the definition, or by the command."""
    _register(memory, Correlation(ttl_seconds=10))
    _put(memory, "k", 1)
    _put(memory, "short", 1, ttl_seconds=5)
    _put(memory, "long", 1, ttl_seconds=50)
    memory.pass_ms(5_000)
    assert [_event(memory, key) is None for key in ("k", "short", "long")] == [False, True, False]
    memory.pass_ms(5_000)
    assert [_event(memory, key) is None for key in ("k", "short", "long")] == [True, True, False]
    story = _run(memory, "k", place).is_now("RUNNING")
    _put(memory, "k", 2)
    story.completes(2)


def test_an_event_that_was_taken_leaves_no_timer(memory: Driver) -> None:
    """Nor one that was deleted."""
    _register(memory, Correlation(ttl_seconds=10, delete_after_first=True))
    _put(memory, "k", 1)
    _put(memory, "other", 1)
    assert len(_timers(memory)) == 2
    run(memory, "waits", key="k").completes(1)
    accepted(memory, DeleteCorrelatedEvent(event_def="paid", key="other"))
    assert _timers(memory) == []


def test_a_deleted_event_is_for_nobody(driver: Driver) -> None:
    """Its key is free again."""
    _register(driver, FOR_EVER)
    _put(driver, "k", 1)
    delete = DeleteCorrelatedEvent(event_def="paid", key="k")
    accepted(driver, delete)
    refused(driver, delete, "CORRELATED_EVENT_UNKNOWN")
    story = run(driver, "waits", key="k").is_now("RUNNING")
    _put(driver, "k", 2)
    story.completes(2)


def test_the_same_event_again_is_a_repeat(driver: Driver) -> None:
    """Another one under the same key is refused while the first is there."""
    _register(driver, FOR_EVER)
    first = _put(driver, "k", 1, guid="g1")
    again = PutCorrelatedEvent(event_def="paid", key="k", content=1)
    answer = accepted(driver, again)
    assert (answer.repeated, answer.body) == (True, first)
    for other in ({"content": 2}, {"content": 1, "guid": "g2"}):
        command = PutCorrelatedEvent(event_def="paid", key="k", **other)
        refused(driver, command, "ALREADY_EXISTS")


def test_a_command_that_is_sent_again_puts_nothing_twice(memory: Driver) -> None:
    """Not even when the event has been taken meanwhile."""
    _register(memory, ONCE)
    command = PutCorrelatedEvent(event_def="paid", key="k", content=1)
    first = accepted(memory, command, command_id="same")
    run(memory, "waits", key="k").completes(1)
    again = accepted(memory, command, command_id="same")
    assert (again.repeated, again.body) == (True, first.body)
    assert _event(memory, "k") is None


@pytest.mark.parametrize("key", ["", "a/b", "a~b", "line\n", "x" * 257, "ü" * 129])
def test_bad_keys_are_refused(memory: Driver, key: str) -> None:
    """And fail a node that wants one."""
    _register(memory, FOR_EVER)
    refused(memory, PutCorrelatedEvent(event_def="paid", key=key), "BAD_ID")
    run(memory, "waits", key=key).ends_with("VAR_SUB_ERROR")


def test_keys_may_have_dots_and_letters_of_any_alphabet(memory: Driver) -> None:
    """A dot in a run's id separates parent and child; in a key it is a letter as any other."""
    _register(memory, ONCE)
    for key in ("order.1.a", ".", "Grüße", "注文", "x" * 256):
        story = run(memory, "waits", key=key)
        _put(memory, key, 1)
        story.completes(1)


def test_what_is_no_event_under_a_key_is_refused(driver: Driver) -> None:
    """Each with a code of its own."""
    _register(driver, Correlation(ttl_seconds=60))
    accepted(driver, PutExternalEventDef(name="plain"))
    unknown = PutCorrelatedEvent(event_def="nothing", key="k")
    refused(driver, unknown, "EVENT_DEF_UNKNOWN")
    plain = PutCorrelatedEvent(event_def="plain", key="k")
    driver.wait_until_open()
    _until_known(driver, plain)
    refused(driver, plain, "EVENT_DEF_NOT_CORRELATED")
    never = PutCorrelatedEvent(event_def="paid", key="k", ttl_seconds=0)
    refused(driver, never, "BAD_VALUE")
    other = PutExternalEventDef(name="paid", correlation=FOR_EVER)
    refused(driver, other, "ALREADY_EXISTS")
    wrong = PutExternalEventDef(name="bad", correlation=Correlation(ttl_seconds=0))
    refused(driver, wrong, "BAD_VALUE")


def test_a_key_that_is_no_text_fails_the_node(memory: Driver) -> None:
    """It is known only when the run comes there."""
    node = event_with_key("paid", variable("order", "$.id"))
    spec = chain(node, variables=(declared("order", "JSON_OBJ"),))
    register(memory, "waits", spec, PutExternalEventDef(name="paid", correlation=ONCE))
    run(memory, "waits", order={"id": 7}).ends_with("VAR_SUB_ERROR")
    story = run(memory, "waits", order={"id": "7"}).is_now("RUNNING")
    _put(memory, "7", None)
    story.completes()


def _register(driver: Driver, correlation: Correlation, **settings: Any) -> None:
    """`waits`: a run that waits for `paid` under its variable `key`, and gives what came."""
    definition = PutExternalEventDef(name="paid", correlation=correlation)
    node = event_with_key("paid", variable("key"), **settings)
    spec = chain(node, returns=output_of("n1"), variables=(declared("key", "STR"),))
    register(driver, "waits", spec, definition)


def _run(memory: Driver, key: str, place: bool, number: int = 0) -> Story:
    """A run on the key's partition, or on another one."""
    partitions = memory.topics.partitions
    owner = partition_of(key.encode(), partitions)
    ids = (f"run-{number}-{at}" for at in range(1_000))
    found = next(of for of in ids if (partition_of_run(of, partitions) == owner) is place)
    return run(memory, "waits", found, key=key)


def _put(driver: Driver, key: str, content: Any, **settings: Any) -> Any:
    command = PutCorrelatedEvent(event_def="paid", key=key, content=content, **settings)
    _until_known(driver, command)
    return accepted(driver, command).body


def _until_known(driver: Driver, command: PutCorrelatedEvent) -> None:
    """Wait until the key's partition has the definition, if it will ever come."""
    number = partition_of(command.key.encode(), driver.topics.partitions)
    deadline = time.monotonic() + (0 if driver.clock else WAIT_S)
    while time.monotonic() < deadline:
        if _view(driver, number).peek(ExternalEventDef, "default", command.event_def):
            return
        time.sleep(0.005)


def _view(driver: Driver, number: int) -> Rows:
    view = driver.processor.view(number)
    assert view is not None
    return Rows(view)


def _of_key(driver: Driver, key: str) -> Rows:
    return _view(driver, partition_of(key.encode(), driver.topics.partitions))


def _event(driver: Driver, key: str) -> CorrelatedEvent | None:
    return _of_key(driver, key).peek(CorrelatedEvent, "default", "paid", key)


def _markers(driver: Driver, key: str) -> list[EventMarker]:
    return list(_of_key(driver, key).scan(EventMarker, "default", "paid", key))


def _timers(driver: Driver) -> list[Timer]:
    return [
        timer
        for number in range(driver.topics.partitions)
        for timer in _view(driver, number).scan(Timer)
        if timer.kind in (TimerKind.EXPIRE_EVENT, TimerKind.OFFER_EVENT)
    ]


def _status(stories: list[Story]) -> list[str]:
    return sorted(story.run.status for story in stories)


def _wait_for_marker(story: Story, key: str) -> None:
    """The partition of the key knows that the run waits."""
    story.wait(
        lambda: any(marker.wf_run_id == story.id for marker in _markers(story.driver, key)),
        "its marker to be there",
    )
