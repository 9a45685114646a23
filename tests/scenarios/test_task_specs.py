"""What a TASK node can say: a name by expression, retries, jitter; and what is refused."""

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.ids import fraction_of
from penstock.core.state.backoff import Backoff
from penstock.core.state.run import TaskRun
from tests.controls import (
    Json,
    a_task_def,
    chain,
    declared,
    dynamic_task,
    literal,
    output_of,
    task,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

WHICH = (declared("which", "STR"),)


def by_name(**settings: object) -> Json:
    """A spec whose run says which TaskDef."""
    node = dynamic_task(variable("which"), **settings)
    return chain(node, returns=output_of("n1"), variables=WHICH)


def test_a_run_names_its_task(driver: Driver) -> None:
    """The same node, another TaskDef each time, with inputs of its own type."""
    greets = a_task_def("greet", returns="STR", name="STR"), a_task_def("count", name="JSON_ARR")
    register(driver, "any", by_name(inputs={"name": literal("Ada")}), *greets)
    story = run(driver, "any", which="greet").task("greet", name="Ada")
    assert story.task_run.task_def == "greet"
    story.succeeds("hi").completes("hi")
    misfit = run(driver, "any", which="count").ends_with("VAR_SUB_ERROR")
    assert driver.scan(TaskRun, misfit.id) == []


@pytest.mark.parametrize("which", ["nobody", "", "not a name", None])
def test_a_name_that_no_task_def_has_is_an_error_that_names_it(
    memory: Driver, which: str | None
) -> None:
    """VAR_SUB_ERROR, without a TaskRun."""
    register(memory, "any", by_name())
    variables = {} if which is None else {"which": which}
    story = run(memory, "any", **variables).ends_with("VAR_SUB_ERROR")
    assert story.thread.failure is not None
    assert repr(which) in story.thread.failure.message or which is None
    assert memory.scan(TaskRun, story.id) == []


@pytest.mark.parametrize("inputs", [{}, {"name": literal("Ada"), "age": literal(3)}])
def test_inputs_of_a_dynamic_task_are_matched_when_it_is_known(
    memory: Driver, inputs: Json
) -> None:
    """One that is missing and one too many alike."""
    register(memory, "any", by_name(inputs=inputs), a_task_def("greet", name="STR"))
    run(memory, "any", which="greet").ends_with("VAR_SUB_ERROR")


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"type": "TASK"}, "either a task_def or a dynamic_task"),
        (task("greet", dynamic_task=literal("greet")), "either a task_def or a dynamic_task"),
        (dynamic_task(literal([3])), "dynamic_task"),
        (dynamic_task(variable("nobody")), "nobody"),
        (task("greet", max_attempts=3, retries=3), "disagree"),
        (task("greet", retries=-1), "is below 0"),
        (task("greet", heartbeat_timeout_ms=0), "is below 1"),
        (task("greet", backoff={"base_ms": 1, "jitter": 1.5}), "jitter"),
        (task("greet", backoff={"base_ms": 1, "jitter": -0.1}), "jitter"),
        (task("greet", backoff={"base_ms": -1}), "base_ms"),
    ],
)
def test_a_task_node_that_can_not_be_meant_is_refused(
    memory: Driver, node: Json, words: str
) -> None:
    """When the spec is registered."""
    accepted(memory, a_task_def("greet"))
    answer = refused(memory, PutWfSpec(name="wrong", spec=chain(node)), "BAD_SPEC")
    assert words in answer.message


@pytest.mark.parametrize(
    ("said", "attempts"),
    [({}, 1), ({"retries": 0}, 1), ({"retries": 2}, 3), ({"retries": 2, "max_attempts": 3}, 3)],
)
def test_retries_are_the_attempts_after_the_first(
    memory: Driver, said: Json, attempts: int
) -> None:
    """Said either way it is the same spec, of the same version."""
    register(memory, "tried", chain(task("shaky", **said)))
    story = run(memory, "tried")
    for _ in range(attempts):
        story.task("shaky").fails()
    story.ends_with("TASK_FAILURE")
    same = chain(task("shaky", max_attempts=attempts))
    assert accepted(memory, PutWfSpec(name="tried", spec=same)).body["version"] == 1
    assert memory.get(WfSpec, "tried", 2) is None


def test_jitter_takes_off_a_part_that_the_ids_decide(memory: Driver) -> None:
    """Not chance: a re-fold waits exactly as long. No two runs wait alike."""
    backoff = {"base_ms": 10_000, "jitter": 0.5}
    register(memory, "patient", chain(task("shaky", max_attempts=2, backoff=backoff)))
    delays: set[int] = set()
    for _ in range(5):
        story = run(memory, "patient").task("shaky").fails()
        timer = story.task_run.timer
        assert timer is not None
        failed_ms = story.task_run.attempt.ended_ms
        assert failed_ms is not None
        delay_ms = timer.due_ms - failed_ms
        assert delay_ms == Backoff(**backoff).delay_ms(1, story.taken.guid, 1)
        delays.add(delay_ms)
    assert len(delays) == 5
    assert all(5_000 < delay_ms <= 10_000 for delay_ms in delays)


def test_delays_without_jitter_are_what_they_say() -> None:
    """Constant, or growing up to the most."""
    constant = Backoff(base_ms=700)
    growing = Backoff(base_ms=100, multiplier=3.0, max_ms=1_000)
    assert [constant.delay_ms(retry) for retry in (1, 2, 9)] == [700, 700, 700]
    assert [growing.delay_ms(retry) for retry in (1, 2, 3, 4)] == [100, 300, 900, 1_000]


def test_fractions_of_ids_are_spread() -> None:
    """Over all of 0 to 1, and always the same for the same ids."""
    found = [fraction_of("guid", attempt) for attempt in range(1_000)]
    assert found == [fraction_of("guid", attempt) for attempt in range(1_000)]
    assert all(0 <= one < 1 for one in found)
    assert 0.45 < sum(found) / len(found) < 0.55
