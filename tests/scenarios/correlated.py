"""What the scenarios of correlated events share."""

from __future__ import annotations

import time
from typing import Any

import pytest

from penstock.contracts.wire import Sent, command_value, engine_headers, outgoing
from penstock.core.commands.offer_correlated_event import OfferCorrelatedEvent
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.set_event_marker import SetEventMarker
from penstock.core.commands.tick import Tick
from penstock.core.definitions.defs import Correlation, ExternalEventDef
from penstock.core.fold import ENGINE_PRINCIPAL, Origin
from penstock.core.ids import partition_of, partition_of_run
from penstock.core.state.correlation_rows import CorrelatedEvent, EventMarker
from penstock.core.state.partition_state import InChannel
from penstock.core.state.rows import Rows
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.turn import FIRST_STAMP
from penstock.log.port import Message
from tests.controls import (
    chain,
    declared,
    event_with_key,
    output_of,
    variable,
)
from tests.scenarios.driver import WAIT_S, Driver
from tests.scenarios.story import Story, accepted, register, run

HERE, THERE = True, False
FOR_EVER = Correlation()
ONCE = Correlation(delete_after_first=True)
BOTH = pytest.mark.parametrize("place", [HERE, THERE], ids=["here", "there"])


def registered(driver: Driver, correlation: Correlation, **settings: Any) -> None:
    """`waits`: a run that waits for `paid` under its variable `key`, and gives what came."""
    definition = PutExternalEventDef(name="paid", correlation=correlation)
    node = event_with_key("paid", variable("key"), **settings)
    spec = chain(node, returns=output_of("n1"), variables=(declared("key", "STR"),))
    register(driver, "waits", spec, definition)


def run_at(memory: Driver, key: str, place: bool, number: int = 0) -> Story:
    """A run on the key's partition, or on another one."""
    partitions = memory.topics.partitions
    owner = partition_of(key.encode(), partitions)
    ids = (f"run-{number}-{at}" for at in range(1_000))
    found = next(of for of in ids if (partition_of_run(of, partitions) == owner) is place)
    return run(memory, "waits", found, key=key)


def put(driver: Driver, key: str, content: Any, **settings: Any) -> Any:
    """Put `paid` under a key; gives the body of the answer."""
    command = PutCorrelatedEvent(event_def="paid", key=key, content=content, **settings)
    until_known(driver, command)
    return accepted(driver, command).body


def until_known(driver: Driver, command: PutCorrelatedEvent) -> None:
    """Wait until the key's partition has the definition, if it will ever come."""
    number = partition_of(command.key.encode(), driver.topics.partitions)
    deadline = time.monotonic() + (0 if driver.clock else WAIT_S)
    while time.monotonic() < deadline:
        if view_of(driver, number).peek(ExternalEventDef, "default", command.event_def):
            return
        time.sleep(0.005)


def view_of(driver: Driver, number: int) -> Rows:
    """A partition's rows."""
    view = driver.processor.view(number)
    assert view is not None
    return Rows(view)


def of_key(driver: Driver, key: str) -> Rows:
    """The rows of a key's partition."""
    return view_of(driver, partition_of(key.encode(), driver.topics.partitions))


def event_under(driver: Driver, key: str) -> CorrelatedEvent | None:
    """The event that lies under a key."""
    return of_key(driver, key).peek(CorrelatedEvent, "default", "paid", key)


def markers(driver: Driver, key: str) -> list[EventMarker]:
    """Who waits for a key, who has waited longest first."""
    return list(of_key(driver, key).scan(EventMarker, "default", "paid", key))


def timers(driver: Driver) -> list[Timer]:
    """The timers of correlated events, of all partitions."""
    return [
        timer
        for number in range(driver.topics.partitions)
        for timer in view_of(driver, number).scan(Timer)
        if timer.kind in (TimerKind.EXPIRE_EVENT, TimerKind.OFFER_EVENT)
    ]


def statuses(stories: list[Story]) -> list[str]:
    """The statuses of runs, sorted."""
    return sorted(story.run.status for story in stories)


def wait_for_marker(story: Story, key: str) -> None:
    """The partition of the key knows that the run waits."""
    story.wait(
        lambda: any(marker.wf_run_id == story.id for marker in markers(story.driver, key)),
        "its marker to be there",
    )


def id_on(driver: Driver, owner: int, place: bool) -> str:
    """A run id that belongs on the owner's partition, or on another one."""
    partitions = driver.topics.partitions
    ids = (f"{driver.new_id()[:8]}-{at}" for at in range(1_000))
    return next(of for of in ids if (partition_of_run(of, partitions) == owner) is place)


def append_at_once(memory: Driver, command: PutCorrelatedEvent, story: Story) -> None:
    """Have time pass on the run's partition, and the command in the log, before either is read."""
    number = partition_of_run(story.id, memory.topics.partitions)
    out = outgoing(memory.avro, Sent(command=command), "crossing")
    memory.log.append_and_wait(memory.processor._courier.command(number, Tick(), tenant="default"))
    memory.log.append_and_wait(Message(memory.topics.commands, out.key, out.value, out.headers))


def told_by_a_partition(memory: Driver, key: str, command: SetEventMarker) -> None:
    """A command to the key's partition as another partition sends it."""
    owner = partition_of(key.encode(), memory.topics.partitions)
    source = max({0, 1, 2} - {owner})
    channel = view_of(memory, owner).peek(InChannel, source) or InChannel(source, FIRST_STAMP)
    origin = Origin(source, f"{command.since_ms + 1_000_000}:0", channel.last)
    value = command_value(memory.avro, Sent(command=command, principal=ENGINE_PRINCIPAL))
    memory.log.append_and_wait(
        Message(memory.topics.commands, None, value, engine_headers(origin, 1), owner)
    )
    memory.settle()


def marker_of(key: str, wf_run_id: str, since_ms: int) -> SetEventMarker:
    """What a run says that begins to wait."""
    return SetEventMarker(
        event_def="paid",
        key=key,
        wf_run_id=wf_run_id,
        thread=0,
        position=1,
        since_ms=since_ms,
        waits=True,
    )


def turns_with_offers(memory: Driver, owner: int) -> int:
    """How many turns of a partition have sent offers to others."""
    turns: set[bytes] = set()
    for number in range(memory.topics.partitions):
        for record in memory.log.read_all(memory.topics.commands, number):
            if record.headers.get("source") == b"%d" % owner:
                command, _ = memory.avro.decode(record.value or b"")
                if isinstance(command, OfferCorrelatedEvent):
                    turns.add(record.headers["stamp"].partition(b":")[0])
    return len(turns)
