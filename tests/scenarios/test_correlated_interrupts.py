"""Threads that are interrupted by events under a key, wherever the key lives."""

from __future__ import annotations

from typing import Any

from penstock.core.commands.delete_correlated_event import DeleteCorrelatedEvent
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.defs import Correlation
from penstock.core.ids import partition_of
from penstock.core.state.correlation_rows import RunMarker
from tests.controls import (
    chain,
    declared,
    edge,
    event,
    interrupted,
    literal,
    output_of,
    starts,
    task,
    threads,
    variable,
)
from tests.scenarios.correlated import (
    BOTH,
    FOR_EVER,
    ONCE,
    event_under,
    id_on,
    markers,
    put,
    wait_for_marker,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run


def test_an_event_under_its_key_interrupts_a_run(driver: Driver) -> None:
    """The handler gets the content; the run is interrupted again by the next one."""
    story = _run(driver, ONCE)
    for number in (1, 2):
        put(driver, "k", number)
        story.wait(lambda number=number: story.value("seen") == number, f"{number} to be handled")
        story.wait(lambda: event_under(driver, "k") is None, "the event to be consumed")
    story.gets("go").completes(2)
    story.wait(lambda: markers(driver, "k") == [], "the marker to go")
    assert driver.scan(RunMarker, story.id) == []


@BOTH
def test_an_event_that_stays_interrupts_once(memory: Driver, place: bool) -> None:
    """A new one under the key interrupts again."""
    owner = partition_of(b"k", memory.topics.partitions)
    story = _run(memory, FOR_EVER, id_on(memory, owner, place))
    put(memory, "k", 1)
    assert (story.value("seen"), story.run.threads) == (1, 2)
    memory.pass_ms(60_000)
    put(memory, "k2", 1)
    assert story.run.threads == 2
    story.is_now("RUNNING").gets("go").completes(1)
    assert markers(memory, "k") == []


@BOTH
def test_an_event_that_is_there_interrupts_as_the_run_begins(memory: Driver, place: bool) -> None:
    """Who puts an event need not know whether the run has started."""
    owner = partition_of(b"k", memory.topics.partitions)
    _define(memory, ONCE)
    put(memory, "k", 5)
    story = run(memory, "minds", id_on(memory, owner, place), key="k")
    assert story.value("seen") == 5
    story.gets("go").completes(5)


@BOTH
def test_a_halted_run_is_interrupted_when_it_goes_on(memory: Driver, place: bool) -> None:
    """It has accepted the event, which is not lost."""
    owner = partition_of(b"k", memory.topics.partitions)
    story = _run(memory, ONCE, id_on(memory, owner, place)).is_stopped()
    put(memory, "k", 1)
    assert event_under(memory, "k") is None
    assert story.value("seen") is None
    story.is_resumed()
    assert story.value("seen") == 1


@BOTH
def test_a_rescued_run_is_interrupted_again(memory: Driver, place: bool) -> None:
    """Under the key that it had when it began, whatever the variable is now; not by what it has had
    already. While it had failed, nothing was taken.
    """
    owner = partition_of(b"k", memory.topics.partitions)
    story = _run(memory, FOR_EVER, id_on(memory, owner, place), event("go"), task("work"))
    put(memory, "k", 1)
    assert (story.value("seen"), story.run.threads) == (1, 2)
    accepted(memory, EditVariable(wf_run_id=story.id, name="key", value="other"))
    story.gets("go").task("work").fails().ends_with("TASK_FAILURE")
    assert (markers(memory, "k"), memory.scan(RunMarker, story.id)) == ([], [])
    story.is_rescued().task("work")
    assert [marker.wf_run_id for marker in markers(memory, "k")] == [story.id]
    assert story.run.threads == 2
    accepted(memory, DeleteCorrelatedEvent(event_def="paid", key="k"))
    put(memory, "k", 2)
    assert (story.value("seen"), story.run.threads) == (1, 2)
    story.is_now("RUNNING").succeeds()
    assert story.run.threads == 3
    story.completes(2)
    assert (markers(memory, "k"), memory.scan(RunMarker, story.id)) == ([], [])


@BOTH
def test_a_killed_run_that_is_restarted_is_interrupted_again(memory: Driver, place: bool) -> None:
    """By an event that came meanwhile, too: it lies under its key until somebody takes it."""
    owner = partition_of(b"k", memory.topics.partitions)
    story = _run(memory, ONCE, id_on(memory, owner, place)).is_killed().ends_with("KILLED")
    put(memory, "k", 7)
    assert event_under(memory, "k") is not None
    story.is_begun_again()
    assert (event_under(memory, "k"), story.value("seen")) == (None, 7)
    story.gets("go").completes(7)


@BOTH
def test_a_thread_that_is_halted_for_good_takes_no_event(memory: Driver, place: bool) -> None:
    """The event is left to others. Begun again with its run, it is interrupted as before."""
    owner = partition_of(b"k", memory.topics.partitions)
    minding = _spec({"paid": literal("k")})["threads"]
    main = chain(starts("minds"), task("work"))
    both = {new: {"threads": {"main": minding[old]}} for new, old in NAMES}
    made = threads(main, **both)
    register(memory, "holds", made, PutExternalEventDef(name="paid", correlation=ONCE))
    story = run(memory, "holds", id_on(memory, owner, place)).task("work")
    assert len(markers(memory, "k")) == 1
    story.throws("sick").ends_with("sick", "EXCEPTION").thread_is(1, "HALTED")
    assert (markers(memory, "k"), memory.scan(RunMarker, story.id)) == ([], [])
    put(memory, "k", 3)
    assert event_under(memory, "k") is not None
    story.is_begun_again()
    assert (event_under(memory, "k"), story.value("seen", 1)) == (None, 3)
    story.gets("go").task("work").succeeds().completes()


NAMES = (("minds", "main"), ("mind", "mind"))


def test_mistakes_are_refused_with_the_spec(memory: Driver) -> None:
    """By the thread's name."""
    accepted(memory, PutExternalEventDef(name="paid", correlation=ONCE))
    accepted(memory, PutExternalEventDef(name="go"))
    wrong = {
        "does not interrupt the thread": {"go": literal("k")},
        "is not STR": {"paid": literal({"a": 1})},
        "no node has an output": {"paid": output_of("n1")},
    }
    for message, keys in wrong.items():
        answer = refused(memory, PutWfSpec(name="bad", spec=_spec(keys)), "BAD_SPEC")
        assert "thread 'main'" in answer.message
        assert message in answer.message


def test_a_key_that_is_none_ends_the_run(memory: Driver) -> None:
    """It is known when the run begins."""
    _define(memory, ONCE)
    story = run(memory, "minds", key="a/b").ends_with("VAR_SUB_ERROR")
    accepted(memory, PutExternalEvent(wf_run_id=story.id, event_def="paid"))


def _spec(keys: dict[str, Any], *nodes: Any) -> Any:
    main = chain(
        *(nodes or [event("go")]),
        returns=variable("seen"),
        variables=(declared("key", "STR"), declared("seen", "INT")),
    )
    handler = chain(event("never"), variables=(declared("INPUT", "INT"),))
    nodes = handler["threads"]["main"]["nodes"]
    nodes["0-entrypoint"]["edges"] = [edge("exit", seen=variable("INPUT"))]
    del nodes["n1"]
    spec = interrupted(threads(main, mind=handler), paid="mind")
    spec["threads"]["main"]["interrupt_keys"] = keys
    return spec


def _define(driver: Driver, correlation: Correlation, *nodes: Any) -> None:
    definition = PutExternalEventDef(name="paid", correlation=correlation)
    register(driver, "minds", _spec({"paid": variable("key")}, *nodes), definition)


def _run(
    driver: Driver, correlation: Correlation, wf_run_id: str | None = None, *nodes: Any
) -> Story:
    _define(driver, correlation, *nodes)
    story = run(driver, "minds", wf_run_id, key="k")
    wait_for_marker(story, "k")
    return story
