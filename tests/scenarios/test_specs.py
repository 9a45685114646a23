"""Registering specs, versions, variables, edges, mutations; what is refused, and how."""

from typing import Any

import pytest

from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_struct_def import PutStructDef
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.updates import AllowedUpdates
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.run import Variable
from tests.controls import (
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    literal,
    nop,
    output_of,
    sleeps,
    spec,
    starts,
    starts_each,
    task,
    threads,
    throws,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run


def test_definitions_reach_every_partition(driver: Driver) -> None:
    """They are decided on partition 0 and sent on, in order (R4, R11)."""
    register(driver, "hello", chain(task("greet")))
    for _ in range(8):
        run(driver, "hello").task("greet").succeeds().completes()


def test_the_same_definition_again_is_the_same_version(driver: Driver) -> None:
    """Another one is a new version; runs keep theirs."""
    register(driver, "hello", chain(task("greet"), returns=literal(1)))
    first = run(driver, "hello")
    again = accepted(driver, PutWfSpec(name="hello", spec=chain(task("greet"), returns=literal(1))))
    assert again.body["version"] == 1
    second = accepted(driver, PutWfSpec(name="hello", spec=chain(returns=literal(2))))
    assert (second.body["version"], second.body["major"], second.body["revision"]) == (2, 0, 1)
    third_spec = chain(returns=literal(3), variables=(declared("who", "STR", required=True),))
    third = accepted(driver, PutWfSpec(name="hello", spec=third_spec))
    assert (third.body["version"], third.body["major"], third.body["revision"]) == (3, 1, 0)
    first.task("greet").succeeds().completes(1)


def test_updates_that_are_not_allowed_are_refused(memory: Driver) -> None:
    """NO_UPDATES takes none, MINOR_REVISION_UPDATES none that break starters."""
    register(memory, "hello", chain(returns=literal(1)))
    changed = chain(returns=literal(2))
    no_updates = AllowedUpdates.NO_UPDATES
    refused(
        memory, PutWfSpec(name="hello", spec=changed, allowed_updates=no_updates), "ALREADY_EXISTS"
    )
    breaks = chain(variables=(declared("who", "STR", required=True),))
    minor = AllowedUpdates.MINOR_REVISION_UPDATES
    refused(memory, PutWfSpec(name="hello", spec=breaks, allowed_updates=minor), "BREAKING_UPDATE")
    accepted(memory, PutWfSpec(name="hello", spec=changed, allowed_updates=minor))


def test_a_task_def_never_changes(driver: Driver) -> None:
    """The same again is fine."""
    accepted(driver, a_task_def("greet", name="STR"))
    accepted(driver, a_task_def("greet", name="STR"))
    refused(driver, a_task_def("greet", name="INT"), "ALREADY_EXISTS")
    refused(driver, PutTaskDef(name="bad name"), "BAD_NAME")


def test_edges_choose_and_change_variables(driver: Driver) -> None:
    """The first edge whose condition holds; later mutations see earlier ones."""
    small = compare(output_of("ask"), "LESS_THAN", literal(10))
    choosing = spec(
        "ask",
        {
            "ask": task("ask", edge("exit", small, size=literal("small")), edge("copy")),
            "copy": task("ask", edge("exit", size=literal("large"), copy=variable("size"))),
            "exit": ends(variable("size")),
        },
        declared("size", "STR", default="unknown"),
        declared("copy", "STR"),
    )
    register(driver, "choosing", choosing)
    run(driver, "choosing").task("ask").succeeds(3).completes("small")
    story = run(driver, "choosing").task("ask").succeeds(30).task("ask").succeeds(0)
    story.completes("large")
    copy = driver.get(Variable, story.id, 0, "copy")
    assert copy is not None
    assert copy.value == "large"


def test_mutations_of_an_edge_are_all_or_none(driver: Driver) -> None:
    """The second does not fit: the first is not done either."""
    mutated = spec(
        "ask",
        {
            "ask": task("ask", edge("exit", fine=literal(2), wrong=output_of("ask"))),
            "exit": ends(),
        },
        declared("fine", "INT", default=1),
        declared("wrong", "INT"),
    )
    register(driver, "mutated", mutated)
    story = run(driver, "mutated").task("ask").succeeds("text").ends_with("VAR_MUTATION_ERROR")
    fine = driver.get(Variable, story.id, 0, "fine")
    assert fine is not None
    assert fine.value == 1


def test_when_no_edge_is_open_the_run_fails_by_name(driver: Driver) -> None:
    """It never waits for nothing."""
    never = compare(output_of("ask"), "EQUALS", literal("yes"))
    register(
        driver, "stuck", spec("ask", {"ask": task("ask", edge("exit", never)), "exit": ends()})
    )
    run(driver, "stuck").task("ask").succeeds("no").ends_with("VAR_SUB_ERROR")


def test_a_run_started_again_is_the_same_run(driver: Driver) -> None:
    """With another body it is refused (contract 3)."""
    register(driver, "hello", chain(task("greet"), variables=(declared("n", "INT"),)))
    story = run(driver, "hello", "order-1", n=1)
    again = accepted(driver, RunWf(wf_spec="hello", wf_run_id="order-1", variables={"n": 1}))
    assert again.repeated
    other = RunWf(wf_spec="hello", wf_run_id="order-1", variables={"n": 2})
    refused(driver, other, "ALREADY_EXISTS")
    story.task("greet").succeeds().completes()
    assert driver.tasks("greet") == [] if driver.clock else True


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (RunWf(wf_spec="nothing", wf_run_id="a"), "SPEC_UNKNOWN"),
        (RunWf(wf_spec="hello", wf_run_id="a", version=9), "SPEC_UNKNOWN"),
        (RunWf(wf_spec="hello", wf_run_id="a", version=-1), "SPEC_UNKNOWN"),
        (RunWf(wf_spec="hello", wf_run_id="a"), "VARIABLE_REQUIRED"),
        (RunWf(wf_spec="hello", wf_run_id="a", variables={"n": "x"}), "BAD_VALUE"),
        (RunWf(wf_spec="hello", wf_run_id="a", variables={"n": 2**63}), "BAD_VALUE"),
        (RunWf(wf_spec="hello", wf_run_id="a", variables={"n": 1, "m": 2}), "VARIABLE_UNKNOWN"),
        (RunWf(wf_spec="hello", wf_run_id="../etc", variables={"n": 1}), "BAD_ID"),
        (RunWf(wf_spec="hello", wf_run_id="a" * 64, variables={"n": 1}), "BAD_ID"),
        (RunWf(wf_spec="hello", wf_run_id="a.b", variables={"n": 1}), "BAD_ID"),
        (
            RunWf(wf_spec="hello", wf_run_id="a", variables={"n": 1, "s": "x" * 300_000}),
            "BAD_VALUE",
        ),
    ],
)
def test_starts_that_are_refused_change_nothing(memory: Driver, command: RunWf, code: str) -> None:
    """Each by its code; only the clock may move."""
    variables = (declared("n", "INT", required=True), declared("s", "STR"))
    register(memory, "hello", chain(variables=variables))
    before = memory.digests()
    refused(memory, command, code)
    assert memory.digests() == before


LOOPING = spec("a", {"a": event("e", edge("exit")), "exit": ends()})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "$: 'entrypoint' is missing"),
        ({"entrypoint": "main", "threads": {}}, "0 threads"),
        ({"entrypoint": "other", "threads": chain()["threads"]}, "entrypoint thread 'other'"),
        ([1, 2], "$: an object is expected, not JSON_ARR"),
        (
            spec("a", {"a": {"type": "NOVEL"}}),
            "$.threads.main.nodes.a.type: 'NOVEL' is none of ['ENTRYPOINT'",
        ),
        (spec("a", {"a": task("greet", edge("nowhere")), "exit": ends()}), "leads to 'nowhere'"),
        (spec("a", {"a": task("greet"), "exit": ends()}), "no edge leads on"),
        (spec("a", {"a": task("greet", edge("a"))}), "no EXIT node"),
        (spec("exit", {"exit": ends(), "lost": task("greet", edge("exit"))}), "can not be reached"),
        (chain(task("greet", inputs={"x": literal(1)})), "has no input 'x'"),
        (chain(task("typed")), "input 'n' of TaskDef 'typed' is not given"),
        (chain(task("typed", inputs={"n": literal("x")})), "is not INT"),
        (chain(task("typed", inputs={"n": variable("no")})), "there is no variable 'no'"),
        (chain(task("typed", inputs={"n": output_of("no")})), "there is no node 'no'"),
        (chain(task("greet", max_attempts=0)), "n1.max_attempts: 0 is below 1"),
        (chain(task("greet", timeout_ms=0)), "n1.timeout_ms: 0 is below 1"),
        (
            chain(task("greet", surprise=1)),
            "nodes.n1: there is no field 'surprise'; there are ['allow_failure'",
        ),
        (chain(task("greet", backoff={"base_ms": -1})), "backoff wants"),
        (chain(variables=(declared("a", "INT"), declared("a", "INT"))), "declared twice"),
        (chain(variables=(declared("a", "INT", default="x"),)), "default of variable 'a'"),
        (chain(variables=(declared("a b", "INT"),)), "is no name"),
        (chain(returns=variable("a", "no path")), "must begin with '$'"),
        (
            spec("a", {"a": task("greet", edge("exit", x=literal(1))), "exit": ends()}),
            "changes 'x', which is no variable",
        ),
        (
            spec("a", {"a": task("greet", edge("exit", literal(1))), "exit": ends()}),
            "condition of an edge",
        ),
        (
            {"entrypoint": "main", "threads": {"main": {"nodes": {"exit": ends()}}}},
            "0 ENTRYPOINT nodes",
        ),
        (spec("0-entrypoint", {"exit": ends()}), "can not be reached"),
        (chain(sleeps(until=literal("tomorrow"))), "until: "),
        (chain(sleeps(until=literal(5))), "until: "),
        (
            threads(chain(starts_each("child", literal("abc"))), child=chain(nop())),
            "iterable is STR, and no array",
        ),
        (chain(waits_for(literal("1"))), "neither the number of a thread nor an array"),
        (spec("exit", {"exit": throws("KILLED")}), "operators and the engine"),
    ],
)
def test_a_spec_with_a_mistake_is_refused_by_name(memory: Driver, body: Any, says: str) -> None:
    """Every mistake that can be seen at registration is refused then."""
    accepted(memory, a_task_def("greet"))
    accepted(memory, a_task_def("typed", n="INT"))
    answer = refused(memory, PutWfSpec(name="wrong", spec=body), "BAD_SPEC")
    assert says in answer.message
    assert memory.get(WfSpec, "wrong", 1) is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (chain(task("late")), "TaskDef 'late' is not registered"),
        (chain(event("go")), "ExternalEventDef 'go' is not registered"),
        (chain(task("late"), event("go")), "register it first; thread 'main'"),
        (chain(task("greet"), variables=(declared("a", "STRUCT<s>"),)), "StructDef 's' is not"),
    ],
)
def test_a_spec_before_what_it_names_is_right_a_moment_later(
    memory: Driver, body: Any, says: str
) -> None:
    """The refusal is not remembered: the same command, under the same id, is taken then (R12)."""
    accepted(memory, a_task_def("greet"))
    put = PutWfSpec(name="early", spec=body)
    for _ in range(2):
        answer = refused(memory, put, "DEFINITION_UNKNOWN", command_id="put")
        assert says in answer.message
        assert not answer.repeated
    accepted(memory, a_task_def("late"))
    accepted(memory, PutExternalEventDef(name="go"))
    accepted(memory, PutStructDef(name="s", fields=[{"name": "n", "type": "INT"}]))
    accepted(memory, put, command_id="put")
    assert accepted(memory, put, command_id="put").repeated


@pytest.mark.parametrize(
    "body",
    [
        chain(task("late"), task("greet", backoff={"base_ms": -1})),
        chain(task("late"), variables=(declared("a", "INT", default="x"),)),
        spec("exit", {"exit": ends(), "lost": task("late", edge("exit"))}),
        chain(*[task("late") for _ in range(30)], task("greet", backoff={"base_ms": -1})),
    ],
)
def test_a_spec_that_time_alone_does_not_mend_stays_refused(memory: Driver, body: Any) -> None:
    """Whatever else it lacks, and however much: that refusal is remembered."""
    accepted(memory, a_task_def("greet"))
    put = PutWfSpec(name="wrong", spec=body)
    refused(memory, put, "BAD_SPEC", command_id="put")
    accepted(memory, a_task_def("late"))
    assert refused(memory, put, "BAD_SPEC", command_id="put").repeated


@pytest.mark.fault(36)
def test_a_cycle_that_neither_waits_nor_chooses_is_refused(memory: Driver) -> None:
    """It would spin for ever."""
    nodes = {
        "x": {"type": "ENTRYPOINT", "edges": [edge("x")]},
        "exit": ends(),
    }
    body = {"entrypoint": "main", "threads": {"main": {"nodes": nodes}}}
    answer = refused(memory, PutWfSpec(name="spin", spec=body), "BAD_SPEC")
    assert "neither a wait nor a condition" in answer.message


def _exits(*returns: Any, throws_besides: bool = False) -> Any:
    """A thread that ends in one of several ways."""
    nodes: dict[str, Any] = {f"z{number}": ends(one) for number, one in enumerate(returns)}
    if throws_besides:
        nodes["broken"] = throws("no-luck", content=literal({}))
    edges = [
        edge(name, compare(variable("v"), "EQUALS", literal(number)))
        for number, name in enumerate(nodes)
    ]
    nodes["a"] = nop(*edges)
    return spec("a", nodes, declared("v", "INT"), declared("any", "JSON_OBJ"))


@pytest.mark.parametrize(
    "agreed",
    [
        _exits(None, None),
        _exits(variable("v"), literal(3)),
        _exits(variable("any", "$.a"), literal("x"), literal(None), literal("y")),
        _exits(literal("x"), throws_besides=True),
        _exits(None, throws_besides=True),
    ],
)
def test_exits_that_agree_on_what_is_returned(memory: Driver, agreed: Any) -> None:
    """What only the run can tell agrees with anything; what fails returns nothing."""
    accepted(memory, PutWfSpec(name="agreed", spec=agreed))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (_exits(None, literal(1)), "node 'z1': it returns INT, but 'z0' returns nothing"),
        (_exits(literal("x"), None), "node 'z1': it returns nothing, but 'z0' returns STR"),
        (_exits(literal(1), literal(1.5)), "node 'z1': it returns DOUBLE, but 'z0' returns INT"),
        (_exits(literal(None), literal(1), literal("x")), "'z2': it returns STR, but 'z1'"),
    ],
)
def test_exits_that_do_not_agree_are_refused(memory: Driver, broken: Any, says: str) -> None:
    """In any thread: whoever waits for it must know what comes."""
    assert says in refused(memory, PutWfSpec(name="broken", spec=broken), "BAD_SPEC").message
    below = PutWfSpec(name="broken", spec=threads(chain(starts("other")), other=broken))
    answer = refused(memory, below, "BAD_SPEC")
    assert "thread 'other'" in answer.message
