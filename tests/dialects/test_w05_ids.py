"""W5: a task run is `task_` and 24 characters, a workflow run `flow_` and 24."""

import re

from penstock.core.ids import wf_run_id_of
from tests.dialects.workflows import define, start
from tests.scenarios.driver import Driver

TASK = re.compile(r"task_[0-9A-Za-z]{24}")
FLOW = re.compile(r"flow_[0-9A-Za-z]{24}")


def test_w05_ids_have_their_form_and_stay(driver: Driver) -> None:
    """A task that is not reached has the id that it will have."""
    wf_run_id = wf_run_id_of("default", "command-1")
    run = start(driver, define(driver, "tell", "a", "b", "c"), {}, wf_run_id)
    before = run.task_runs
    assert FLOW.fullmatch(run.shown["id"])
    assert run.shown["id"] == f"flow_{wf_run_id}"
    assert all(TASK.fullmatch(one["id"]) for one in before)
    assert len({one["id"] for one in before}) == 3
    for name in ("a", "b", "c"):
        run.task(name)
        assert run.one(name)["id"] == f"task_{run.taken.guid}"
        run.succeeds({})
    run.completes({})
    assert [one["id"] for one in run.task_runs] == [one["id"] for one in before]


def test_w05_a_task_begun_anew_keeps_its_id(driver: Driver) -> None:
    """Each attempt does, and each visit after a rescue."""
    run = start(driver, define(driver, "tell", "a"), {})
    run.task("a").throws("BROKEN").is_now("EXCEPTION")
    own = run.one("a")["id"]
    run.is_begun_again().task("a").succeeds({}).completes({})
    assert run.one("a")["id"] == own
