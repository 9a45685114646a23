"""Each kind of task does what it says, besides what test_flows.py shows of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.ids import partition_of_run
from penstock.core.state.rows import Rows
from penstock.core.state.run import ThreadRun
from penstock.core.state.thread_rows import ChildRun
from tests.dialects.bench import FlowRun, deploy, run_flow, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted

HEAD = "id: f\nnamespace: company.team\n"
INNER = "id: inner\nnamespace: company.team\n"


def ended(flow: FlowRun) -> dict[str, str]:
    """The state of each task run, by its task."""
    found = flow.execution.get("taskRunList", [])
    return {one["taskId"]: one["state"]["current"] for one in found}


def below(flow: FlowRun) -> list[object]:
    """What the runs below have returned, in their order."""
    view = flow.driver.processor.view(partition_of_run(flow.id, flow.driver.topics.partitions))
    assert view is not None
    rows = Rows(view)
    children = [row.child for row in rows.scan(ChildRun, "default", flow.id)]
    found = [rows.peek(ThreadRun, "default", child, 0) for child in children]
    return sorted((one.output for one in found if one is not None), key=str)


def test_what_decides_is_an_output(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n"
        "  - {id: one, type: if, condition: '{{ 1 == 1 }}', then: [{id: y, type: return}]}\n"
        "  - {id: two, type: if, condition: '0', then: [{id: n, type: return}]}\n"
        "  - {id: three, type: switch, value: '{{ 2 }}', cases: {'2': [{id: c, type: return}]}}\n"
        "  - {id: four, type: switch, value: x, defaults: [{id: d, type: return}]}\n"
        "  - id: all\n    type: return\n    format: >-\n"
        "      {{ outputs.one.evaluationResult }} {{ outputs.two.evaluationResult }}"
        " {{ outputs.three.value }}\n",
    )
    flow.completes(None)
    assert flow.only("one")["outputs"] == {"evaluationResult": True}
    assert flow.only("two")["outputs"] == {"evaluationResult": False}
    assert flow.only("three")["outputs"] == {"value": "2", "defaults": False}
    assert flow.only("four")["outputs"] == {"value": "x", "defaults": True}
    assert flow.only("all")["outputs"] == {"value": "true false 2"}
    assert {*ended(flow)} == {"one", "two", "three", "four", "y", "c", "d", "all"}


def test_several_texts_are_logged_at_once(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "inputs: [{id: n, type: INT}]\n"
        "tasks: [{id: say, type: log, message: [hello, '{{ inputs.n }} of {{ flow.id }}', 7]}]\n",
        n=3,
    )
    flow.completes(None)
    assert [line["message"] for line in flow.lines()] == ["hello", "3 of f", "7"]


def test_a_request_says_who_asks(memory: Driver) -> None:
    """By the name of a credential, which the worker has; it is not shown."""
    name = deploy(
        memory,
        HEAD + "tasks: [{id: ask, type: http-request, uri: 'https://api.crm.example/',"
        " auth: {type: bearer, secret: crm}}]\n",
    )
    flow = start(memory, name)
    [task] = memory.tasks("http-request")
    assert task.inputs["auth"] == {"type": "bearer", "secret": "crm"}
    assert "crm" not in str(flow.execution)


def test_blocks_of_which_all_is_disabled(memory: Driver) -> None:
    off = "tasks: [{id: o%d, type: return, disabled: true}]"
    flow = run_flow(
        memory,
        HEAD + "tasks:\n"
        f"  - {{id: a, type: sequential, {off % 1}}}\n"
        f"  - {{id: b, type: parallel, {off % 2}}}\n"
        "  - {id: c, type: dag, tasks: [{task: {id: o3, type: return, disabled: true}}]}\n"
        f"  - {{id: d, type: for-each, values: [1], {off % 4}}}\n"
        f"  - {{id: e, type: each-parallel, value: [1], {off % 5}}}\n",
    )
    flow.completes(None)
    assert ended(flow) == dict.fromkeys("abcde", "SUCCESS")


def test_a_dag_waits_for_nobody_who_is_disabled(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: d\n    type: dag\n    concurrent: 1\n    tasks:\n"
        "      - {task: {id: b, type: return}, dependsOn: [a, off, a]}\n"
        "      - {task: {id: off, type: return, disabled: true}}\n"
        "      - {task: {id: a, type: return}}\n",
    )
    flow.completes(None)
    assert [one["taskId"] for one in flow.execution["taskRunList"]] == ["d", "a", "b"]


def test_names_that_look_like_those_of_the_compiler(memory: Driver) -> None:
    """A task may be called as a thread of another one is."""
    flow = run_flow(
        memory,
        HEAD + "inputs: [{id: start, type: ENUM, values: [x]}]\ntasks:\n"
        "  - id: at\n    type: sequential\n"
        "    tasks: [{id: main, type: return}]\n    errors: [{id: oh, type: return}]\n"
        "  - id: p\n    type: parallel\n"
        "    tasks: [{id: tasks, type: return}, {id: errors, type: return}]\n"
        "  - id: q\n    type: each-parallel\n    value: [1]\n"
        "    tasks: [{id: each, type: return}, {id: way, type: return}]\n"
        "errors: [{id: body, type: return}]\nfinally: [{id: z, type: return}]\n",
        start="x",
    )
    flow.completes(None)
    assert set(ended(flow).values()) == {"SUCCESS"}
    assert {*ended(flow)} == {*["at", "main", "p", "tasks", "errors", "q", "each", "way", "z"]}


def test_tasks_at_once_as_many_as_may_be(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: p\n    type: parallel\n    concurrent: 2\n    tasks:\n"
        "      - {id: a, type: pause}\n      - {id: b, type: pause}\n"
        "      - {id: c, type: pause}\n",
    )
    assert {*ended(flow)} == {"p", "a", "b"}
    for _ in range(3):
        accepted(memory, PutExternalEvent(flow.id, "flow.resume"))
    flow.works().completes(None)
    assert ended(flow)["c"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["for-each", "each-sequential"])
def test_one_value_after_another(memory: Driver, kind: str) -> None:
    key = "values" if kind == "for-each" else "value"
    flow = run_flow(
        memory,
        HEAD + f'tasks:\n  - id: e\n    type: {kind}\n    {key}: \'["x", 1, {{"k": 2}}]\'\n'
        "    tasks: [{id: a, type: return, format: '{{ taskrun.value }}'},"
        " {id: b, type: return, format: '{{ taskrun.iteration }}'}]\n",
    )
    flow.completes(None)
    found = [
        (one["taskId"], one["value"], one["outputs"]["value"])
        for one in flow.execution["taskRunList"][1:]
    ]
    assert found == [
        *[("a", "x", "x"), ("b", "x", "0")],
        *[("a", "1", "1"), ("b", "1", "1")],
        *[("a", '{"k":2}', '{"k":2}'), ("b", '{"k":2}', "2")],
    ]


def test_no_value_may_be_nothing(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks: [{id: e, type: for-each, values: [1, null],"
        " tasks: [{id: a, type: return}]}]\n",
    )
    assert ended(flow) == {"e": "FAILED"}


def test_no_values_are_a_success(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks: [{id: e, type: for-each, values: '{{ [] }}',"
        " tasks: [{id: a, type: return}]}]\n",
    )
    flow.completes(None)
    assert ended(flow) == {"e": "SUCCESS"}


def test_each_pair_of_value_and_task_may_run_at_once(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks: [{id: e, type: each-parallel, value: [x, y],"
        " tasks: [{id: a, type: pause}, {id: b, type: pause}]}]\n",
    )
    found = [(one["taskId"], one.get("value")) for one in flow.execution["taskRunList"]]
    assert sorted(found[1:]) == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]


def test_a_loop_that_ends_unfulfilled(memory: Driver) -> None:
    tasks = "tasks: [{id: n, type: return, format: '{{ taskrun.iteration }}'}]"
    often = "checkFrequency: {interval: PT1S, maxIterations: 2}"
    flow = run_flow(
        memory,
        HEAD + f"tasks:\n  - {{id: w, type: loop-until, condition: '{{{{ 1 == 2 }}}}', {often},"
        f" {tasks}}}\n",
    )
    memory.pass_ms(1_000)
    flow.works().completes(None)
    assert flow.only("w")["outputs"] == {"iterationCount": 2}
    strict = run_flow(
        memory,
        f"id: strict\nnamespace: company.team\ntasks:\n  - {{id: w, type: loop-until, condition:"
        f" '{{{{ 1 == 2 }}}}', failOnMaxReached: true, {often}, {tasks}}}\n",
    )
    memory.pass_ms(1_000)
    strict.works()
    assert strict.states("w")[-1] == "FAILED"
    assert len(strict.task_runs("n")) == 2


def test_a_pause_that_ends_by_itself_and_one_that_fails(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - {id: a, type: pause, delay: PT2S, timeout: PT1H}\n"
        "  - {id: b, type: pause, timeout: PT3S}\n",
    )
    memory.pass_ms(2_000)
    assert flow.states("a") == ["CREATED", "RUNNING", "PAUSED", "SUCCESS"]
    assert flow.states("b") == ["CREATED", "RUNNING", "PAUSED"]
    memory.pass_ms(3_000)
    assert flow.states("b")[-1] == "FAILED"
    assert flow.states()[-1] == "FAILED"


def test_what_comes_of_a_flow_below(memory: Driver) -> None:
    """Its id, its state and its outputs; labels go down if that is said."""
    deploy(
        memory,
        INNER + "inputs: [{id: x, type: INT}]\ntasks:\n"
        "  - {id: i, type: return, format: '{{ labels.a }} {{ labels.b }} {{ labels.team }}'}\n"
        "outputs: [{id: y, type: INT, value: '{{ inputs.x }}'},"
        " {id: seen, type: STRING, value: '{{ outputs.i.value }}'}]\n",
    )
    flow = run_flow(
        memory,
        HEAD + "labels: {team: t, a: 1}\ntasks:\n"
        "  - {id: sub, type: subflow, namespace: company.team, flowId: inner, inputs: {x: 4},"
        " inheritLabels: true, labels: {a: 'own', b: '{{ flow.id }}'}}\n",
    )
    flow.completes(None)
    outputs = flow.only("sub")["outputs"]
    assert outputs["state"] == "SUCCESS"
    assert outputs["outputs"] == {"y": 4, "seen": "own f t"}
    assert outputs["executionId"].startswith(flow.id)


def test_a_failure_below_is_this_ones_or_not(memory: Driver) -> None:
    deploy(memory, INNER + "tasks: [{id: i, type: fail}]\n")
    sub = "type: subflow, namespace: company.team, flowId: inner"
    flow = run_flow(
        memory,
        HEAD + f"tasks:\n  - {{id: quiet, {sub}, transmitFailed: false}}\n"
        f"  - {{id: away, {sub}, wait: false}}\n"
        f"  - {{id: soft, {sub}, allowFailure: true}}\n  - {{id: loud, {sub}}}\n"
        "  - {id: never, type: return}\n",
    )
    assert ended(flow) == {
        "quiet": "SUCCESS",
        "away": "SUCCESS",
        "soft": "WARNING",
        "loud": "FAILED",
    }
    assert flow.only("quiet")["outputs"]["state"] == "FAILED"
    assert flow.only("away")["outputs"]["state"] == "CREATED"


def test_a_run_for_each_batch(memory: Driver) -> None:
    deploy(
        memory,
        INNER + "inputs: [{id: rows, type: ARRAY}, {id: n, type: INT}]\n"
        "tasks: [{id: i, type: return, format: '{{ inputs.n }}: {{ inputs.rows }}'}]\n"
        "outputs: [{id: y, type: STRING, value: '{{ outputs.i.value }}'}]\n",
    )
    flow = run_flow(
        memory,
        HEAD + "inputs: [{id: all, type: ARRAY}]\ntasks:\n"
        "  - {id: each, type: for-each-item, items: '{{ inputs.all }}', batch: {rows: 2},"
        " namespace: company.team, flowId: inner,"
        " inputs: {rows: '{{ taskrun.items }}', n: '{{ taskrun.iteration }}'}}\n"
        "  - {id: after, type: return, format: '{{ outputs.each }}'}\n",
        all=["a", "b", "c"],
    )
    flow.completes(None)
    given = [{"y": '1: ["a","b"]'}, {"y": '2: ["c"]'}]
    outputs: dict[str, Any] = {"numberOfBatches": 2}
    outputs["subflowOutputs"] = {"1": given[0], "2": given[1]}
    outputs["iterations"] = {"SUCCESS": 2}
    assert flow.only("each")["outputs"] == outputs
    assert below(flow) == given
    assert json.loads(flow.only("after")["outputs"]["value"]) == outputs


def test_outputs_of_flows_below_are_read_by_value(memory: Driver) -> None:
    deploy(
        memory,
        INNER + "inputs: [{id: n, type: STRING}]\ntasks: [{id: i, type: return}]\n"
        "outputs: [{id: y, type: STRING, value: '<{{ inputs.n }}>'}]\n",
    )
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: each\n    type: for-each\n    values: [a, b]\n    tasks:\n"
        "      - {id: sub, type: subflow, namespace: company.team, flowId: inner,"
        " inputs: {n: '{{ taskrun.value }}'}}\n"
        "  - {id: after, type: return, format: '{{ outputs.sub.a.outputs.y }}"
        "{{ outputs.sub.b.outputs.y }}'}\n",
    )
    flow.completes(None)
    assert flow.only("after")["outputs"] == {"value": "<a><b>"}


def test_a_disabled_flow_says_so(memory: Driver) -> None:
    flow = run_flow(memory, HEAD + "disabled: true\ntasks: [{id: a, type: return}]\n")
    assert flow.states()[-1] == "FAILED"
    assert flow.execution.get("taskRunList", []) == []


def test_outputs_that_can_not_be_rendered_fail_the_run(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks: [{id: a, type: return, format: x}]\n"
        "outputs: [{id: y, type: INT, value: '{{ outputs.a.value }}'}]\n",
    )
    assert flow.only("a")["state"]["current"] == "SUCCESS"
    assert flow.states()[-1] == "FAILED"


def test_inputs_of_each_type_and_their_defaults(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "inputs:\n"
        "  - {id: s, type: STRING, defaults: 5}\n  - {id: i, type: INT, defaults: '7'}\n"
        "  - {id: f, type: FLOAT, defaults: 1}\n  - {id: b, type: BOOLEAN, defaults: true}\n"
        "  - {id: o, type: JSON, defaults: '{\"k\": 1}'}\n  - {id: l, type: JSON, defaults: [1]}\n"
        "  - {id: a, type: ARRAY, defaults: '[2]'}\n  - {id: e, type: ENUM, values: [x, y]}\n"
        "  - {id: d, type: DATETIME, defaults: '2026-01-02T03:04:05Z'}\n"
        "  - {id: n, type: STRING, required: false}\n"
        "tasks:\n  - id: all\n    type: return\n    format: >-\n"
        "      {{ inputs.s }} {{ inputs.i + 1 }} {{ inputs.f }} {{ inputs.b }} {{ inputs.o.k }}"
        " {{ inputs.l[0] }} {{ inputs.a[0] }} {{ inputs.e }} {{ inputs.d }}"
        " {{ inputs.n ?? 'none' }}\n",
        e="y",
    )
    flow.completes(None)
    said = flow.only("all")["outputs"]["value"]
    assert said == "5 8 1.0 true 1 1 2 y 2026-01-02T03:04:05.000Z none"


def test_a_value_that_is_not_allowed(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "inputs: [{id: e, type: ENUM, values: [x]}]\n"
        "tasks: [{id: a, type: return}]\nfinally: [{id: z, type: return}]\n",
        e="y",
    )
    assert flow.states()[-1] == "FAILED"
    assert flow.execution.get("taskRunList", []) == []
