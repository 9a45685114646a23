"""Verbs and rules that meet in one run: migration, replay, retention, bulk and masking."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.ids import partition_of_run
from penstock.core.state.facts import AuditEntry
from tests.controls import (
    chain,
    compare,
    declared,
    edge,
    event,
    handled,
    holds,
    interrupted,
    literal,
    nop,
    only_started,
    output_of,
    starts,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.bulks import Job, bulk, command, some
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import asks, migrates, next_version
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_thread_retention import kept, passes


def test_a_thread_fails_after_one_that_had_waited_for_it_is_gone(memory: Driver) -> None:
    """Its failure is its parent's to notice; the run is none the worse."""
    watcher = handled(waits_for(variable("a"), variable("b")), ("fix", None))
    numbers = (declared("a", "INT"), declared("b", "INT"))
    main = chain(
        starts("one"),
        starts("two"),
        starts("watcher", a=output_of("n1"), b=output_of("n2")),
        event("go"),
    )
    made = threads(
        main,
        one=chain(task("first")),
        two=chain(task("second")),
        watcher=kept(chain(watcher, variables=numbers), 1),
        fix=chain(nop()),
    )
    register(memory, "s", made)
    story = run(memory, "s").task("first").fails()
    passes(memory, 5_000)
    assert story.thread_run(3).gone
    story.task("second").fails().thread_is(2, "ERROR").is_now("RUNNING")
    story.gets("go").ends_with("CHILD_FAILURE")


@pytest.mark.parametrize("memory", ["memory"], indirect=True)  # a partition is looked for
def test_a_bulk_replay_that_can_not_be_is_counted(memory: Driver) -> None:
    """Two runs can not be replayed under one id; the job goes on, and ends."""
    register(memory, "waits", chain(event("go")))
    by_place: dict[int, list[Story]] = {}
    for story in some(memory, "waits", 12):
        by_place.setdefault(partition_of_run(story.id, 3), []).append(story)
    place, two = max(by_place.items(), key=lambda item: len(item[1]))
    new = memory.new_id()
    while partition_of_run(new, 3) != place:
        new = memory.new_id()
    named = tuple(story.id for story in two[:2])
    job = bulk(memory, "replay", arguments={"new_wf_run_id": new}, wf_run_ids=named)
    job.completes(done=1, ALREADY_EXISTS=1)


def test_two_jobs_replay_the_same_runs_twice(memory: Driver) -> None:
    """Each replay is a run of its own, though both jobs go on in one turn."""
    register(memory, "works", chain(task("work")))
    some(memory, "works", 9)
    assert len(memory.tasks("work", 99)) == 9
    wanted = command("replay", wf_spec="works")
    for answer in memory.send_together(wanted, wanted):
        Job(memory, answer.body["bulk_id"], "default").completes(done=9)
    assert len({one.wf_run_id for one in memory.tasks("work", 99)}) == 18


def test_an_interrupt_of_a_failed_thread_is_not_migrated_away(memory: Driver) -> None:
    """It would be handled after a rescue, and there would be no handler."""

    def version(interrupts: dict[str, str]) -> Any:
        made = threads(chain(event("go"), event("go2")), fix=chain(task("mend")))
        return only_started(interrupted(made, **interrupts))

    register(memory, "s", version({"stop": "fix"}))
    story = run(memory, "s").gets("stop").gets("stop").task("mend").fails().is_now("ERROR")
    next_version(memory, "s", version({}))
    assert asks(story).code == "MIGRATION_IMPOSSIBLE"
    assert story.run.version == 1


def test_no_audit_shows_what_is_masked(memory: Driver) -> None:
    """Neither a value that is edited, whatever that sets going, nor one given to a migration."""
    main = chain(
        holds(compare(variable("pin"), "NOT_EQUALS", literal(None))),
        event("other"),
        event("go"),
        variables=(declared("pin", "STR", masked=True), declared("got", "STR", masked=True)),
    )
    nodes = main["threads"]["main"]["nodes"]
    nodes["n2"]["edges"] = [edge("n3", got=output_of("n2"))]
    register(memory, "s", main, PutExternalEventDef(name="other", content_type="STR"))
    story = run(memory, "s").gets("other", "x")
    accepted(memory, EditVariable(wf_run_id=story.id, name="pin", value="SECRET-1"))
    register(memory, "t", chain(event("go")))
    other = run(memory, "t")
    code = declared("code", "STR", masked=True, required=True)
    next_version(memory, "t", chain(event("go"), variables=(code,)))
    migrates(other, variables={"main": {"code": "SECRET-2"}})
    said = [entry.detail for one in (story, other) for entry in memory.scan(AuditEntry, one.id)]
    assert len(said) == 2
    assert "SECRET" not in str(said)
