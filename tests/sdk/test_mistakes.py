"""Mistakes of users: each is named at the line that made it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from penstock import (
    Backoff,
    DefinitionError,
    InvalidRequest,
    else_,
    fail,
    for_each,
    if_,
    on_failure,
    return_,
    sleep_until,
    spawn,
    task,
    wait_for_event,
    while_,
    workflow,
)
from penstock.testing import Engine


@dataclass
class Stock:
    shelf: str


@task
def greet(name: str) -> str:
    return name


@task
def count(of: int) -> int:
    return of


@task
def stock() -> Stock:
    return Stock("a")


def wrong_argument(name):
    greet(nam=name)  # here


def too_few(name):
    greet()  # here


def wrong_type(name):
    count(name)  # here


def wrong_literal(name):
    count("three")  # here


def an_if(name):
    greet(name)
    if name:  # here
        greet(name)


def an_f_string(name):
    greet(f"dear {name}")  # here


def a_sum(name):
    count(name + 1)  # here


def a_remainder(name):
    count(count(1) % 2)  # here


def an_else_of_nothing(name):
    greet(name)
    with else_():  # here
        greet(name)


def a_step_behind_the_end(name):
    return_()
    greet(name)  # here


def a_return_in_a_block(name):
    with if_(name == "ada"):
        return greet(name)  # here
    return greet("nobody")


def an_endless_loop(name):
    with while_(name == "ada"):  # here
        pass


def an_output_from_outside(name):
    met = count(1)

    def inside() -> None:
        count(met)  # here

    spawn(inside)


def a_thread_of_another_thread(name):
    def inside() -> None:
        greet("a")

    def other() -> None:
        spawn(inside)  # here

    spawn(inside)
    spawn(other)


def two_functions_of_one_name(name):
    def make(what: str) -> Any:
        def inside() -> None:
            greet(what)

        return inside

    spawn(make("a"))
    spawn(make("b"))  # here


def an_argument_too_many(name):
    def inside(of: str) -> None:
        greet(of)

    spawn(inside, name, name)  # here


def items_of_no_known_type(name):
    with for_each(wait_for_event("e", type=list)) as item:  # here
        greet(item)


def a_moment_without_a_zone(name):
    sleep_until(datetime(2026, 1, 1))  # noqa: DTZ001 - here


def a_failure_of_no_step(name):
    on_failure(name, greet_again)  # here


def greet_again() -> None:
    greet("again")


def a_loop(name):
    for _ in name:  # here
        greet(name)


def in_a_list(name):
    wait_for_event("e", type=list)
    greet([name])  # here


def no_such_field(name):
    greet(stock().shef)  # here


def an_index_into_text(name):
    greet(name["first"])  # here


def two_types_of_event(name):
    wait_for_event("e", type=int)
    wait_for_event("e", type=str)  # here


def a_message_of_the_run(name):
    fail("not-so-good", name)  # here


def returned_wrong_type(name) -> int:
    return name


MISTAKES = [
    (
        wrong_argument,
        r"greet\(\): got an unexpected keyword argument 'nam'; it takes \(name: STR\)",
    ),
    (too_few, r"greet\(\): 'name' is not given"),
    (wrong_type, r"count\(\): 'of' is INT, but <variable name> is STR"),
    (wrong_literal, r"count\(\): 'of': STR 'three' is not INT"),
    (an_if, r"`if`, .* the value of <variable name>, which is known only when the workflow runs"),
    (an_f_string, r"text \(an f-string, print\) needs the value of <variable name>"),
    (a_sum, "ADD needs numbers, and <variable name> is STR; make text with text()"),
    (a_remainder, "`%` needs the value of <output of 1-count>"),
    (an_else_of_nothing, "else_ follows the block of an if_ or an elif_"),
    (a_step_behind_the_end, "can not be reached"),
    (a_return_in_a_block, r"write return_\(...\)"),
    (an_endless_loop, "would go round for ever"),
    (an_output_from_outside, r"<output of 1-count> is seen in its own thread only"),
    (a_thread_of_another_thread, r"inside\(\) is a thread of another one"),
    (two_functions_of_one_name, "two functions have the name 'inside'"),
    (an_argument_too_many, r"spawn\(inside\): too many positional arguments; it takes \(of\)"),
    (items_of_no_known_type, r"say what the items of <output of 1-e> are, as in list\[str\]"),
    (a_moment_without_a_zone, "a moment has a time zone"),
    (a_failure_of_no_step, r"on_failure\(\) takes a step"),
    (a_loop, "a loop"),
    (in_a_list, "inside of a list or dict; make that in a task"),
    (no_such_field, r"Stock has no 'shef'; it has \['shelf'\]"),
    (an_index_into_text, r"<variable name> is STR: it has nothing at \['first'\]"),
    (a_message_of_the_run, "the message stands in the code; values of the run go as content"),
    (two_types_of_event, "event 'e' has type INT elsewhere, and STR here"),
]


@pytest.mark.parametrize(("function", "message"), MISTAKES)
def test_a_mistake_in_a_workflow(function: Callable[..., Any], message: str) -> None:
    function.__annotations__["name"] = str
    lines, first = inspect.getsourcelines(function)
    line = first + next(
        number for number, text in enumerate(lines) if "here" in text.partition("#")[2]
    )

    with pytest.raises(DefinitionError, match=message) as raised:
        _ = workflow(function).spec

    assert raised.value.where == f"{__file__}:{line}"
    assert str(raised.value).startswith(f"{__file__}:{line}: ")


def two_types_compared(name):
    with if_(name < 3):  # here
        greet(name)


def a_failure_of_no_name(name):
    fail("not so good", "no")  # here


def a_handler_of_nothing(name):
    on_failure(greet(name), greet_again, of="no such name!")  # here


def a_mistake_in_a_thread(name):
    def inside() -> None:
        greet(name)
        with while_(name < 3):  # here
            greet(name)

    spawn(inside)


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (two_types_compared, "BAD_EXPRESSION"),
        (a_failure_of_no_name, "BAD_FAILURE_NAME"),
        (a_handler_of_nothing, "HANDLER_OF_NOTHING"),
        (a_mistake_in_a_thread, "BAD_EXPRESSION"),
    ],
)
def test_a_mistake_that_the_engine_finds(
    penstock: Engine, function: Callable[..., Any], fault: str
) -> None:
    """Its line is told as well."""
    function.__annotations__["name"] = str
    lines, first = inspect.getsourcelines(function)
    line = first + next(number for number, text in enumerate(lines) if "# here" in text)
    with pytest.raises(InvalidRequest) as raised:
        penstock.register(workflow(function))
    assert [(one["fault"], one["where"]) for one in raised.value.faults] == [
        (fault, f"{__file__}:{line}")
    ]
    assert str(raised.value).startswith(f"BAD_SPEC: {__file__}:{line}: ")


def test_a_wrong_return_type() -> None:
    returned_wrong_type.__annotations__["name"] = str
    with pytest.raises(DefinitionError, match="returns is INT, but <variable name> is STR"):
        _ = workflow(returned_wrong_type).spec


def no_hint(x) -> None: ...
def odd_hint(x: set[int]) -> None: ...
def odd_return() -> object: ...
def star(*x: int) -> None: ...
def _hidden() -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_hint, "no_hint: parameter 'x' has no type hint; use int, float"),
        (odd_hint, r"odd_hint: parameter 'x': set\[int\] is no type of value"),
        (odd_return, "odd_return: what it returns: object is no type of value"),
        (star, r"star: a task has no \*x; name each input"),
        (_hidden, "_hidden.*or give another by name="),
    ],
)
def test_a_mistake_in_a_task(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as raised:
        task(function)

    assert raised.value.where == f"{__file__}:{function.__code__.co_firstlineno}"


def test_the_line_is_that_of_the_def_and_not_of_its_decorators() -> None:
    with pytest.raises(DefinitionError) as raised:

        @task(
            name="several-lines",
        )
        def wrong(x: set[int]) -> None: ...  # here

    here = int(raised.value.where.rpartition(":")[2])
    lines = inspect.getsource(inspect.getmodule(test_a_wrong_return_type)).splitlines()  # pyright: ignore
    assert "# here" in lines[here - 1]


def test_a_bad_duration_or_count() -> None:
    with pytest.raises(DefinitionError, match="timeout=0: a duration is more than 0 s"):
        task(timeout=0)(greet.function)
    with pytest.raises(DefinitionError, match="max_attempts=0"):
        greet.with_(max_attempts=0)


def test_steps_outside_of_a_workflow() -> None:
    with pytest.raises(DefinitionError, match="in a workflow only"):
        wait_for_event("e")


def test_a_backoff_that_can_not_be() -> None:
    with pytest.raises(DefinitionError, match="base, 2000 ms, is not above its max, 1000 ms"):
        task(backoff=Backoff(base=2, max=1))(greet.function)
    with pytest.raises(DefinitionError, match="base=0: a duration is more than 0 s"):
        task(backoff=Backoff(base=0))(greet.function)


def test_a_jitter_is_a_fraction_and_masked_inputs_exist() -> None:
    with pytest.raises(DefinitionError, match=r"from 0 to 1, not 1\.5"):
        task(backoff=Backoff(jitter=1.5))(greet.function)
    with pytest.raises(DefinitionError, match="no such input"):
        task(masked=("nam",))(greet.function)
    backoff = task(backoff=Backoff(jitter=0.5))(greet.function).options.backoff
    assert backoff is not None
    assert backoff.jitter == 0.5
