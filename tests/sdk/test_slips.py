"""Slips that tracing alone would pass over, or tell at another line."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from penstock import (
    DefinitionError,
    InvalidRequest,
    Worker,
    for_each,
    if_,
    spawn,
    task,
    wait_for_event,
    wait_until,
    workflow,
)
from penstock.testing import Engine


@task
def greet(name: str) -> str:
    return name


def a_block_without_with(name):
    if_(name == "Ada")  # here
    greet(name)


def the_same_in_every_run(name):
    with if_(name is None):  # here
        greet(name)


def waiting_for_nothing(name):
    wait_until(name is None)  # here


def a_method(name):
    return name.upper()  # here


def returned_from_elsewhere(name):
    with for_each(wait_for_event("names", type=list[str])) as one:
        said = greet(one)
    greet("the last")
    return said  # here


def a_return_of_a_thread(name):
    def inside():
        said = greet(name)
        return [said]  # here

    spawn(inside)


SLIPS = [
    (a_block_without_with, r"if_\(...\) alone is no block"),
    (the_same_in_every_run, "the same in every run"),
    (waiting_for_nothing, "the same in every run"),
    (a_method, r"`.upper` needs the value of <variable name>"),
    (returned_from_elsewhere, "a thread beside this one"),
    (a_return_of_a_thread, "inside of a list or dict"),
]


@pytest.mark.parametrize(("function", "message"), SLIPS)
def test_it_is_told_at_its_line(function: Callable[..., Any], message: str) -> None:
    function.__annotations__["name"] = str
    lines, first = inspect.getsourcelines(function)
    line = first + next(number for number, text in enumerate(lines) if "# here" in text)
    with pytest.raises(DefinitionError, match=message) as raised:
        _ = workflow(function).spec
    assert raised.value.where == f"{__file__}:{line}"


def yielding(name):
    yield greet(name)


def test_what_yields_is_neither_task_nor_workflow() -> None:
    """It would return a generator, which nobody runs."""
    yielding.__annotations__["name"] = str
    line = yielding.__code__.co_firstlineno
    for make in (task, workflow):
        with pytest.raises(DefinitionError, match="yields; it must return") as raised:
            make(yielding)
        assert raised.value.where == f"{__file__}:{line}"


def a_path_that_can_not_be(names):
    greet("all")
    return names["first"]  # here


def test_a_mistake_of_what_is_returned_is_told_at_the_return(penstock: Engine) -> None:
    """By the engine, too."""
    a_path_that_can_not_be.__annotations__["names"] = list[str]
    lines, first = inspect.getsourcelines(a_path_that_can_not_be)
    line = first + next(number for number, text in enumerate(lines) if "# here" in text)
    with pytest.raises(InvalidRequest) as raised:
        penstock.register(workflow(a_path_that_can_not_be))
    assert [one["where"] for one in raised.value.faults] == [f"{__file__}:{line}"]


@workflow
def as_text(count: int) -> str:
    return count  # pyright: ignore[reportReturnType]


@workflow
def as_number(count: int) -> float:
    return count


@workflow
def above(count: int) -> str:
    return as_text(count)


def test_an_output_is_of_the_type_that_the_workflow_says(penstock: Engine) -> None:
    """As a variable of that type would be: for who asks, and for the workflow above."""
    penstock.register(as_text, as_number, above)
    assert penstock.run(as_text, count=3).result() == "3"
    assert penstock.run(above, count=3).result() == "3"
    output = penstock.run(as_number, count=3).result()
    assert (output, type(output)) == (3.0, float)


def plain(count: int) -> int:
    return count


def test_a_plain_function_is_told_to_be_none(penstock: Engine) -> None:
    wrong: Any = plain
    client = penstock.client
    for give in (
        penstock.register,
        client.register,
        Worker,
        lambda function: client.run(function, count=1),
        lambda function: client.schedules.make(function, "* * * * *"),
        lambda function: penstock.fake(function, 1),
        penstock.inputs,
    ):
        with pytest.raises(TypeError, match=r"<function plain .*: a function is (one|a task) by @"):
            give(wrong)


@pytest.mark.parametrize("url", ["kafka:/broker:9092", "kafka://", "broker:9092", "amqp://broker"])
def test_a_worker_is_told_at_once_that_its_address_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        Worker(greet, url=url)
