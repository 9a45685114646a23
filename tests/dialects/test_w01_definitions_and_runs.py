"""W1: a task definition and a task run are two things, and so are a workflow and its run."""

from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.wf_spec import WfSpec
from tests.dialects.workflows import define, start
from tests.scenarios.driver import Driver


def test_w01_one_definition_has_many_runs(driver: Driver) -> None:
    """Each has its own context, state and id; what defines them stays what it is."""
    name = define(driver, "tell", "look-up", "write-down")
    assert driver.get(TaskDef, "look-up") is not None
    spec = driver.get(WfSpec, name, 1)
    one, two = start(driver, name, {"n": 1}, "one"), start(driver, name, {"n": 2}, "two")
    taken = {task.wf_run_id: task for task in driver.tasks("look-up", 2)}
    assert {run: task.inputs for run, task in taken.items()} == {
        "one": {"context": {"n": 1}},
        "two": {"context": {"n": 2}},
    }
    ids = {found["id"] for run in (one, two) for found in run.task_runs}
    assert len(ids) == 4
    assert [found["task"] for found in one.task_runs] == ["look-up", "write-down"]
    assert (one.shown["workflow_name"], one.shown["application"]) == ("tell", "shop")
    assert driver.get(WfSpec, name, 1) == spec


def test_w01_a_run_stays_with_its_version(driver: Driver) -> None:
    """Versions are plain numbers; a run names one, or has the latest."""
    name = define(driver, "tell", "look-up")
    old = start(driver, name, {}, "old")
    define(driver, "tell", "look-up", "write-down", version=2)
    assert old.shown["workflow_version"] == 1
    assert [found["task"] for found in old.task_runs] == ["look-up"]
    old.task("look-up").succeeds({"done": True}).completes({"done": True})
    assert old.states() == "success"
