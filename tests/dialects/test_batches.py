"""A run of another flow for each of several batches: what these give, and how many are how far."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.transitions import ThreadStatus
from penstock.core.views.kestra import outputs
from penstock.flows.compiler import compile_flow
from penstock.flows.reader import read_flow
from tests.dialects.bench import BUILTIN, FlowRun, deploy, run_flow, start, task_def_of
from tests.dialects.many import Many
from tests.dialects.test_k17_again import replay
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story

HEAD = "id: f\nnamespace: company.team\n"
INNER = "id: inner\nnamespace: company.team\n"
HAND = PutTaskDef("hand")
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
WARNS = (
    "tasks:\n  - {id: soft, type: fail, allowFailure: true, condition: '{{ inputs.n == 4 }}'}\n"
    "  - {id: w, type: task, taskDef: hand}\n"
)
SAID = "'{{ outputs.each.iterations }}'"
BATCHES = 1_200


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


def test_of_very_many_batches_the_node_has_counted(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has ended, as it has; all others are at work, or were when all was killed."""
    monkeypatch.setattr(outputs, "BATCHES_COUNTED_MAX", 1)
    flow, one, other = batches(memory)
    assert told(flow) == {"numberOfBatches": 2, "iterations": {"RUNNING": 2}}
    one.fails()
    assert told(flow)["iterations"] == {"FAILED": 1, "RUNNING": 1}
    other.starts()
    memory.pass_ms(10)
    flow.is_killed(0).ends_with("KILLED")
    assert told(flow)["iterations"] == {"FAILED": 1, "KILLED": 1}
    memory.pass_ms(10)
    flow.is_begun_again().is_now("RUNNING")
    assert told(flow)["iterations"] == {"RUNNING": 2}
    one, other = at_work(memory)
    one.succeeds({"v": "A"})
    assert told(flow)["iterations"] == {"RUNNING": 1, "SUCCESS": 1}
    other.succeeds({"v": "B"})
    assert told(flow)["iterations"] == {"SUCCESS": 2}
    flow.works().completes(None)


def test_a_batch_costs_what_the_first_did() -> None:
    """However many there are; and more than the view looks at are counted."""
    inner = INNER + "tasks: [{id: w, type: task, taskDef: hand}]\n"
    flow = (
        "id: many\nnamespace: company.team\ninputs: [{id: all, type: ARRAY}]\ntasks:\n"
        "  - {id: each, type: for-each-item, items: '{{ inputs.all }}',"
        " namespace: company.team, flowId: inner}\n"
        "  - {id: after, type: return, format: '{{ outputs.each.iterations.SUCCESS }}'}\n"
    )
    deployed = [*compile_flow(read_flow(inner)).definitions]
    returns = PutTaskDef(**task_def_of(BUILTIN["return"]))
    many = Many(flow, HAND, returns, *deployed, all=[*range(BATCHES)])
    first = many.work(100)
    many.work(BATCHES - 250)
    assert many.work(100) == pytest.approx(first, rel=0.02)
    states = many.published("each", "iterations")
    assert states == {"RUNNING": 50, "SUCCESS": BATCHES - 50}
    many.work(50)
    [last] = many.tasks
    assert last.inputs == {"value": str(BATCHES)}
    many.work(1)
    assert many.run.status is ThreadStatus.COMPLETED


@pytest.mark.parametrize("how", ["", ", transmitFailed: false", ", allowFailure: true"])
def test_templates_see_how_many_there_are_of_each(memory: Driver, how: str) -> None:
    """In `errors` of the task, and behind it: however a failure is taken."""
    deploy(memory, INNER + "inputs: [{id: n, type: INT}]\n" + WARNS, HAND)
    each = (
        "tasks:\n  - {id: each, type: for-each-item, items: '{{ [1, 2, 3, 4] }}',"
        " namespace: company.team, flowId: inner, inputs: {n: '{{ taskrun.iteration }}'}"
        f"{how},\n     errors: [{{id: oh, type: return, format: {SAID}}}]}}\n"
        f"  - {{id: after, type: return, format: {SAID}}}\n"
    )
    flow = start(memory, deploy(memory, HEAD + each)).works("return", "fail")
    first, second, third, fourth = sorted(
        (Story(memory, one.wf_run_id).has(one) for one in memory.tasks("hand", 4)),
        key=lambda one: one.value("n"),
    )
    first.succeeds()
    second.fails()
    third.starts().is_killed(0)
    fourth.succeeds()
    flow.works()
    said = {"FAILED": 1, "KILLED": 1, "SUCCESS": 1, "WARNING": 1}
    name = "after" if how else "oh"
    assert json.loads(flow.only(name)["outputs"]["value"]) == said
    assert told(flow)["iterations"] == said


def test_a_replay_counts_anew(memory: Driver) -> None:
    """From within a batch: what had ended well before counts there, too."""
    flow, one, other = batches(memory)
    one.succeeds({"v": "A"})
    other.fails()
    flow.ends_with("CHILD_FAILURE")
    memory.pass_ms(10)
    again = replay(flow, guid=flow.only("each")["id"])
    both = at_work(memory)
    for story, value in zip(both, "CD", strict=True):
        story.succeeds({"v": value})
    again.works().completes(None)
    assert told(again)["iterations"] == {"SUCCESS": 2}
    assert again.only("after")["outputs"] == {"value": "C D"}
    assert told(flow)["iterations"] == {"FAILED": 1, "SUCCESS": 1}


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
            "iterations": {"SUCCESS": 2},
            "subflowOutputs": {str(n): {"y": f"{value}{n}"} for n in (1, 2)},
        }
        for value in "pq"
    }
    assert again["subflowOutputs"] == {"1": {"y": "2!"}}
    shown = [one["outputs"].get("subflowOutputs") for one in flow.task_runs("again")]
    assert shown == [None, {"1": {"y": "2!"}}]
    assert [one["outputs"]["iterations"] for one in flow.task_runs("each")] == [{"SUCCESS": 2}] * 2
