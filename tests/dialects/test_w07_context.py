"""W7: a task is given the context, may change it, and returns it; the next one gets that."""

from typing import Any

import pytest

from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.skip_node import SkipNode
from tests.dialects.workflows import define, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused

BEFORE: dict[str, Any] = {"kept": 1, "gone": [], "list": [1, 2], "deep": {"a/b": {"~": None}}}
AFTER: dict[str, Any] = {"kept": 1.0, "new": {}, "list": [1, 3, 4], "deep": {"a/b": {"~": True}}}


def test_w07_the_context_goes_from_task_to_task(driver: Driver) -> None:
    """What a task leaves out is gone: the context is replaced as a whole."""
    run = start(driver, define(driver, "tell", "a", "b"), BEFORE)
    run.task("a", context=BEFORE).succeeds(AFTER)
    run.task("b", context=AFTER)
    shown = run.one("a")
    assert (shown["context_in"], shown["context_out"]) == (BEFORE, AFTER)
    assert shown["diff"] == {
        "added": [{"path": "/list/2", "value": 4}, {"path": "/new", "value": {}}],
        "removed": [{"path": "/gone", "value": []}],
        "changed": [
            {"path": "/deep/a~1b/~0", "from": None, "to": True},
            {"path": "/list/1", "from": 2, "to": 3},
        ],
    }
    waits = run.one("b")
    assert (waits["context_in"], waits["context_out"], waits["diff"]) == (AFTER, None, None)
    run.succeeds({}).completes({})
    assert run.shown["context"] == {}


def test_w07_a_run_begins_with_an_empty_context_if_none_is_given(driver: Driver) -> None:
    run = start(driver, define(driver, "tell", "a"))
    run.task("a", context={}).succeeds({"n": 1}).completes({"n": 1})


@pytest.mark.parametrize("context", [[], "{}", 7, True, {"a": "x" * 300_000}])
def test_w07_what_is_no_context_starts_nothing(memory: Driver, context: Any) -> None:
    name = define(memory, "tell", "a")
    refused(memory, RunWf(name, wf_run_id="r", variables={"context": context}), "BAD_VALUE")
    refused(memory, RunWf(name, wf_run_id="r", variables={"contexts": {}}), "VARIABLE_UNKNOWN")


def test_w07_a_failed_attempt_leaves_the_context_alone(driver: Driver) -> None:
    run = start(driver, define(driver, "tell", "a"), {"n": 1})
    run.task("a").throws("BROKEN", {"n": 2}).is_now("EXCEPTION")
    assert run.shown["context"] == {"n": 1}
    assert run.one("a")["context_out"] is None


def test_w07_a_task_that_is_skipped_hands_the_context_on(memory: Driver) -> None:
    """An operator may give another one."""
    run = start(memory, define(memory, "tell", "a", "b", "c"), {"n": 1})
    run.task("a")
    accepted(memory, SkipNode(run.id))
    run.task("b", context={"n": 1})
    accepted(memory, SkipNode(run.id, output={"n": 2}))
    run.task("c", context={"n": 2}).succeeds({"n": 3}).completes({"n": 3})
    assert run.states() == "success success success"
    assert [one["context_out"] for one in run.task_runs] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_w07_a_context_may_be_as_large_as_any_value(memory: Driver) -> None:
    """The end is the same as the beginning, byte for byte."""
    large = {"text": "x" * 250_000, "list": list(range(500))}
    run = start(memory, define(memory, "tell", "a", "b"), large)
    run.task("a", context=large).succeeds(large)
    run.task("b", context=large).succeeds(large).completes(large)


def test_w07_a_long_difference_is_cut(memory: Driver) -> None:
    run = start(memory, define(memory, "tell", "a"), {})
    run.task("a").succeeds({str(number): number for number in range(3_000)})
    diff = run.one("a")["diff"]
    assert [one["value"] for one in diff["added"]] == list(range(1_000))
    assert diff["truncated"] is True
