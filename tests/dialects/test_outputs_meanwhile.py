"""What a block gives is there while it goes on: in its body, in its condition, and in the view."""

from __future__ import annotations

import pytest

from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.state.published import PublishedOutput
from tests.dialects.bench import FlowRun, deploy, run_flow, start
from tests.dialects.many import Many
from tests.dialects.test_k17_again import replay
from tests.scenarios.driver import Driver
from tests.scenarios.story import refused

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
