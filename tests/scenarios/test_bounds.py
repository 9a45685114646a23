"""What is refused, or fails, for being too much; and cells of the tables that few runs come to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.restart_task_run import RestartTaskRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.events import placing
from penstock.core.tasks import stops as task_stops
from tests.controls import chain, declared, event, interrupted, literal, task, threads
from tests.scenarios.driver import Driver, memory_driver
from tests.scenarios.story import refused, register, run


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    """An engine with low limits; also when its log is folded again."""
    monkeypatch.setattr(placing, "INTERRUPTS_PENDING_MAX", 2)
    monkeypatch.setattr(task_stops, "RESTARTS_MAX", 1)
    with memory_driver(tmp_path) as driver:
        yield driver
        assert driver.digests_and_refolds_agree()


def test_a_spec_may_be_so_large(memory: Driver) -> None:
    """All of it together."""
    large = chain(returns=literal(["x" * 200_000] * 3))
    refused(memory, PutWfSpec(name="large", spec=large), "TOO_LARGE")


@pytest.mark.fault(33)
def test_variables_may_be_so_large(memory: Driver) -> None:
    """All of a run together, though each of them may be a value."""
    names = ("a", "b", "c")
    register(memory, "w", chain(variables=tuple(declared(name, "STR") for name in names)))
    large = dict.fromkeys(names, "x" * 200_000)
    refused(memory, RunWf(wf_spec="w", wf_run_id="large", variables=large), "TOO_LARGE")


def test_so_many_interrupts_may_wait(narrow: Driver) -> None:
    """More are refused until one has been handled."""
    made = interrupted(threads(chain(event("go")), ask=chain(task("ask"))), stop="ask")
    register(narrow, "recalled", made)
    story = run(narrow, "recalled").gets("stop").gets("stop").gets("stop")
    more = PutExternalEvent(wf_run_id=story.id, event_def="stop")
    refused(narrow, more, "LIMIT")
    story.task("ask").succeeds().gets("stop")


def test_a_task_is_restarted_so_often(narrow: Driver) -> None:
    """Then it is let run."""
    register(narrow, "w", chain(task("work")))
    story = run(narrow, "w").task("work").is_restarted().task("work")
    refused(narrow, RestartTaskRun(**story.task_id), "LIMIT")


def test_an_exception_of_an_interrupts_handler_ends_a_node_that_is_halted(memory: Driver) -> None:
    """And its thread, under its own name."""
    made = interrupted(threads(chain(event("go")), ask=chain(task("ask"))), stop="ask")
    register(memory, "recalled", made)
    story = run(memory, "recalled").gets("stop").task("ask").throws("enough")
    story.ends_with("enough", "EXCEPTION")
    assert story.nodes[1].status == "EXCEPTION"
