"""W6: a task run is attached to a workflow run."""

from tests.dialects.workflows import define, start
from tests.scenarios.driver import Driver


def test_w06_each_task_run_names_its_run(driver: Driver) -> None:
    """In the order of the definition, from the beginning on."""
    run = start(driver, define(driver, "tell", "a", "b"), {})
    for _ in range(2):
        assert [one["step"] for one in run.task_runs] == ["a", "b"]
        assert {one["flow_id"] for one in run.task_runs} == {f"flow_{run.id}"}
        heads = [(one["id"], one["state"]) for one in run.shown["task_runs"]]
        assert heads == [(one["id"], one["state"]) for one in run.task_runs]
        run.task("a" if run.states() == "queued none" else "b").succeeds({})
    run.completes({})
