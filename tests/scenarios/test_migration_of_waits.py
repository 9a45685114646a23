"""Migration of runs that wait: for what a visit of a node, an interrupt or a handler waits."""

from __future__ import annotations

import pytest

from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.definitions.defs import Correlation
from penstock.core.state.correlation_rows import RunMarker
from penstock.core.state.thread_rows import Interrupter
from penstock.core.state.timers import Timer
from tests.controls import (
    a_form,
    a_task_def,
    cancels,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    handled,
    holds,
    interrupted,
    literal,
    sleeps,
    spec,
    task,
    threads,
    user_task,
    variable,
)
from tests.scenarios.correlated import markers, put, wait_for_marker
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import can_not, migrates, next_version
from tests.scenarios.story import accepted, register, run


def test_a_task_in_flight_stays_what_it_is(driver: Driver) -> None:
    """The new settings are for the next visit; another TaskDef is refused while it runs."""
    register(driver, "work", chain(task("one", max_attempts=1)), a_task_def("two"))
    story = run(driver, "work").task("one")
    next_version(driver, "work", chain(task("two")))
    can_not(story, "thread 0 ('main'), at node 'n1': the node does two there")
    next_version(driver, "work", chain(task("one", max_attempts=9), task("two")))
    migrates(story)
    assert story.task_run.max_attempts == 1
    story.succeeds("x").task("two").succeeds().completes()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (event("go"), event("other"), "waits for other there, not for go"),
        (event("go"), task("one"), "is TASK in version 2, not EXTERNAL_EVENT"),
        (event("go"), sleeps(9), "is SLEEP in version 2"),
        (sleeps(99), sleeps(until=variable("when")), "sleeps until an instant there"),
        (
            user_task("form", user="ada"),
            user_task("other", user="ada"),
            "wants the form other there, not form",
        ),
    ],
    ids=["event", "type", "sleep", "until", "form"],
)
def test_a_wait_goes_on_only_for_the_same(memory: Driver, before, after, said) -> None:
    """Once the thread has gone on, the same plan is right."""
    forms = (a_form("form", "text", text="STR"), a_form("other", "a", a="INT"))
    events = [PutExternalEventDef(name=name) for name in ("go", "other")]
    when = declared("when", "TIMESTAMP", access="PRIVATE_VAR")
    register(
        memory,
        "w",
        chain(before, event("go"), variables=(when,)),
        a_task_def("one"),
        *forms,
        *events,
    )
    story = run(memory, "w").at_node("n1")
    next_version(memory, "w", chain(after, event("go"), variables=(when,)))
    can_not(story, said).is_skipped()
    migrates(story).gets("go").completes()


def test_a_new_time_out_runs_from_the_migration_on(memory: Driver) -> None:
    """One that is there runs on; one that is there no more is dropped."""
    register(memory, "w", chain(event("go")))
    story = run(memory, "w")
    next_version(memory, "w", chain(event("go", timeout_ms=5_000)))
    memory.pass_ms(60_000)
    migrates(story)
    memory.pass_ms(4_000)
    story.is_now("RUNNING")
    other = run(memory, "w")
    migrates(story, version=1)
    assert len(memory.everywhere(Timer)) == 1
    memory.pass_ms(5_000)
    other.ends_with("TIMEOUT")
    story.gets("go").completes()


def test_a_condition_is_looked_at_anew(memory: Driver) -> None:
    """It holds in the new version: the thread goes on at once."""
    old = holds(compare(variable("n"), "GREATER_THAN", literal(5)))
    new = holds(compare(variable("n"), "GREATER_THAN", literal(2)))
    kept = (declared("n", "INT", default=3),)
    register(memory, "w", chain(old, variables=kept))
    story = run(memory, "w").is_now("RUNNING")
    next_version(memory, "w", chain(new, variables=kept))
    migrates(story).completes()
    assert story.run.watchers == 0


def test_interrupts_come_and_go_with_the_version(memory: Driver) -> None:
    """One that waits to be handled must be, or the migration waits."""
    handler = chain(task("mind"))
    minds = threads(interrupted(chain(event("go")), hey="mind"), mind=handler)
    register(memory, "w", minds)
    story = run(memory, "w").is_paused()
    story.gets("hey")
    alone = threads(chain(event("go"), event("go")))
    next_version(memory, "w", alone)
    can_not(story, "an interrupt by 'hey' waits to be handled")
    story.is_resumed().task("mind")
    can_not(story, "version 2 has no such thread")
    story.succeeds().is_now("RUNNING")
    migrates(story)
    assert memory.scan(Interrupter, story.id) == []
    migrates(story, version=1)
    assert [row.event_def for row in memory.scan(Interrupter, story.id)] == ["hey"]
    story.gets("hey").task("mind").succeeds().gets("go").completes()


def test_keys_of_interrupts_come_and_go_with_the_version(driver: Driver) -> None:
    """The key is made of variables as they will be; one that is none is refused."""
    variables = (declared("key", "STR"),)
    plain = chain(event("go"), variables=variables)
    main = interrupted(chain(event("go"), variables=variables), paid="mind")
    main["threads"]["main"]["interrupt_keys"] = {"paid": variable("key")}
    keyed = threads(main, mind=chain(task("mind")))
    correlated = PutExternalEventDef(name="paid", correlation=Correlation())
    register(driver, "w", plain, correlated, a_task_def("mind"))
    bad, good = run(driver, "w", key="a/b"), run(driver, "w", key="k")
    next_version(driver, "w", keyed)
    can_not(bad, "key of interrupt 'paid'")
    migrates(good)
    wait_for_marker(good, "k")
    put(driver, "k", 1)
    good.task("mind").succeeds()
    migrates(good, version=1)
    good.wait(lambda: markers(driver, "k") == [], "the marker to go")
    assert driver.scan(RunMarker, good.id) == []
    good.gets("go").completes()
    bad.gets("go").completes()


def test_a_failure_that_waits_for_its_handler_keeps_one(memory: Driver) -> None:
    """The run is paused before the handler begins."""
    healed = threads(chain(handled(task("a"), ("heal", None))), heal=chain(task("b")))
    register(memory, "w", healed)
    story = run(memory, "w").task("a").is_paused().fails().is_now("HALTED")
    next_version(memory, "w", chain(task("a")))
    can_not(story, "its failure waits for a handler, and version 2 has none for it")
    healed["threads"]["main"]["nodes"]["n1"]["handlers"] = [{"thread": "cure"}]
    healed["threads"]["cure"] = healed["threads"].pop("heal")
    next_version(memory, "w", healed)
    migrates(story).is_resumed().task("b").succeeds().completes()


def test_a_user_task_is_completed_in_the_new_version(memory: Driver) -> None:
    """It stays as it is; other actions would not be those that are planned."""
    register(memory, "w", chain(user_task("form", user="ada")), a_form("form", "text", text="STR"))
    story = run(memory, "w").is_assigned("ada")
    later = user_task("form", user="bob", actions=[cancels(9)])
    next_version(memory, "w", chain(later, sleeps(5)))
    can_not(story, "has other actions there")
    next_version(memory, "w", chain(user_task("form", user="bob"), sleeps(5)))
    migrates(story).is_assigned("ada").completes_form({"text": "x"}).at_node("n2")
    memory.pass_ms(5_000)
    story.completes()


def test_an_event_for_a_node_finds_it_under_its_new_name(memory: Driver) -> None:
    """It was put for the old name, to a thread that was halted, or is put so later."""
    register(memory, "w", chain(event("go"), event("on")))
    halted, other = run(memory, "w").is_paused(), run(memory, "w")
    for_node = {"event_def": "go", "thread": 0, "node": "n1"}
    accepted(memory, PutExternalEvent(wf_run_id=halted.id, **for_node))
    nodes = {"wait": event("go", edge("n2")), "n2": event("on", edge("exit")), "exit": ends()}
    next_version(memory, "w", spec("wait", nodes))
    for story in (halted, other):
        migrates(story, nodes={"main": {"n1": "wait"}}).at_node("wait")
    accepted(memory, PutExternalEvent(wf_run_id=other.id, **for_node))
    other.at_node("n2").gets("on").completes()
    halted.is_resumed().at_node("n2").gets("on").completes()
