"""Flows do what they say."""

from __future__ import annotations

from penstock.core.commands.put_external_event import PutExternalEvent
from tests.dialects.bench import deploy, run_flow
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused

HEAD = "id: f\nnamespace: company.team\n"


def test_a_choice_is_made_once_where_the_task_stands(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n"
        "  - id: each\n    type: for-each\n    values: [1, two, {a: 1}]\n    tasks:\n"
        "      - id: way\n        type: if\n        condition: \"{{ taskrun.value == 'two' }}\"\n"
        '        then: [{id: yes, type: return, format: "{{ parent.taskrun.value }}"}]\n'
        '        else: [{id: no, type: return, format: "{{ parents[0].taskrun.value }}"}]\n'
        "  - id: of\n    type: switch\n    value: \"{{ outputs['yes'].two.value }}\"\n"
        "    cases:\n      one: [{id: one, type: return}]\n      two: [{id: two, type: return}]\n"
        "    defaults: [{id: none, type: return}]\n",
    )
    flow.completes(None)
    assert [one["outputs"]["value"] for one in flow.task_runs("no")] == ["1", '{"a":1}']
    assert [one["outputs"]["value"] for one in flow.task_runs("yes")] == ["two"]
    assert [one["value"] for one in flow.task_runs("way")] == ["1", "two", '{"a":1}']
    assert len(flow.task_runs("two")) == 1
    assert flow.task_runs("one") == flow.task_runs("none") == []
    way = flow.task_runs("way")[1]
    assert flow.task_runs("yes")[0]["parentTaskRunId"] == way["id"]
    assert way["parentTaskRunId"] == flow.only("each")["id"]


def test_a_dag_keeps_its_order(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: d\n    type: dag\n    tasks:\n"
        "      - {task: {id: c, type: return, format: x}, dependsOn: [a, b]}\n"
        "      - {task: {id: a, type: return, format: x}}\n"
        "      - {task: {id: b, type: return, format: x}, dependsOn: [a]}\n",
    )
    flow.completes(None)
    assert [one["taskId"] for one in flow.execution["taskRunList"]] == ["d", "a", "b", "c"]


def test_errors_and_what_is_run_at_last(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - {id: bad, type: fail, errorMessage: 'no {{ flow.id }}'}\n"
        "  - {id: never, type: return}\n"
        "errors: [{id: oh, type: return, format: seen}]\n"
        "finally: [{id: z, type: return, format: last}]\n",
    )
    assert flow.states() == ["CREATED", "RUNNING", "FAILED"]
    order = [(one["taskId"], one["state"]["current"]) for one in flow.execution["taskRunList"]]
    assert order == [("bad", "FAILED"), ("oh", "SUCCESS"), ("z", "SUCCESS")]
    assert flow.task_runs("never") == []


def test_what_is_run_at_last_is_run_after_a_success_too(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks: [{id: a, type: return, format: x}]\n"
        "errors: [{id: oh, type: return}]\nfinally: [{id: z, type: return}]\n"
        "outputs: [{id: n, type: STRING, value: '{{ outputs.a.value }}!'}]\n",
    )
    flow.completes({"n": "x!"})
    assert [one["taskId"] for one in flow.execution["taskRunList"]] == ["a", "z"]


def test_a_failure_that_is_allowed(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: soft\n    type: allow-failure\n"
        "    tasks: [{id: bad, type: fail}]\n    errors: [{id: oh, type: return}]\n"
        "  - {id: after, type: return}\n",
    )
    assert flow.states() == ["CREATED", "RUNNING", "WARNING"]
    order = [(one["taskId"], one["state"]["current"]) for one in flow.execution["taskRunList"]]
    assert order == [
        ("soft", "WARNING"),
        ("bad", "FAILED"),
        ("oh", "SUCCESS"),
        ("after", "SUCCESS"),
    ]


def test_a_loop_until_its_condition_holds(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: loop\n    type: loop-until\n"
        "    condition: \"{{ outputs.n.value == '3' }}\"\n"
        "    checkFrequency: {interval: PT2S}\n"
        '    tasks: [{id: n, type: return, format: "{{ taskrun.iteration }}"}]\n',
    )
    for _ in range(2):
        memory.pass_ms(2_000)
        flow.works()
    flow.completes(None)
    assert [one["outputs"]["value"] for one in flow.task_runs("n")] == ["1", "2", "3"]


def test_what_was_done_in_a_round_keeps_its_number(memory: Driver) -> None:
    """The rounds behind it change nothing."""
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: loop\n    type: loop-until\n"
        "    condition: \"{{ outputs.n.value == '3' }}\"\n"
        "    tasks:\n      - {id: a, type: return}\n"
        '      - {id: n, type: return, format: "{{ taskrun.iteration }}"}\n'
        "      - {id: s, type: sequential, tasks: [{id: deep, type: return}]}\n",
    )
    for round_ in range(1, 4):
        for name in ("a", "n", "s"):
            assert [one["iteration"] for one in flow.task_runs(name)] == [*range(1, round_ + 1)]
        memory.pass_ms(1_000)
        flow.works()
    flow.completes(None)
    assert not any("iteration" in one for one in flow.task_runs("deep"))


def test_a_pause_waits_for_inputs_of_their_types(memory: Driver) -> None:
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: wait\n    type: pause\n"
        "    onResume: [{id: ok, type: BOOLEAN}, {id: why, type: STRING, required: false}]\n"
        '  - {id: a, type: return, format: "{{ outputs.wait.onResume.ok }}"}\n',
    )
    assert flow.states() == ["CREATED", "RUNNING", "PAUSED"]
    event = "company.team.f.wait"
    refused(memory, PutExternalEvent(flow.id, event, content={"ok": "perhaps"}), "BAD_VALUE")
    accepted(memory, PutExternalEvent(flow.id, event, content={"ok": True}))
    flow.works().completes(None)
    assert flow.only("a")["outputs"] == {"value": "true"}
    assert flow.states("wait") == ["CREATED", "RUNNING", "PAUSED", "SUCCESS"]


def test_a_flow_below_another(memory: Driver) -> None:
    deploy(
        memory,
        "id: inner\nnamespace: company.team\ninputs: [{id: x, type: INT}]\n"
        "tasks: [{id: i, type: return, format: '{{ inputs.x + 1 }}'}]\n"
        "outputs: [{id: y, type: INT, value: '{{ outputs.i.value }}'}]\n",
    )
    flow = run_flow(
        memory,
        HEAD + "tasks:\n  - id: sub\n    type: subflow\n    namespace: company.team\n"
        "    flowId: inner\n    inputs: {x: 41}\n"
        '  - {id: a, type: return, format: "{{ outputs.sub.outputs.y }}"}\n',
    )
    flow.completes(None)
    assert flow.only("a")["outputs"] == {"value": "42"}
    assert [one["taskId"] for one in flow.execution["taskRunList"]] == ["sub", "a"]
