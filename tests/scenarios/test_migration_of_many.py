"""Migration of runs with many threads and of families: a chunk a turn, and what comes between."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.migrate_wf_run import MigrateWfRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.set_labels import SetLabels
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.operators import migration, migration_check
from penstock.core.operators.migration_plan import Plan, ThreadPlan
from penstock.core.state import turn
from penstock.core.state.facts import AuditEntry
from penstock.core.state.migration_rows import Migration
from penstock.core.state.outputs import CommandRefused
from penstock.core.state.run import ThreadRun
from penstock.core.state.timers import Timer, TimerKind
from tests.controls import (
    chain,
    compare,
    declared,
    event,
    holds,
    literal,
    output_of,
    starts,
    starts_each,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import can_not, migrates, next_version
from tests.scenarios.story import Story, accepted, register, run

Json = dict[str, Any]
PLAN = {"nodes": {"child": {"n1": "wait"}}}


def _wide(count: int, child: Json, **others: Json) -> Json:
    main = chain(starts_each("child", literal([0] * count)), waits_for(output_of("n1")))
    return threads(main, child=child, **others)


def _renamed() -> Json:
    child = chain(event("go"), variables=(declared("more", "INT", default=7),))
    nodes = child["threads"]["main"]["nodes"]
    nodes["0-entrypoint"]["edges"][0]["to"] = "wait"
    nodes["wait"] = nodes.pop("n1")
    return child


def _many(memory: Driver) -> Story:
    """A run with twenty children that wait, a few turns after its start."""
    register(memory, "wide", _wide(20, chain(event("go"))))
    story = run(memory, "wide")
    _settle(memory, 20)
    assert story.run.threads == 21
    return story


def _settle(memory: Driver, count: int) -> None:
    for _ in range(count // 2 + 10):
        memory.tick()


def _ask(story: Story, **plan: Any) -> None:
    """Ask for a migration that goes on after the command."""
    answer = accepted(story.driver, MigrateWfRun(wf_run_id=story.id, **plan))
    assert not answer.body["done"]


@pytest.fixture
def few_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget of so many threads a turn."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", 6)


def test_a_wide_run_is_migrated_in_chunks(few_a_turn: None, memory: Driver) -> None:
    """What happens meanwhile is not lost: an event is taken once the run goes on."""
    story = _many(memory)
    next_version(memory, "wide", _wide(20, _renamed()))
    answers = memory.send_together(
        MigrateWfRun(wf_run_id=story.id, **PLAN),
        PutExternalEvent(wf_run_id=story.id, event_def="go", thread=3),
        EditVariable(wf_run_id=story.id, name="more", thread=1, value=1),
        MigrateWfRun(wf_run_id=story.id, version=1),
        StopWfRun(wf_run_id=story.id, thread=4),
    )
    assert [answer.code for answer in answers] == [None, None, *["WF_RUN_BUSY"] * 3]
    _settle(memory, 20)
    accepted(memory, StopWfRun(wf_run_id=story.id, thread=4))
    assert (story.run.version, story.run.sweep) == (2, None)
    assert memory.get(Migration, story.id) is None
    story.thread_is(3, "COMPLETED").thread_is(4, "HALTED").at_node("wait", 4)
    assert [story.value("more", number) for number in (0, 1, 20)] == [None, 7, 7]


def test_one_thread_that_can_not_follow_stops_all(few_a_turn: None, memory: Driver) -> None:
    """It is seen before anything has changed, after the command was answered; that is told."""
    story = _many(memory)
    other = chain(event("go"), event("go"))
    del other["threads"]["main"]["nodes"]["n1"]
    other["threads"]["main"]["nodes"]["0-entrypoint"]["edges"][0]["to"] = "n2"
    next_version(memory, "wide", _wide(20, other))
    for _ in range(10):
        story.gets("go")
    before = memory.scan(ThreadRun, story.id)
    _ask(story)
    _settle(memory, 20)
    assert memory.scan(ThreadRun, story.id) == before
    assert (story.run.version, story.run.sweep) == (1, None)
    assert memory.get(Migration, story.id) is None
    told = [one for one in memory.events() if isinstance(one, CommandRefused)]
    assert [one.code for one in told] == ["MIGRATION_IMPOSSIBLE"]
    assert "thread 11 ('child'), at node 'n1'" in told[0].message
    entries = memory.scan(AuditEntry, story.id)
    assert [row.verb for row in entries] == ["MigrateWfRun", "MigrateWfRun:refused"]
    for _ in range(10):
        story.gets("go")
    _settle(memory, 20)
    story.completes()


@pytest.mark.parametrize("turns", range(6))
def test_a_kill_wins_at_any_time(few_a_turn: None, memory: Driver, turns: int) -> None:
    """The run ends; all its threads follow one version, and it may be restarted."""
    story = _many(memory)
    next_version(memory, "wide", _wide(20, _renamed()))
    between = [SetLabels(wf_run_id=story.id) for _ in range(turns)]
    asked = MigrateWfRun(wf_run_id=story.id, **PLAN)
    answers = memory.send_together(asked, *between, KillWfRun(wf_run_id=story.id))
    assert all(answer.ok for answer in answers)
    _settle(memory, 20)
    story.ends_with("KILLED")
    versions = {thread.version for thread in memory.scan(ThreadRun, story.id)}
    assert versions == {story.run.version} == {2 if turns > 1 else 1}
    assert (story.run.migrates_to, memory.get(Migration, story.id)) == (None, None)
    assert memory.everywhere(Timer) == []
    story.is_begun_again()
    _settle(memory, 20)
    for _ in range(20):
        story.gets("go")
    _settle(memory, 20)
    story.completes()


def test_a_deletion_wins(few_a_turn: None, memory: Driver) -> None:
    """A run that has failed is deleted while it is migrated."""
    story = _many(memory).is_killed(0)
    _settle(memory, 20)
    story.ends_with("KILLED")
    next_version(memory, "wide", _wide(20, _renamed()))
    answers = memory.send_together(
        MigrateWfRun(wf_run_id=story.id, **PLAN), DeleteWfRun(wf_run_id=story.id)
    )
    assert [answer.code for answer in answers] == [None, None]
    _settle(memory, 400)
    assert memory.rows_of_run(story.id) == {}
    assert [timer.kind for timer in memory.everywhere(Timer)] == [TimerKind.FORGET_RUN]


@pytest.mark.parametrize("memory", ["memory"], indirect=True)  # a re-fold a record takes minutes
def test_three_thousand_threads_are_migrated_in_chunks(memory: Driver) -> None:
    """No turn visits more than its budget; others progress meanwhile."""
    register(memory, "wide", _wide(3_000, chain(event("go"))))
    register(memory, "one", chain(task("one")))
    story = run(memory, "wide")
    for _ in range(30):
        memory.tick()
    next_version(memory, "wide", _wide(3_000, _renamed()))
    _ask(story, **PLAN)
    run(memory, "one").task("one").succeeds().completes()
    for _ in range(30):
        memory.tick()
    assert (story.run.version, story.run.sweep) == (2, None)
    nodes = {(thread.node, thread.version) for thread in memory.scan(ThreadRun, story.id)[1:]}
    assert nodes == {("wait", 2)}
    story.is_killed()
    for _ in range(30):
        memory.tick()
    story.ends_with("KILLED")


SHARED = (declared("n", "INT", default=1), declared("m", "INT", default=1))


def test_what_child_runs_inherit_stays(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    """A run below relies on it, and is named; of many, not all are looked at."""
    monkeypatch.setattr(migration_check, "MIGRATION_CHILD_RUNS_MAX", 1)
    register(memory, "top", chain(event("go"), variables=SHARED))
    inherited = (declared("n", "INT", access="INHERITED_VAR"),)
    waits = chain(holds(compare(variable("n"), "EQUALS", literal(5))), variables=inherited)
    register(memory, "below", waits | {"parent": "top"})
    story, many = run(memory, "top"), run(memory, "top")
    below = Story(memory, f"{story.id}.child")
    accepted(memory, RunWf(wf_spec="below", wf_run_id="child", parent=story.id))
    next_version(memory, "top", chain(event("go"), variables=SHARED[1:]))
    can_not(story, f"version 2 takes away ['n'], and '{below.id}' inherits it")
    for name in ("a", "b"):
        accepted(memory, RunWf(wf_spec="below", wf_run_id=name, parent=many.id))
    can_not(many, "there are more than 1")
    next_version(memory, "top", chain(event("go"), event("go"), variables=SHARED[:1]))
    migrates(story)
    accepted(memory, EditVariable(wf_run_id=story.id, name="n", value=5))
    below.completes()


def test_a_child_run_may_begin_and_end_to_inherit(memory: Driver) -> None:
    """It waits for the variables that it sees, in each version."""
    register(memory, "top", chain(event("go"), variables=SHARED))
    own = (declared("n", "INT", default=0, access="PRIVATE_VAR"),)
    inherited = (declared("n", "INT", access="INHERITED_VAR"),)
    condition = holds(compare(variable("n"), "EQUALS", literal(5)))
    register(memory, "below", chain(condition, variables=own))
    top, alone = run(memory, "top"), run(memory, "below")
    below = Story(memory, f"{top.id}.child")
    accepted(memory, RunWf(wf_spec="below", wf_run_id="child", parent=top.id))
    next_version(memory, "below", chain(condition, variables=inherited) | {"parent": "top"})
    can_not(alone, "inherits from 'top', and no run of it is above")
    migrates(below)
    assert (top.run.watchers, below.run.watchers) == (1, 1)
    migrates(below, version=1)
    assert (top.run.watchers, below.run.watchers) == (0, 1)
    migrates(below)
    accepted(memory, EditVariable(wf_run_id=top.id, name="n", value=5))
    below.completes()
    assert top.run.watchers == 0
    accepted(memory, EditVariable(wf_run_id=alone.id, name="n", value=5))
    alone.completes()


def test_no_run_begins_to_inherit_what_is_just_taken_away(few_a_turn: None, memory: Driver) -> None:
    """The plan was found right before the run was there: so the run must fit both versions."""
    register(memory, "wide", _with(_wide(20, chain(event("go"))), SHARED[0]))
    story = run(memory, "wide")
    _settle(memory, 20)
    inherited = (declared("n", "INT", access="INHERITED_VAR"),)
    register(memory, "below", chain(event("go"), variables=inherited) | {"parent": "wide"})
    next_version(memory, "wide", _wide(20, _renamed()))
    start = RunWf(wf_spec="below", wf_run_id="child", parent=story.id)
    asked = MigrateWfRun(wf_run_id=story.id, **PLAN)
    answers = memory.send_together(asked, start)
    assert [answer.code for answer in answers] == [None, "PARENT_REQUIRED"]
    assert "in version 2: variable 'n' is inherited" in answers[1].message
    _settle(memory, 20)
    assert story.run.version == 2


def _with(spec: Json, *variables: Json) -> Json:
    main = spec["threads"]["main"] | {"variables": list(variables)}
    return spec | {"threads": spec["threads"] | {"main": main}}


def test_child_threads_are_begun_in_the_version_of_the_run(memory: Driver) -> None:
    """Those that are started later."""
    register(memory, "w", threads(chain(event("go"), starts("child")), child=chain(event("a"))))
    story = run(memory, "w")
    new = threads(chain(event("go"), starts("child")), child=chain(task("b")))
    register(memory, "w", new)
    migrates(story).gets("go").task("b").succeeds().completes()
    assert story.thread_run(1).version == 2


def test_one_that_a_defect_cut_short_is_brought_to_its_end(
    monkeypatch: pytest.MonkeyPatch, few_a_turn: None, memory: Driver
) -> None:
    """Until then its threads follow two versions; another version is refused."""
    story = _many(memory)
    next_version(memory, "wide", _wide(20, _renamed()))
    monkeypatch.setattr(migration, "_carry_variables", _breaks_at_thread_10)
    _BREAKS.append(True)
    accepted(memory, MigrateWfRun(wf_run_id=story.id, **PLAN))
    _settle(memory, 20)
    _BREAKS.clear()
    story.ends_with("ENGINE_DEFECT")
    versions = [thread.version for thread in memory.scan(ThreadRun, story.id)]
    assert (set(versions), story.run.version, story.run.migrates_to) == ({1, 2}, 1, 2)
    can_not(story, "a migration to version 2 was cut short", version=1)
    story.is_begun_again()
    _settle(memory, 20)
    assert {thread.version for thread in memory.scan(ThreadRun, story.id)} == {2}
    assert (story.run.version, memory.get(Migration, story.id)) == (2, None)
    for _ in range(20):
        story.gets("go")
    _settle(memory, 20)
    story.completes()


_BREAKS: list[bool] = []
_carry_variables = migration._carry_variables


def _breaks_at_thread_10(plan: Plan, part: ThreadPlan, thread: ThreadRun) -> None:
    assert thread.number != 10 or not _BREAKS, "a defect"
    _carry_variables(plan, part, thread)
