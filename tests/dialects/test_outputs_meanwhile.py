"""What a block gives is there while it goes on: in its body, in its condition, and in the view."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.state.published import PublishedOutput
from penstock.core.state.thread_rows import ChildRun
from penstock.core.views.kestra import outputs
from tests.dialects.bench import FlowRun, deploy, run_flow, start
from tests.dialects.many import Many
from tests.dialects.test_k17_again import replay
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, refused

HEAD = "id: f\nnamespace: company.team\n"
INNER = "id: inner\nnamespace: company.team\n"
HAND = PutTaskDef("hand")
LOOP = """
  - id: loop
    type: loop-until
    condition: "{{ %s }}"
    checkFrequency: {interval: PT0.2S}
    tasks:
      - {id: n, type: return, format: "{{ outputs.loop.iterationCount }} {{ taskrun.iteration }}"}
      - {id: s, type: sequential, tasks: [
          {id: deep, type: return, format: "{{ outputs.loop.iterationCount }}"}]}
"""


def goes_round(flow: FlowRun, *rounds: int) -> FlowRun:
    """These rounds come to their end."""
    for number in rounds:
        flow.works(until_quiet=False)
        flow.wait(lambda at=number: len(flow.task_runs("deep")) == at, "a round")
        flow.works()
        flow.driver.pass_ms(300)
    return flow


@pytest.mark.parametrize(
    "condition", ["outputs.loop.iterationCount == 3", "taskrun.iteration == 3", "INDEX == 3"]
)
def test_a_loop_tells_its_round_in_the_body_and_in_the_condition(
    memory: Driver, condition: str
) -> None:
    after = "  - {id: z, type: return, format: '{{ outputs.loop.iterationCount }}'}\n"
    flow = start(memory, deploy(memory, HEAD + "tasks:" + LOOP % condition + after))
    assert flow.only("loop")["outputs"] == {"iterationCount": 1}
    goes_round(flow, 1, 2)
    assert flow.only("loop")["outputs"] == {"iterationCount": 3}
    goes_round(flow, 3).works().completes(None)
    assert [one["outputs"]["value"] for one in flow.task_runs("n")] == ["1 1", "2 2", "3 3"]
    assert [one["outputs"]["value"] for one in flow.task_runs("deep")] == ["1", "2", "3"]
    assert flow.only("z")["outputs"] == {"value": "3"}
    assert flow.only("loop")["outputs"] == {"iterationCount": 3}


def test_a_loop_for_each_value_has_rounds_of_its_own(memory: Driver) -> None:
    """In its condition the round, and not the number of the value, is `taskrun.iteration`."""
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: each\n    type: for-each\n    values: [a, b]\n"
        "    concurrencyLimit: 0\n    tasks:\n      - id: loop\n        type: loop-until\n"
        "        condition: \"{{ taskrun.iteration == 2 and taskrun.value == 'a'"
        ' or outputs.loop[taskrun.value].iterationCount == 3 }}"\n'
        "        tasks: [{id: n, type: return,"
        ' format: "{{ outputs.loop[parent.taskrun.value].iterationCount }}"}]\n',
    )
    for _ in range(2):
        memory.pass_ms(1_000)
        flow.works()
    flow.completes(None)
    assert [one["outputs"] for one in flow.task_runs("loop")] == [
        {"iterationCount": 2},
        {"iterationCount": 3},
    ]
    assert sorted(one["outputs"]["value"] for one in flow.task_runs("n")) == [*"11223"]


def test_the_last_round_costs_what_the_first_did() -> None:
    """Each writes over what the one before has published."""
    many = Many(
        "id: many\nnamespace: company.team\ntasks:\n  - id: loop\n    type: loop-until\n"
        '    condition: "{{ outputs.loop.iterationCount == 100000 }}"\n'
        "    checkFrequency: {interval: PT0.001S, maxIterations: 100000}\n"
        "    tasks: [{id: one, type: pause}]\n"
    )
    many.end(100)
    first = many.end(100)
    many.end(1_300)
    assert many.end(100) == pytest.approx(first, rel=0.02)
    start_ = PublishedOutput.key("default", "run", "loop", "")[:-1]
    assert len([*many.engine.rows.scan(PublishedOutput, start_, start_ + b"\xff")]) == 1


def test_a_replay_from_the_first_round_counts_on_from_there(memory: Driver) -> None:
    """But for what its tasks had published in the rounds before it, which is not kept, as ever."""
    loop = (
        "tasks:\n  - id: loop\n    type: loop-until\n"
        "    condition: '{{ outputs.loop.iterationCount == 3 }}'\n"
        "    tasks:\n      - {id: n, type: return, format: '{{ outputs.loop.iterationCount }}'}\n"
        "      - {id: m, type: return, format: '{{ outputs.n.value }}'}\n"
    )
    flow = run_flow(memory, HEAD + loop)
    for _ in range(2):
        memory.pass_ms(1_000)
        flow.works()
    flow.completes(None)
    first, second, _ = flow.task_runs("n")
    again = replay(flow, guid=first["id"]).works()
    for _ in range(2):
        memory.pass_ms(1_000)
        again.works()
    again.completes(None)
    assert again.only("loop")["outputs"] == {"iterationCount": 3}
    refused(memory, ReplayWfRun(wf_run_id=flow.id, guid=second["id"]), "OLD_VALUE_GONE")


BESIDE = """
tasks:
  - id: both
    type: parallel
    tasks:
      - id: loop
        type: loop-until
        condition: "{{ outputs.loop.iterationCount == 3 }}"
        tasks: [{id: n, type: return}]
      - id: one
        type: if
        condition: "yes"
        then: [{id: y, type: return, format: "{{ outputs.one.evaluationResult }}"}]
      - {id: s, type: sequential, tasks: [{id: p, type: return}, {id: t, type: return}]}
  - {id: z, type: return, format: "{{ outputs.loop.iterationCount }} {{ outputs.one }}"}
"""


def test_a_replay_from_beside_a_loop_has_it_go_round_again(memory: Driver) -> None:
    """As any block that was at work there: what it has published since is published anew."""
    flow = run_flow(memory, HEAD + BESIDE)
    for _ in range(2):
        memory.pass_ms(1_000)
        flow.works()
    flow.completes(None)
    again = replay(flow, guid=flow.only("t")["id"]).works()
    assert again.only("loop")["outputs"] == {"iterationCount": 1}
    for _ in range(2):
        memory.pass_ms(1_000)
        again.works()
    again.completes(None)
    assert again.only("z")["outputs"] == {"value": '3 {"evaluationResult":true}'}


DECIDED = """
tasks:
  - id: round
    type: for-each
    values: [a, b]
    tasks:
      - id: one
        type: if
        condition: "{{ taskrun.value == 'a' }}"
        then: [{id: y, type: return, format: "{{ outputs.one.a.evaluationResult }}"}]
        else: [{id: n, type: return, format: "{{ outputs.one.b.evaluationResult }}"}]
  - id: two
    type: switch
    value: x
    cases: {y: [{id: never, type: return}]}
    defaults: [{id: d, type: return, format: "{{ outputs.two.value }} {{ outputs.two.defaults }}"}]
"""


def test_what_was_decided_is_there_in_the_body(memory: Driver) -> None:
    """In the view, too, and in a replay from within."""
    flow = start(memory, deploy(memory, HEAD + DECIDED))
    assert flow.only("one")["outputs"] == {"evaluationResult": True}
    flow.works().completes(None)
    assert flow.only("y")["outputs"] == {"value": "true"}
    assert flow.only("n")["outputs"] == {"value": "false"}
    assert flow.only("d")["outputs"] == {"value": "x true"}
    assert [one["outputs"]["evaluationResult"] for one in flow.task_runs("one")] == [True, False]
    for name, value in (("d", "x true"), ("n", "false"), ("y", "true")):
        again = replay(flow, guid=flow.only(name)["id"]).works()
        again.completes(None)
        assert again.only(name)["outputs"] == {"value": value}


def test_what_was_decided_stays_when_the_body_fails(memory: Driver) -> None:
    """Tasks of `errors` see it, and what comes behind, if the failure is allowed."""
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: one\n    type: if\n    condition: 'yes'\n    allowFailure: true\n"
        "    then: [{id: bad, type: fail}]\n"
        "    errors: [{id: oh, type: return, format: '{{ outputs.one.evaluationResult }}'}]\n",
    )
    flow.completes(None)
    assert flow.only("oh")["outputs"] == {"value": "true"}


EACH = """
tasks:
  - {id: each, type: for-each-item, items: "{{ ['a', 'b', 'c'] }}", batch: {rows: 2},
     namespace: company.team, flowId: inner, inputs: {n: "{{ taskrun.iteration }}"},
     transmitFailed: %s}
  - id: after
    type: return
    format: "{{ outputs.each.subflowOutputs[1].y.v }} {{ outputs.each.subflowOutputs['2'].y.v }}"
"""
GIVES = "inputs: [{id: n, type: INT}]\ntasks: [{id: w, type: task, taskDef: hand}]\n"
OUT = "outputs: [{id: y, type: JSON, value: '{{ outputs.w }}'}]\n"


def batches(driver: Driver, inner: str = GIVES + OUT, *, loud: bool = True) -> list[Any]:
    """A run with two batches, and these, whose tasks are there to be done."""
    deploy(driver, INNER + inner, HAND)
    flow = start(driver, deploy(driver, HEAD + EACH % str(loud).lower()))
    return [flow, *at_work(driver)]


def at_work(driver: Driver) -> list[Story]:
    """The runs of both batches, in their order."""
    found = [Story(driver, one.wf_run_id).has(one) for one in driver.tasks("hand", 2)]
    return sorted(found, key=lambda one: one.value("n"))


def told(flow: FlowRun) -> dict[str, Any]:
    """What the task run of the batches shows as its outputs."""
    return flow.only("each")["outputs"]


def tells(flow: FlowRun, outputs: dict[str, Any]) -> None:
    """That is what it shows, or comes to show."""
    flow.wait(lambda: told(flow) == outputs, f"{outputs}")


def test_what_runs_of_batches_give_is_found_by_their_numbers(driver: Driver) -> None:
    """And is there as soon as one has ended; the view counts runs by their states."""
    flow, one, other = batches(driver)
    tells(flow, {"numberOfBatches": 2, "iterations": {"RUNNING": 2}})
    other.succeeds({"v": "B"}).completes({"y": {"v": "B"}})
    counted = {"numberOfBatches": 2, "iterations": {"RUNNING": 1, "SUCCESS": 1}}
    tells(flow, counted | {"subflowOutputs": {"2": {"y": {"v": "B"}}}})
    one.succeeds({"v": "A"}).completes({"y": {"v": "A"}})
    flow.works().completes(None)
    assert told(flow) == {
        "numberOfBatches": 2,
        "iterations": {"SUCCESS": 2},
        "subflowOutputs": {"1": {"y": {"v": "A"}}, "2": {"y": {"v": "B"}}},
    }
    assert flow.only("after")["outputs"] == {"value": "A B"}
    again = replay(flow, guid=flow.only("after")["id"]).works()
    assert again.only("after")["outputs"] == {"value": "A B"}


def test_a_batch_without_outputs_leaves_none(memory: Driver) -> None:
    """That of a run that fails, and of a flow that has none."""
    flow, one, other = batches(memory, loud=False)
    one.succeeds({"v": "A"})
    other.fails()
    assert told(flow)["subflowOutputs"] == {"1": {"y": {"v": "A"}}}
    assert told(flow)["iterations"] == {"FAILED": 1, "SUCCESS": 1}
    flow.works().ends_with("VAR_SUB_ERROR")
    assert "subflowOutputs.2" in flow.thread.failure.message
    flow, one, other = batches(memory, GIVES)
    one.succeeds({})
    other.succeeds({})
    assert told(flow) == {"numberOfBatches": 2, "iterations": {"SUCCESS": 2}}


def test_the_run_that_took_the_place_of_another_counts(memory: Driver) -> None:
    deploy(memory, INNER + GIVES + OUT, HAND)
    policy = "retry: {type: constant, interval: PT10S, maxAttempts: 2}\n"
    flow = start(memory, deploy(memory, HEAD + policy + EACH % "true"))
    one, other = at_work(memory)
    one.fails()
    other.succeeds({"v": "B"})
    assert told(flow)["iterations"] == {"FAILED": 1, "SUCCESS": 1}
    memory.pass_ms(10_000)
    [task] = memory.tasks("hand")
    assert told(flow)["iterations"] == {"RUNNING": 1, "SUCCESS": 1}
    Story(memory, task.wf_run_id).has(task).succeeds({"v": "A"})
    flow.works().completes(None)
    assert told(flow)["iterations"] == {"SUCCESS": 2}
    assert flow.only("after")["outputs"] == {"value": "A B"}


def test_states_of_runs_below(memory: Driver) -> None:
    """Those that were paused and killed."""
    inner = "inputs: [{id: n, type: INT}]\ntasks: [{id: w, type: pause}]\n"
    deploy(memory, INNER + inner, HAND)
    flow = start(memory, deploy(memory, HEAD + EACH % "true"))
    one, other = (Story(memory, row.child) for row in memory.scan(ChildRun, flow.id))
    one.is_paused()
    assert told(flow)["iterations"] == {"PAUSED": 1, "RUNNING": 1}
    other.is_killed()
    assert told(flow)["iterations"] == {"KILLED": 1, "PAUSED": 1}


def test_of_very_many_batches_no_states_are_told(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "BATCHES_COUNTED_MAX", 1)
    flow, *_ = batches(memory)
    assert told(flow) == {"numberOfBatches": 2}


def test_what_batches_of_each_value_give_lies_below_that(memory: Driver) -> None:
    """A later round of a loop writes over an earlier one, which then shows nothing of another."""
    deploy(
        memory,
        INNER + "inputs: [{id: x, type: STRING}]\ntasks: [{id: i, type: return}]\n"
        "outputs: [{id: y, type: STRING, value: '{{ inputs.x }}'}]\n",
    )
    sub = "namespace: company.team, flowId: inner"
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: out\n    type: for-each\n    values: [p, q]\n    tasks:\n"
        "      - {id: each, type: for-each-item, items: '{{ [1, 2] }}',"
        f" {sub}, inputs: {{x: '{{{{ taskrun.value }}}}{{{{ taskrun.items[0] }}}}'}}}}\n"
        "  - id: loop\n    type: loop-until\n    condition: '{{ taskrun.iteration == 2 }}'\n"
        "    checkFrequency: {interval: PT0.001S}\n    tasks:\n"
        f"      - {{id: again, type: for-each-item, items: '{{{{ [0] }}}}', {sub},"
        " inputs: {x: '{{ outputs.loop.iterationCount }}!'}}\n"
        "  - {id: all, type: return, format: '{{ outputs.each }} {{ outputs.again }}'}\n",
    )
    memory.pass_ms(1)
    flow.works().completes(None)
    each, again = (json.loads(one) for one in flow.only("all")["outputs"]["value"].split(" "))
    assert each == {
        value: {
            "numberOfBatches": 2,
            "subflowOutputs": {str(n): {"y": f"{value}{n}"} for n in (1, 2)},
        }
        for value in "pq"
    }
    assert again["subflowOutputs"] == {"1": {"y": "2!"}}
    shown = [one["outputs"].get("subflowOutputs") for one in flow.task_runs("again")]
    assert shown == [None, {"1": {"y": "2!"}}]
    assert [one["outputs"]["iterations"] for one in flow.task_runs("each")] == [{"SUCCESS": 2}] * 2
