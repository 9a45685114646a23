"""Workflows written in Python, and the specs that they stand for."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from penstock import (
    Backoff,
    TaskContext,
    Workflow,
    assign,
    task,
    variable,
    wait_for_event,
    workflow,
)
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.definitions.wf_spec import SpecBody
from penstock.core.values.types import ValueType


@dataclass
class Stock:
    shelf: str
    left: int


@task
def greet(name: str) -> str:
    return f"Hello, {name}"


@task
def reserve(item: str, count: int = 1) -> Stock:
    return Stock(item, count)


@task(name="charge-card", max_attempts=3, timeout=5, backoff=Backoff(base=0.5, max=8))
def charge(cents: int, card: dict[str, Any]) -> dict[str, Any]:
    return {"cents": cents, "card": card}


@task
async def fetch(url: str) -> str:
    return url


@task
def log_it(ctx: TaskContext, text: str) -> None:
    ctx.log(text)


def spec_of(made: Workflow[..., Any]) -> dict[str, Any]:
    """The entrypoint thread as JSON."""
    built = made.definition.spec
    assert msgspec.convert(built, SpecBody) == made.spec
    assert built["entrypoint"] == "entrypoint"
    assert list(built["threads"]) == ["entrypoint"]
    return built["threads"]["entrypoint"]


def test_one_task() -> None:
    @workflow
    def hello(name: str) -> str:
        return greet(name)

    assert spec_of(hello) == {
        "variables": [{"name": "name", "type": "STR", "required": True}],
        "nodes": {
            "0-entrypoint": {"type": "ENTRYPOINT", "edges": [{"to": "1-greet"}]},
            "1-greet": {
                "type": "TASK",
                "task_def": "greet",
                "inputs": {"name": {"from": "VARIABLE", "name": "name"}},
                "edges": [{"to": "2-exit"}],
            },
            "2-exit": {"type": "EXIT", "returns": {"from": "NODE_OUTPUT", "node": "1-greet"}},
        },
    }


def test_tasks_in_sequence_with_paths_defaults_literals_and_options() -> None:
    @workflow(name="buy")
    def order(item: str, card: dict[str, Any], cents: int = 100):
        stock = reserve(item)
        log_it(text="reserved")
        paid = charge(cents, card=card["new"]["card number"])
        greet.with_(max_attempts=7)(stock.shelf)
        greet(paid["names"][0])

    nodes = spec_of(order)["nodes"]

    assert list(nodes) == [
        *("0-entrypoint", "1-reserve", "2-log_it", "3-charge-card", "4-greet", "5-greet", "6-exit"),
    ]
    assert [node.get("edges") for node in nodes.values()] == [
        *([{"to": name}] for name in list(nodes)[1:]),
        None,
    ]
    assert nodes["1-reserve"]["inputs"] == {
        "item": {"from": "VARIABLE", "name": "item"},
        "count": {"from": "VALUE", "value": 1},
    }
    assert nodes["2-log_it"]["inputs"] == {"text": {"from": "VALUE", "value": "reserved"}}
    assert nodes["3-charge-card"] == {
        "type": "TASK",
        "task_def": "charge-card",
        "inputs": {
            "cents": {"from": "VARIABLE", "name": "cents"},
            "card": {"from": "VARIABLE", "name": "card", "path": '$.new["card number"]'},
        },
        "max_attempts": 3,
        "timeout_ms": 5000,
        "backoff": {"base_ms": 500, "multiplier": 2.0, "max_ms": 8000},
        "edges": [{"to": "4-greet"}],
    }
    assert nodes["4-greet"]["max_attempts"] == 7
    assert nodes["4-greet"]["inputs"]["name"]["path"] == "$.shelf"
    assert nodes["5-greet"]["inputs"]["name"]["path"] == "$.names[0]"
    assert "max_attempts" not in nodes["5-greet"]
    assert nodes["6-exit"] == {"type": "EXIT"}
    assert order.name == "buy"
    assert [one.name for one in order.tasks] == ["reserve", "log_it", "charge-card", "greet"]


def test_variables_of_every_type() -> None:
    @workflow
    def many(
        a: int,
        b: float,
        c: bool,
        d: str,
        e: bytes,
        f: dict,
        g: list[int],
        h: Stock,
        i: str | None = None,
    ) -> None: ...

    assert [(one["name"], one["type"]) for one in spec_of(many)["variables"]] == [
        *(("a", "INT"), ("b", "DOUBLE"), ("c", "BOOL"), ("d", "STR"), ("e", "BYTES")),
        *(("f", "JSON_OBJ"), ("g", "JSON_ARR"), ("h", "JSON_OBJ"), ("i", "STR")),
    ]
    assert spec_of(many)["variables"][-1] == {"name": "i", "type": "STR"}


def test_an_event_with_type_and_timeout() -> None:
    @workflow
    def approval() -> str:
        answer = wait_for_event("approved", type=dict, timeout=60)
        return greet(answer["by"])

    nodes = spec_of(approval)["nodes"]

    assert nodes["1-approved"] == {
        "type": "EXTERNAL_EVENT",
        "event_def": "approved",
        "timeout_ms": 60_000,
        "edges": [{"to": "2-greet"}],
    }
    assert approval.needs == (
        PutExternalEventDef(name="approved", content_type=ValueType.JSON_OBJ),
    )


def test_variables_that_are_assigned_to() -> None:
    @workflow
    def counted(name: str) -> int:
        length = variable("length", int, 0)
        assign(name, greet(name))
        assign(length, 3)
        greet(name)
        return length

    thread = spec_of(counted)

    assert thread["variables"][1] == {"name": "length", "type": "INT", "default": 0}
    assert thread["nodes"]["1-greet"]["edges"] == [
        {
            "to": "2-greet",
            "mutations": [
                {"variable": "name", "value": {"from": "NODE_OUTPUT", "node": "1-greet"}},
                {"variable": "length", "value": {"from": "VALUE", "value": 3}},
            ],
        }
    ]
    assert thread["nodes"]["3-exit"]["returns"] == {"from": "VARIABLE", "name": "length"}


def test_a_comparison_is_a_value() -> None:
    @workflow
    def compare(count: int) -> bool:
        return count >= 3

    assert spec_of(compare)["nodes"]["1-exit"]["returns"] == {
        "from": "COMPARISON",
        "left": {"from": "VARIABLE", "name": "count"},
        "comparator": "GREATER_THAN_EQ",
        "right": {"from": "VALUE", "value": 3},
    }


def test_a_whole_number_beside_a_double_is_one() -> None:
    """The engine compares values of one type only."""

    @workflow
    def dear(price: float) -> bool:
        return price > 10

    returns = spec_of(dear)["nodes"]["1-exit"]["returns"]
    assert repr(returns["right"]["value"]) == "10.0"


def test_async_tasks_may_be_awaited_in_an_async_workflow() -> None:
    @workflow
    async def fetched(url: str) -> str:
        return await fetch(await fetch(url))

    nodes = spec_of(fetched)["nodes"]

    assert list(nodes) == ["0-entrypoint", "1-fetch", "2-fetch", "3-exit"]


def test_a_workflow_is_traced_once() -> None:
    traced: list[int] = []

    @workflow
    def once() -> None:
        traced.append(1)

    assert once.spec == once.spec
    assert once.tasks == ()
    assert traced == [1]


def test_outside_of_a_workflow_functions_are_functions() -> None:
    @workflow
    def hello(name: str) -> str:
        log_it(text="called")
        return greet(name)

    assert greet("Ada") == "Hello, Ada"
    assert hello("Ada") == "Hello, Ada"
    assert hello.spec.entrypoint == "entrypoint"
    assert reserve("x", count=2) == Stock("x", 2)


def test_variables_of_a_run_are_checked_before_they_are_sent() -> None:
    @workflow
    def hello(name: str, stock: Stock | None = None) -> None: ...

    assert hello.encode({"name": "a", "stock": Stock("b", 1)}) == {
        "name": "a",
        "stock": {"shelf": "b", "left": 1},
    }
    with pytest.raises(TypeError, match=r"'name' \(STR\) is not given"):
        hello.encode({})
    with pytest.raises(TypeError, match="no variable 'nam'"):
        hello.encode({"nam": "a"})
    with pytest.raises(TypeError, match="is not STR"):
        hello.encode({"name": 3})
