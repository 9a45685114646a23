"""The ids under which an execution shows what lies before the place at which it has begun."""

from __future__ import annotations

from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.flow.trial import Place, try_expression
from penstock.core.state.partition_state import Shard
from penstock.core.values.forms import Rendered, Template
from penstock.core.views.kestra.dialect import Kestra
from tests.dialects.bench import FlowRun
from tests.dialects.test_k17_again import (
    FLOW,
    assert_is_before,
    failed_inside,
    hands,
    replay,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import refused


def test_what_lies_before_is_known_by_its_id(driver: Driver) -> None:
    """As what the execution shows as its own: it is looked at, tried on and replayed from."""
    flow = failed_inside(driver, FLOW)
    other = hands(replay(flow, guid=flow.task_id["guid"]), 1).completes(None)
    assert isinstance(other, FlowRun)
    again = replay(other, guid=other.only("last")["id"]).works().completes(None)
    assert isinstance(again, FlowRun)
    for run in (other, again):
        for name in ("first", "each", "before"):
            [shown] = run.task_runs(name)
            found = Kestra().task_run(run.seen, shown["id"])
            assert found is not None
            assert (found.id, found.as_json()) == (shown["id"], shown)
        tried = Place(wf_run_id=run.id, task_run=run.task_runs("hand")[1]["id"])
        assert trial(run, tried, "{{ taskrun.value }}") == "b"
    [_, second] = again.task_runs("hand")
    newest = replay(again, guid=second["id"])
    assert newest.execution["parentId"] == flow.id
    assert newest.execution["metadata"]["attemptNumber"] == 4
    hands(newest, 2).completes(None)
    assert_is_before(flow, newest, "first", "said")
    refused(driver, ReplayWfRun(again.id, "unknown"), "TASK_RUN_UNKNOWN")


def trial(run: FlowRun, place: Place, template: str) -> object:
    """What a template comes to at a place."""
    seen = run.seen
    shard = Shard(seen.partition, run.driver.topics.partitions)
    tried = try_expression(seen.rows, shard, "default", place, Template(template, Rendered.TEXT))
    assert tried.problem is None
    return tried.value
