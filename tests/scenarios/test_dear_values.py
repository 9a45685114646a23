"""What it costs to look at large values: a turn that has paid for much of it leaves the rest to
later ones, so that others get on meanwhile (R3).
"""

from typing import Any

import pytest

from penstock.core.commands.put_external_event_def import PutExternalEventDef
from tests.controls import (
    Json,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    interrupted,
    literal,
    mutation,
    nop,
    operate,
    runs_each,
    spec,
    starts_each,
    task,
    template,
    threads,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import register, run

ONCE = pytest.mark.parametrize("memory", ["memory"], indirect=True)
"""Each record folds much: once is enough."""

LARGE = [1] * 20_000
ADDED_UP = template("{% for a in inputs.few %}{% for b in inputs.few %}.{% endfor %}{% endfor %}")


def loops(rounds: int, *changes: Json) -> Json:
    """A node that comes to itself so often, with these changes."""
    again = {"to": "n", "condition": compare(variable("i"), "LESS_THAN", literal(rounds))}
    one_more = mutation("i", "ADD", literal(1))
    nodes = {
        "n": nop(again | {"mutations": [one_more, *changes]}, edge("exit")),
        "exit": ends(variable("i")),
    }
    names = {"large": "JSON_ARR", "copy": "JSON_ARR", "few": "JSON_ARR", "text": "STR"}
    variables = [declared(name, kind) for name, kind in names.items()]
    return spec("n", nodes, declared("i", "INT", default=0), *variables)


def records(driver: Driver) -> int:
    """How many records there are: each is a turn."""
    return sum(driver.log.bounds(number)[1] for number in range(driver.topics.partitions))


def turns_of(driver: Driver, wf_spec: str, **variables: Any) -> int:
    """How many turns it took until a run of the spec had nothing more to do."""
    before = records(driver)
    run(driver, wf_spec, **variables)
    return records(driver) - before


@ONCE
@pytest.mark.parametrize(
    "change",
    [mutation("copy", "ASSIGN", variable("large")), mutation("text", "ASSIGN", ADDED_UP)],
    ids=["values", "templates"],
)
def test_a_loop_that_works_hard_takes_more_turns(memory: Driver, change: Json) -> None:
    """One that does not, takes one."""
    register(memory, "dear", loops(60, change))
    register(memory, "cheap", loops(60))
    large = {"large": LARGE, "few": list(range(50))}
    cheap = turns_of(memory, "cheap", **large)
    assert turns_of(memory, "dear", **large) >= cheap + 3


@ONCE
@pytest.mark.parametrize("starts", [starts_each, runs_each])
def test_threads_that_are_given_much_begin_in_several_turns(memory: Driver, starts: Any) -> None:
    """Each of them looks at what it is given."""
    leaf = chain(event("go"), variables=(declared("given", "JSON_ARR"), declared("INPUT", "INT")))
    given = {"given": variable("large")}
    node = starts("leaf", literal(list(range(60))))
    made = chain(
        node | {"variables": given}, event("go"), variables=(declared("large", "JSON_ARR"),)
    )
    register(memory, "w", threads(made, leaf=leaf), PutExternalEventDef(name="go"))
    before = records(memory)
    story = run(memory, "w", large=[1] * 60_000)
    assert story.run.threads == 61
    assert (records(memory) - before > 5) is (starts is runs_each)


@ONCE
def test_handlers_of_a_large_event_begin_in_several_turns(memory: Driver) -> None:
    """Each of them is given its content."""
    leaf = interrupted(chain(event("go")), stop="ask")
    ask = chain(task("ask"), variables=(declared("INPUT", "JSON_ARR"),))
    made = chain(starts_each("leaf", literal(list(range(30)))), event("go"))
    register(memory, "w", threads(made, leaf=leaf, ask=ask))
    story = run(memory, "w")
    before = records(memory)
    story.gets("stop", [1] * 60_000)
    assert story.run.threads == 61
    assert records(memory) - before > 5


def test_a_node_may_look_at_so_much(memory: Driver) -> None:
    """Parts of a value count where there are many of them in few bytes."""
    copied = mutation("copy", "ASSIGN", variable("large"))
    register(memory, "w", loops(1, *[copied] * 40))
    run(memory, "w", large=LARGE).ends_with("VAR_MUTATION_ERROR")
    run(memory, "w", large=LARGE[:1_000]).completes(1)


def test_a_long_condition_is_no_dearer_than_it_was(memory: Driver) -> None:
    """Little steps are cheap: a hundred of them are a node."""
    condition = compare(variable("i"), "LESS_THAN", literal(0))
    for _ in range(20):
        condition = operate(condition, "OR", compare(variable("i"), "LESS_THAN", literal(3)))
    made = loops(3)
    made["threads"]["main"]["nodes"]["n"]["edges"][0]["condition"] = condition
    register(memory, "w", made)
    run(memory, "w").completes(3)
