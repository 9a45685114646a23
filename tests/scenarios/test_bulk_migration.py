"""Bulk jobs that migrate: a run counts when its plan is decided, which may take turns."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.bulk.rows import ROWS_OF_BULK, BulkJob, BulkState
from penstock.core.commands.cancel_bulk import CancelBulk
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.set_labels import SetLabels
from penstock.core.ids import derive_guid, partition_of_run
from penstock.core.operators import migration
from penstock.core.operators.migration_plan import Plan
from penstock.core.state import turn
from penstock.core.state.facts import AuditEntry
from penstock.core.state.migration_rows import Migration
from penstock.core.state.outputs import CommandRefused
from tests.controls import chain, declared, event, literal, output_of, starts_each, threads
from tests.controls import waits_for as waits
from tests.scenarios.bulks import Job, bulk, command
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import next_version
from tests.scenarios.story import Story, register, run

THREADS = 12


def _wide(child: Any) -> Any:
    main = chain(starts_each("child", literal([0] * THREADS)), waits(output_of("n1")))
    return threads(main, child=child)


def _moved() -> Any:
    """A child that waits elsewhere: whether a run can follow, its threads decide."""
    child = chain(event("go"), event("go"))
    nodes = child["threads"]["main"]["nodes"]
    del nodes["n1"]
    nodes["0-entrypoint"]["edges"][0]["to"] = "n2"
    return child


PLAN = {"nodes": {"child": {"n1": "n2"}}}


@pytest.fixture
def few_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget of so many threads a turn."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 6)


def _many(memory: Driver, count: int = 1) -> list[Story]:
    """Runs whose children wait, and a version that has no such node. They are on partition 0, where
    the job is asked for, so that it is known what comes between.
    """
    register(memory, "wide", _wide(chain(event("go"))))
    ids = (f"wide-{number}" for number in range(100))
    here = [one for one in ids if partition_of_run(one, memory.topics.partitions) == 0]
    stories = [run(memory, "wide", wf_run_id) for wf_run_id in here[:count]]
    for _ in range(40):
        memory.tick()
    assert all(story.run.threads == THREADS + 1 for story in stories)
    next_version(memory, "wide", _wide(_moved()))
    return stories


def _go_on(story: Story, count: int) -> None:
    """So many children end: only the last ones stand where the new version has no node."""
    for _ in range(count):
        story.gets("go")


def _asked(memory: Driver, *others: Any, **plan: Any) -> Job:
    """The job, with commands that come right behind it."""
    answers = memory.send_together(command("migrate", arguments=plan, wf_spec="wide"), *others)
    return Job(memory, answers[0].body["bulk_id"])


def _gone(memory: Driver) -> None:
    """The parts of the job leave nothing behind."""
    kinds = set(ROWS_OF_BULK) - {BulkJob, BulkState}
    assert all(memory.everywhere(kind) == [] for kind in kinds)


def test_a_run_that_can_not_follow_counts_as_refused(few_a_turn: None, memory: Driver) -> None:
    """Though that is seen only turns after the verb; what is told names the job."""
    [story] = _many(memory)
    _go_on(story, THREADS - 1)
    job = _asked(memory).completes(done=0, MIGRATION_IMPOSSIBLE=1)
    assert "at node 'n1'" in job.state.refusals[0].message
    [told] = [one for one in memory.events() if isinstance(one, CommandRefused)]
    assert (told.code, told.bulk_id) == ("MIGRATION_IMPOSSIBLE", job.id)
    entries = memory.scan(AuditEntry, story.id)
    assert [(row.verb, row.bulk_id) for row in entries] == [
        ("MigrateWfRun", job.id),
        ("MigrateWfRun:refused", job.id),
    ]
    assert (story.run.version, memory.get(Migration, story.id)) == (1, None)
    _gone(memory)


def test_a_run_that_can_follow_counts_when_that_is_seen(few_a_turn: None, memory: Driver) -> None:
    """Of each of several, on whatever partition."""
    stories = _many(memory, 4)
    _asked(memory, **PLAN).completes(done=4)
    for _ in range(20):
        memory.tick()
    assert {story.run.version for story in stories} == {2}
    _gone(memory)


def test_only_so_many_runs_are_undecided_at_a_time(
    few_a_turn: None, monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """The others are found when these are decided."""
    monkeypatch.setattr("penstock.core.bulk_fire.BULK_UNDECIDED_MAX", 1)
    _many(memory, 4)
    _asked(memory, **PLAN).completes(done=4)
    _gone(memory)


def _turns(story: Story, count: int) -> list[Any]:
    """So many turns of the partition."""
    return [SetLabels(wf_run_id=story.id) for _ in range(count)]


@pytest.mark.parametrize("turns", range(5))
def test_a_kill_comes_between(few_a_turn: None, memory: Driver, turns: int) -> None:
    """In the first pass it drops the plan, and the run does not count as migrated; in the second
    it does.
    """
    [story] = _many(memory)
    job = _asked(memory, *_turns(story, turns), KillWfRun(wf_run_id=story.id), **PLAN)
    if turns < IN_THE_SECOND_PASS:
        job.completes(done=0, MIGRATION_IMPOSSIBLE=1)
        assert "before the plan was decided" in job.state.refusals[0].message
    else:
        job.completes(done=1)
    for _ in range(20):
        memory.tick()
    story.ends_with("KILLED")
    assert story.run.version == 1 + job.state.counts.done
    _gone(memory)


IN_THE_SECOND_PASS = 2


def test_a_deletion_comes_between(few_a_turn: None, memory: Driver) -> None:
    """The job does not wait for a run that is no more."""
    [story] = _many(memory)
    story.is_killed(0)
    for _ in range(20):
        memory.tick()
    job = _asked(memory, *_turns(story, 1), DeleteWfRun(wf_run_id=story.id), **PLAN)
    job.completes(done=0, WF_RUN_DELETING=1)
    _gone(memory)


def test_a_defect_in_the_first_pass_ends_the_run_and_not_the_job(
    few_a_turn: None, monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """It is ruled on; the job goes on (R6)."""
    [story] = _many(memory)

    seen = migration.check_thread

    def broken(plan: Plan, number: int) -> None:
        if number == 4:
            raise ZeroDivisionError
        seen(plan, 0)

    monkeypatch.setattr(migration, "check_thread", broken)
    job = _asked(memory)
    job.completes(done=0, MIGRATION_IMPOSSIBLE=1)
    story.ends_with("ENGINE_DEFECT")
    _gone(memory)


def test_a_cancelled_job_counts_no_more(few_a_turn: None, memory: Driver) -> None:
    """What was begun is decided all the same, and told."""
    [story] = _many(memory)
    _go_on(story, THREADS - 1)
    asked = command("migrate", wf_spec="wide")
    bulk_id = derive_guid("bulk", "default", f"c{memory._ids + 1}")
    cancelled = CancelBulk(bulk_id=bulk_id)
    memory.send_together(asked, *_turns(story, 1), cancelled)
    job = Job(memory, bulk_id).is_now("CANCELLED", done=0)
    for _ in range(20):
        memory.tick()
    assert job.state.counts.matched == 1
    assert story.run.sweep is None
    assert any(isinstance(one, CommandRefused) for one in memory.events())
    _gone(memory)


def test_values_of_new_variables_are_not_shown_with_the_job(memory: Driver) -> None:
    """Some of them may be masked; the parts of the job have them, and go."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    key = declared("key", "STR", required=True, masked=True)
    next_version(memory, "waits", chain(event("go"), variables=(key,)))
    given = {"variables": {"main": {"key": "s3cret"}}}
    job = bulk(memory, "migrate", wf_spec="waits", arguments=given).completes(done=1)
    row = memory.get(BulkJob, "default", job.id)
    assert row is not None
    assert row.arguments == {"variables": "*****"}
    assert story.value("key") == "s3cret"
    _gone(memory)
