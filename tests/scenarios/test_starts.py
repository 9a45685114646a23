"""The end of a run starts runs of the specs that wait for it, each end once."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.delete_wf_spec import DeleteWfSpec
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.ids import partition_of_run
from penstock.core.limits import RUN_STARTS_MAX, STARTS_DEPTH_MAX
from penstock.core.state.run import Variable
from penstock.core.state.start_rows import EndState, RunEnd, StartedBy, WatchCount
from penstock.core.state.transitions import TaskStatus
from tests.controls import chain, declared, literal, task, variable
from tests.scenarios.driver import Driver
from tests.scenarios.starting import (
    FIRST,
    SEEN,
    WHAT_IT_SEES,
    after,
    refusals,
    runs_of,
    second,
    start,
    watches,
)
from tests.scenarios.story import Story, accepted, register, run


def template(text: Any) -> dict[str, Any]:
    """A template of a value."""
    return {"from": "TEMPLATE", "template": text}


def both(driver: Driver, **settings: Any) -> None:
    """Register the spec that waits, and then the one that is waited for."""
    register(driver, "second", second(**settings))
    register(driver, "first", FIRST)


def seen_by(story: Story) -> dict[str, Any]:
    """The variables of a run that has begun."""
    return {row.name: row.value for row in story.driver.scan(Variable, story.id)}


def test_an_end_starts_a_run(driver: Driver) -> None:
    """It gets what its inputs say of the run that has ended, and knows what has started it."""
    both(driver, labels={"by": "go"})
    story = run(driver, "first", n=3)
    story.task("work").succeeds().completes(3)
    [made] = runs_of(driver, "second", 1)
    made.completes(None)
    assert seen_by(made) == {"of": story.id, "state": "COMPLETED", "n": 3}
    assert made.run.labels == {"by": "go"}
    by = StartedBy(story.id, "first", 1, EndState.COMPLETED, "go", 1)
    assert made.run.started_by == by
    assert story.run.started_by is None


def test_runs_are_started_wherever_they_belong(driver: Driver) -> None:
    """On the partition of the run that has ended, and on others."""
    both(driver)
    stories = [run(driver, "first", n=n) for n in range(8)]
    for _ in stories:
        [given] = driver.tasks("work")
        Story(driver, given.wf_run_id).has(given).succeeds()
    made = runs_of(driver, "second", len(stories))
    assert sorted(seen_by(one)["n"] for one in made) == [*range(8)]
    count = driver.topics.partitions
    ways = {
        (partition_of_run(one.id, count) == partition_of_run(str(seen_by(one)["of"]), count))
        for one in made
    }
    assert ways == {True, False}


@pytest.mark.parametrize(
    ("states", "labels", "wanted"),
    [
        (["COMPLETED", "ERROR"], {}, ["COMPLETED", "ERROR"]),
        (["EXCEPTION"], {}, ["EXCEPTION"]),
        (["KILLED", "WARNED"], {}, ["KILLED", "WARNED"]),
        ([], {}, ["COMPLETED", "ERROR", "EXCEPTION", "KILLED", "WARNED"]),
        ([], {"team": "ours"}, ["WARNED"]),
    ],
)
def test_only_the_ends_that_are_wanted(
    memory: Driver, states: list[str], labels: dict[str, str], wanted: list[str]
) -> None:
    register(memory, "second", second(states=states, having=labels))
    register(memory, "first", FIRST)
    run(memory, "first").task("work").succeeds()
    run(memory, "first").task("work").fails()
    run(memory, "first").task("work").throws("oh")
    accepted(memory, KillWfRun(wf_run_id=run(memory, "first").task("work").id, deadline_ms=0))
    memory.pass_ms(1)
    allowed = chain(task("work", allow_failure=True), returns=literal(1))
    accepted(memory, PutWfSpec(name="first", spec=allowed | {"labels": {"team": "ours"}}))
    run(memory, "first").task("work").fails().completes(1)
    found = runs_of(memory, "second", len(wanted))
    assert sorted(seen_by(one)["state"] for one in found) == wanted


def test_a_namespace_is_watched(memory: Driver) -> None:
    """As it is, or with all below it; never the spec's own runs."""
    inputs = {"of": variable("name"), "state": variable("namespace")}
    exact = after(chain(variables=SEEN), start(None, namespace="co.team", inputs=inputs))
    below = after(chain(variables=SEEN), start(None, namespace="co", below=True, inputs=inputs))
    register(memory, "co.team.exact", exact | {"namespace": "co.team"})
    register(memory, "elsewhere", below)
    for name, namespace in (("co.team.a", "co.team"), ("co.b", "co"), ("company.c", "company")):
        register(memory, name, chain() | {"namespace": namespace})
        run(memory, name)
    exactly = [seen_by(one) for one in runs_of(memory, "co.team.exact", 1)]
    assert exactly == [{"of": "a", "state": "co.team"}]
    found = sorted(str(seen_by(one)["of"]) for one in runs_of(memory, "elsewhere", 3))
    assert found == ["a", "b", "exact"]


def test_each_end_starts_one_run_and_a_run_may_end_again(driver: Driver) -> None:
    """One that failed and was restarted has ended twice; a repeat of a command ends nothing."""
    both(driver)
    story = run(driver, "first").task("work").fails()
    story.is_now("ERROR")
    runs_of(driver, "second", 1)
    accepted(driver, RestartWfRun(wf_run_id=story.id))
    report = story.task("work").report(TaskStatus.TASK_SUCCESS)
    accepted(driver, report)
    assert accepted(driver, report).repeated
    found = runs_of(driver, "second", 2)
    assert sorted(str(seen_by(one)["state"]) for one in found) == ["COMPLETED", "ERROR"]
    assert story.run.told_ends == 2


def test_only_the_newest_version_counts(memory: Driver) -> None:
    both(memory)
    assert len(watches(memory)) == memory.topics.partitions
    assert memory.get(WatchCount, "first") == WatchCount("default", "first", 1)
    accepted(memory, PutWfSpec(name="second", spec=after(chain(), start("other"))))
    run(memory, "first").task("work").succeeds()
    runs_of(memory, "second", 0)
    accepted(memory, DeleteWfSpec(name="second", version=2))
    run(memory, "first").task("work").succeeds()
    [made] = runs_of(memory, "second", 1)
    assert made.run.version == 1
    accepted(memory, DeleteWfSpec(name="second", version=1))
    assert watches(memory) == []
    assert memory.get(WatchCount, "first") is None
    story = run(memory, "first").task("work").succeeds()
    runs_of(memory, "second", 1)
    assert story.run.told_ends == 0


def test_a_circle_comes_to_an_end(memory: Driver) -> None:
    """And the run at which it does says so."""
    register(memory, "ping", after(chain(), start("pong")))
    register(memory, "pong", after(chain(), start("ping")))
    run(memory, "ping")
    half = STARTS_DEPTH_MAX // 2
    found = runs_of(memory, "pong", half + 1) + runs_of(memory, "ping", half + 1)
    [last] = [story for story in found if refusals(story)]
    assert refusals(last)[0]["refused"] == "LIMIT"
    assert "a circle?" in refusals(last)[0]["message"]
    assert last.run.started_by is not None
    assert last.run.started_by.depth == STARTS_DEPTH_MAX


def test_a_circle_through_a_run_below_comes_to_an_end(memory: Driver) -> None:
    """The end of a run below another counts on from the root."""
    register(memory, "below", chain())
    runs = {"type": "RUN_CHILD_WF", "wf_spec": "below"}
    register(memory, "above", after(chain(runs), start("below")))
    run(memory, "above")
    runs_of(memory, "above", STARTS_DEPTH_MAX + 1)


def test_what_can_not_be_started_is_said_by_the_run_that_has_ended(memory: Driver) -> None:
    """Wherever that is seen: where the inputs are worked out, or where the run would begin."""
    bad = start(name="bad", inputs={"n": template("{{ output.no.such }}")})
    unfit = start(name="unfit", inputs={"n": template("no number")})
    missing = start(name="missing", inputs={"must": template("{{ output is defined ? null : 1 }}")})
    variables = (declared("n", "INT"), declared("must", "INT", required=True))
    gives = {"must": literal(1)}
    for one in (bad, unfit):
        one["inputs"] |= gives
    register(memory, "second", after(chain(variables=variables), bad, missing, unfit))
    register(memory, "first", FIRST)
    stories = [run(memory, "first").task("work").succeeds().completes(7) for _ in range(4)]
    runs_of(memory, "second", 0)
    for story in stories:
        told = {row["message"].split("'")[1]: row["refused"] for row in refusals(story)}
        assert told == {"bad": "BAD_VALUE", "unfit": "BAD_VALUE", "missing": "VARIABLE_REQUIRED"}
    codes = [event.code for event in memory.events() if hasattr(event, "code")]
    assert codes.count("VARIABLE_REQUIRED") == 4


def test_what_is_masked_stays_so(driver: Driver) -> None:
    """An input that was made of a masked output is masked; others are not."""
    hidden = declared("n", "INT", default=7, masked=True)
    register(driver, "second", second())
    register(driver, "first", chain(returns=variable("n"), variables=(hidden,)))
    run(driver, "first").completes(7)
    [made] = runs_of(driver, "second", 1)
    rows = driver.scan(Variable, made.id)
    assert {row.name: row.masked for row in rows} == {"n": True, "of": False, "state": False}


def test_named_values_and_published_outputs(memory: Driver) -> None:
    """Inputs may be made of values that have a name; and of what nodes have published."""
    named = {"about": template({"id": "{{ wf_run_id }}", "n": "{{ output }}"})}
    inputs = {
        "of": template("{{ about.id }}"),
        "n": variable("about", "$.n"),
        "state": template("{{ outputs.n1 }}"),
    }
    one = start(named=named, inputs=inputs)
    register(memory, "second", after(chain(variables=SEEN), one))
    work = task("work", publish=True)
    register(memory, "first", chain(work, returns=literal(2)))
    story = run(memory, "first").task("work").succeeds("done").completes(2)
    [made] = runs_of(memory, "second", 1)
    assert seen_by(made) == {"of": story.id, "n": 2, "state": "done"}


def test_a_replay_was_started_by_what_started_the_first(memory: Driver) -> None:
    both(memory)
    run(memory, "first").task("work").succeeds()
    [made] = runs_of(memory, "second", 1)
    accepted(memory, ReplayWfRun(wf_run_id=made.id, new_wf_run_id="again"))
    assert Story(memory, "again").run.started_by == made.run.started_by


def test_a_run_that_is_not_begun_anew_after_all_has_ended_once_more(memory: Driver) -> None:
    register(memory, "second", second())
    anew = {"max_attempts": 2, "backoff": {"base_ms": 60_000}}
    register(memory, "first", chain(task("work", begin_anew=anew)))
    story = run(memory, "first").task("work").fails()
    memory.tick()
    story.ends_with("SUPERSEDED")
    accepted(memory, KillWfRun(wf_run_id=story.id))
    story.ends_with("KILLED")
    found = sorted(str(seen_by(one)["state"]) for one in runs_of(memory, "second", 2))
    assert found == ["KILLED", "SUPERSEDED"]


@pytest.mark.parametrize("memory", ["memory"], indirect=True)
def test_very_many_starts_take_several_turns(memory: Driver) -> None:
    """What is left is a row of the run that has ended, until it is done."""
    starts = [start(name=f"s{number}") for number in range(RUN_STARTS_MAX)]
    for number in range(15):
        register(memory, f"w{number}", after(chain(), *starts))
    register(memory, "first", FIRST)
    story = run(memory, "first").task("work").succeeds()
    made = [one for number in range(15) for one in runs_of(memory, f"w{number}", len(starts))]
    ended = {one.run.started_by.wf_run_id for one in made if one.run.started_by is not None}
    assert ended == {story.id}
    count = memory.topics.partitions
    here = [
        one for one in made if partition_of_run(one.id, count) == partition_of_run(story.id, count)
    ]
    assert len({one.run.born_offset for one in here}) > 1
    assert memory.scan(RunEnd, story.id) == []


def test_a_run_that_is_deleted_at_its_end_starts_others_all_the_same(memory: Driver) -> None:
    both(memory)
    story = run(memory, "first").task("work").succeeds()
    accepted(memory, DeleteWfRun(wf_run_id=story.id))
    [made] = runs_of(memory, "second", 1)
    made.completes(None)
    assert WHAT_IT_SEES.keys() == seen_by(made).keys()
