"""Triggers of type flow: the end of a flow's run starts another flow."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.flows.compiler import compile_flow
from penstock.flows.document import FlowError
from penstock.flows.reader import read_flow
from penstock.flows.schema import flow_schema
from tests.dialects.bench import FlowRun, deploy, start
from tests.dialects.test_k18_search import found
from tests.flows.accepted import accepts
from tests.scenarios.driver import Driver
from tests.scenarios.starting import refusals, runs_of
from tests.scenarios.story import accepted

EXTRACT = """
id: extract
namespace: company.team
inputs: [{id: fails, type: BOOLEAN, defaults: false}]
tasks:
  - {id: read, type: return, format: seven}
  - {id: stop, type: fail, condition: "{{ inputs.fails }}"}
outputs: [{id: rows, type: INT, value: 7}]
"""
HEAD = "id: transform\nnamespace: company.team\n"
ONE = "tasks: [{id: say, type: return, format: '{{ trigger.executionId }} {{ trigger.state }}'}]\n"
AFTER = HEAD + ONE + "triggers:\n  - {id: after, type: flow, %s}\n"
FLOW = "namespace: company.team, flowId: extract"


def runs(driver: Driver, count: int, name: str = "company.team.transform") -> list[FlowRun]:
    """The runs of the flow that waits, when there are so many, and have done their tasks."""
    return [FlowRun(driver, story.id).works() for story in runs_of(driver, name, count)]


def test_a_flow_starts_after_another(driver: Driver) -> None:
    """With inputs that are made of its outputs and tasks, and a trigger that templates can read."""
    deploy(
        driver,
        HEAD + "inputs: [{id: rows, type: INT}, {id: said, type: STRING}, {id: n, type: FLOAT}]\n"
        "tasks:\n  - id: all\n    type: for-each\n    values: [1]\n    tasks:\n"
        '      - {id: say, type: return, format: "{{ inputs.rows + 1 }} {{ inputs.said }}'
        ' {{ trigger.outputs.rows }} {{ trigger.flowId }}"}\n'
        "triggers:\n  - id: after\n    type: io.kestra.plugin.core.trigger.Flow\n"
        "    preconditions:\n      id: one\n"
        "      flows: [{namespace: company.team, flowId: extract, states: [SUCCESS]}]\n"
        '    inputs:\n      rows: "{{ trigger.outputs.rows }}"\n      n: 5\n'
        '      said: "{{ outputs.read.value }}!"\n',
    )
    first = start(driver, deploy(driver, EXTRACT)).works()
    [made] = runs(driver, 1)
    made.completes(None)
    assert made.only("say")["outputs"] == {"value": "8 seven! 7 extract"}
    shown = made.execution
    assert shown["inputs"] == {"rows": 7, "said": "seven!", "n": 5.0}
    about = {"namespace": "company.team", "flowId": "extract", "flowRevision": 1}
    variables = {"executionId": first.id, **about, "state": "SUCCESS"}
    assert shown["trigger"] == {"id": "after", "type": "flow", "variables": variables}
    assert {"key": "system.trigger", "value": "after"} in shown["labels"]
    by_trigger = found(driver, f"trigger_wf_run_id={first.id}")
    assert {one["executionId"] for one in by_trigger} == {made.id}
    start(driver, "company.team.extract", fails=True).works().is_now("EXCEPTION")
    runs(driver, 1)


@pytest.mark.parametrize(
    ("said", "states"),
    [
        (FLOW, ["FAILED", "KILLED", "SUCCESS"]),
        ("namespace: company.team", ["FAILED", "KILLED", "SUCCESS"]),
        (f"{FLOW}, states: [FAILED]", ["FAILED"]),
        (f"{FLOW}, labels: {{a: b}}", []),
        (
            "conditions: [{type: io.kestra.plugin.core.condition.ExecutionFlowCondition, "
            f"{FLOW}}}, {{type: ExecutionStatus, notIn: [SUCCESS, WARNING]}}]",
            ["FAILED", "KILLED"],
        ),
        ("conditions: [{type: ExecutionNamespace, namespace: company, prefix: true}]", None),
        ("conditions: [{type: ExecutionNamespace, namespace: company}]", []),
    ],
)
def test_only_what_is_wanted(memory: Driver, said: str, states: list[str] | None) -> None:
    text = AFTER % said
    assert accepts(flow_schema(), text)
    deploy(memory, text)
    name = deploy(memory, EXTRACT)
    killed = start(memory, name)
    accepted(memory, KillWfRun(wf_run_id=killed.id, deadline_ms=0))
    memory.pass_ms(1)
    ended = [killed, start(memory, name).works(), start(memory, name, fails=True).works()]
    wanted = ["FAILED", "KILLED", "SUCCESS"] if states is None else states
    found = sorted(one.only("say")["outputs"]["value"] for one in runs(memory, len(wanted)))
    assert sorted(text.split()[1] for text in found) == wanted
    assert {text.split()[0] for text in found} <= {one.id for one in ended}


def test_a_flow_that_is_run_by_hand_has_no_trigger(memory: Driver) -> None:
    by_hand = "tasks: [{id: say, type: return, format: \"{{ trigger ?? 'nobody' }}\"}]\n"
    text = HEAD + by_hand + f"triggers: [{{id: after, type: flow, {FLOW}}}]\n"
    deploy(memory, text)
    flow = start(memory, "company.team.transform").works().completes(None)
    assert flow.only("say")["outputs"] == {"value": "nobody"}
    assert "trigger" not in flow.execution


def test_a_flow_that_is_disabled_is_not_started(memory: Driver) -> None:
    deploy(memory, AFTER % FLOW + "disabled: true\n")
    start(memory, deploy(memory, EXTRACT)).works()
    runs_of(memory, "company.team.transform", 0)
    deploy(memory, AFTER % f"{FLOW}, disabled: true")
    start(memory, "company.team.extract").works()
    runs_of(memory, "company.team.transform", 0)


def test_a_start_that_fails_is_seen_at_the_flow_that_has_ended(memory: Driver) -> None:
    text = HEAD + "inputs: [{id: n, type: INT}]\n" + ONE
    deploy(
        memory,
        text
        + f"triggers: [{{id: t, type: flow, {FLOW}, inputs: {{n: '{{{{ outputs.no }}}}'}}}}]\n",
    )
    first = start(memory, deploy(memory, EXTRACT)).works()
    runs_of(memory, "company.team.transform", 0)
    assert "start 't' of WfSpec 'company.team.transform'" in refusals(first)[0]["message"]


def mistakes(document: str) -> list[str]:
    with pytest.raises(FlowError) as refused:
        compile_flow(read_flow(document))
    return [str(mistake) for mistake in refused.value.mistakes]


PRE = "preconditions: {flows: [%s]}"
NEEDS = "inputs: [{id: n, type: INT}]\n"
TWO = f"{{{FLOW}}}, {{namespace: a, flowId: b}}"
REFUSED: list[tuple[Any, Any]] = [
    (AFTER % "states: [SUCCESS]", "wants a namespace"),
    (AFTER % f"{FLOW}, states: [RUNNING]", "'RUNNING' is no end; states are some of SUCCESS"),
    (AFTER % f"{FLOW}, states: []", "leave them out for any"),
    (AFTER % "namespace: company.team, flowId: transform", "would run for ever"),
    (AFTER % "namespace: company.team, flowId: '{{ x }}'", "flowId is no template"),
    (AFTER % "namespace: '-', flowId: x", "there can be no flow"),
    (AFTER % (PRE % TWO), "with one item, not 2: a run is started by one end"),
    (AFTER % "preconditions: {flows: []}", "with one item, not 0"),
    (AFTER % f"preconditions: {{flows: [{{{FLOW}}}], timeWindow: {{}}}}", "no 'timeWindow' here"),
    (AFTER % (f"{FLOW}, " + PRE % f"{{{FLOW}}}"), "was said before"),
    (AFTER % f"{FLOW}, conditions: [{{type: DayWeek}}]", "condition 'DayWeek' is not known"),
    (AFTER % "conditions: [{type: ExecutionFlow, namespace: a}]", "ExecutionFlow wants flowId"),
    (AFTER % f"{FLOW}, conditions: [{{type: ExecutionStatus}}]", "wants in, or notIn"),
    (
        AFTER % f"{FLOW}, states: [FAILED], conditions: [{{type: ExecutionStatus, in: [KILLED]}}]",
        "there is no state",
    ),
    (
        AFTER % "conditions: [{type: ExecutionNamespace, namespace: a, comparison: SUFFIX}]",
        "comparison is EQUALS or PREFIX",
    ),
    (AFTER % f"{FLOW}, labels: {{a: [1]}}", "label 'a' is a text"),
    (AFTER % f"{FLOW}, inputs: {{no: 1}}", "the flow has no input 'no'"),
    (NEEDS + AFTER % FLOW, "does not give input 'n'"),
    (NEEDS + AFTER % f"{FLOW}, inputs: {{n: x}}", "input 'n' is no INT"),
    (AFTER % f"{FLOW}, windows: 1", "has no 'windows'"),
]


@pytest.mark.parametrize(("document", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_there_is_refused_where_it_stands(document: str, said: str) -> None:
    [found] = mistakes(document)
    assert said in found
    line = document.splitlines().index(next(x for x in document.splitlines() if "type: flow" in x))
    assert found.startswith(f"line {line + 1}, column ")
