"""Flows are read whole, or refused with all their mistakes, each at its line and column."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.flows.document import FlowError, read
from penstock.flows.durations import duration_ms
from penstock.flows.kinds import BY_NAME, KINDS
from penstock.flows.model import Flow, Limit, Retry
from penstock.flows.reader import read_flow

HEAD = "id: f\nnamespace: company.team\n"


def flow(tasks: str) -> Flow:
    return read_flow(HEAD + "tasks:\n" + tasks)


def mistakes(document: str) -> list[str]:
    with pytest.raises(FlowError) as refused:
        read_flow(document)
    return [str(mistake) for mistake in refused.value.mistakes]


def test_the_flow_of_the_task_run_page() -> None:
    found = read_flow(
        "id: taskrun\nnamespace: company.team\n\ntasks:\n  - id: return\n"
        '    type: io.kestra.plugin.core.debug.Return \n    format: "{{ taskrun }}"\n'
    )
    [task] = found.tasks
    assert (found.id, found.namespace, task.id) == ("taskrun", "company.team", "return")
    assert task.kind is BY_NAME["return"]
    assert task.given == {"format": "{{ taskrun }}"}


def test_tasks_below_tasks() -> None:
    found = flow(
        "  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n    values: [a, 1]\n"
        "    tasks:\n      - {id: in, type: log, message: x}\n"
        "      - {id: off, type: log, message: x, disabled: true}\n"
        "    errors:\n      - {id: oh, type: log, message: y}\n"
        "  - id: way\n    type: switch\n    value: '{{ inputs.x }}'\n    cases:\n"
        "      a: [{id: A, type: return}]\n      b: [{id: B, type: return}]\n"
        "  - id: d\n    type: dag\n    tasks:\n      - task: {id: d1, type: return}\n"
        "      - task: {id: d2, type: return}\n        dependsOn: [d1]\n"
    )
    each, way, dag = found.tasks
    assert [task.id for task in each.bodies["tasks"]] == ["in"]
    assert [task.id for task in each.errors] == ["oh"]
    assert {case: body[0].id for case, body in way.cases.items()} == {"a": "A", "b": "B"}
    assert dag.depends_on == {"d1": (), "d2": ("d1",)}


def test_what_a_flow_may_say_besides() -> None:
    found = read_flow(
        HEAD + "description: d\ninputs:\n  - {id: n, type: INT, defaults: 5, required: false}\n"
        "variables: {greeting: 'hi {{ inputs.n }}'}\nlabels: {team: a}\n"
        "retry: {type: exponential, interval: PT1S, maxInterval: PT1M, maxAttempts: 4}\n"
        "concurrency: {limit: 2, behavior: FAIL}\n"
        "triggers: [{id: t, type: schedule, cron: '0 9 * * *'}]\n"
        "outputs: [{id: o, type: INT, value: '{{ outputs.a.value }}'}]\n"
        "tasks: [{id: a, type: return, timeout: PT1H, runIf: '{{ inputs.n }}'}]\n"
        "errors: [{id: e, type: log, message: m}]\nfinally: [{id: z, type: log, message: m}]\n"
    )
    assert found.inputs[0].defaults == 5
    assert found.retry == Retry(
        "exponential", max_attempts=4, interval_ms=1_000, max_interval_ms=60_000
    )
    assert found.limit == Limit(2, "FAIL")
    assert (found.triggers[0].type, found.triggers[0].given["cron"]) == ("schedule", "0 9 * * *")
    assert (found.tasks[0].timeout_ms, found.tasks[0].run_if) == (3_600_000, "{{ inputs.n }}")
    assert [task.id for task in (*found.errors, *found.at_last)] == ["e", "z"]


def test_each_mistake_has_its_place_and_what_to_do() -> None:
    found = mistakes(
        "id: a b\nnamespce: x\ntasks:\n  - id: r\n    type: retrun\n  - id: r\n    type: return\n"
        '    format: "{{ a b }}"\n    allowFailure: yes\n    timeout: 5\n'
        "  - {id: s, type: sleep}\n  - {id: p, type: parallel, concurrent: -1, tasks: 5}\n"
    )
    assert [line.partition(": ")[0] for line in found] == [
        "line 1, column 1",
        "line 1, column 5",
        "line 2, column 1",
        "line 5, column 11",
        "line 6, column 9",
        "line 8, column 19",
        "line 9, column 19",
        "line 10, column 14",
        "line 11, column 5",
        "line 12, column 41",
        "line 12, column 52",
    ]
    assert "did you mean 'namespace'?" in found[2]
    assert "did you mean 'return'?" in found[3]
    assert "line 4 already" in found[4]
    assert "template: 'b' is not expected here" in found[5]


WRONG = [
    ("", "empty"),
    ("- 1", "a flow is a mapping"),
    ("a: [", "no YAML"),
    ("id: x\nid: y", "stands here twice"),
    ("? [a]\n: 1", "a key must be text"),
    ("x: &a [*a]", "nested deeper"),
    ("a: " + "[" * 3_000, "no YAML"),
    ("a: " + "[" * 200 + "]" * 200, "nested deeper"),
    ("x" * 600_000, "characters"),
    (HEAD, "has no tasks"),
    (HEAD + "tasks: []", "at least one task"),
    (HEAD + "tasks: [{id: a, type: return, disabled: true}]", "at least one task"),
    (HEAD + "tasks: [{type: return}]", "wants id"),
    (HEAD + "tasks: [{id: a}]", "wants a type"),
    (HEAD + "tasks: [{id: a, type: com.acme.Own}]", "taskDef"),
    (HEAD + "tasks: [{id: a, type: log, message: x, level: LOUD}]", "one of TRACE"),
    (HEAD + "tasks: [{id: a, type: dag, tasks: [{id: b, type: return}]}]", "dependsOn"),
    (HEAD + "inputs: [{id: n, type: NUMBER}]\ntasks: [{id: a, type: return}]", "type is one of"),
    (HEAD + "labels: {system.x: 1}\ntasks: [{id: a, type: return}]", "are ours"),
    (HEAD + "triggers: [{id: t, type: moon}]\ntasks: [{id: a, type: return}]", "schedule, webhook"),
    (HEAD + "concurrency: {limit: 0}\ntasks: [{id: a, type: return}]", "1 or more"),
]


@pytest.mark.parametrize(("document", "said"), WRONG)
def test_what_is_no_flow_is_refused(document: str, said: str) -> None:
    assert any(said in line for line in mistakes(document)), mistakes(document)


RETRIES = [
    ("{type: often}", "constant, exponential or random"),
    ("{type: constant}", "wants an interval"),
    ("{type: random, minInterval: PT5S}", "random wants"),
    ("{type: random, minInterval: PT5S, maxInterval: PT5S}", "random wants"),
    ("{type: exponential, interval: PT5S, maxInterval: PT5S}", "below maxInterval"),
    ("{type: exponential, interval: PT5S, delayFactor: 0.5}", "delayFactor"),
    ("{type: constant, interval: PT5S, maxDuration: PT5S}", "above the interval"),
    ("{type: constant, interval: PT5S, maxAttempt: 0}", "1 or more"),
    ("{type: constant, interval: PT5S, behavior: GIVE_UP}", "behavior is"),
]


@pytest.mark.parametrize(("retry", "said"), RETRIES)
def test_a_retry_that_makes_no_sense_is_refused(retry: str, said: str) -> None:
    document = HEAD + f"retry: {retry}\ntasks: [{{id: a, type: return}}]"
    assert any(said in line for line in mistakes(document)), mistakes(document)


def test_words_that_look_like_others_are_text() -> None:
    """`yes`, `on` and times are text; true, null and numbers are not."""
    found = read("[yes, on, 12:30, '5', 5, 1.5, true, null, ~, 2024-01-01]").plain
    assert found == ["yes", "on", "12:30", "5", 5, 1.5, True, None, None, "2024-01-01"]


def test_an_anchor_may_be_used_again() -> None:
    found = flow(
        "  - &base {id: a, type: return, retry: {type: constant, interval: PT1S}}\n"
        "  - {<<: *base, id: b}\n"
    )
    assert found.tasks[0].retry == found.tasks[1].retry


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("PT1S", 1_000),
        ("PT0.5S", 500),
        ("P1DT2H3M4S", 93_784_000),
        ("P2W", 1_209_600_000),
        ("PT", None),
        ("P", None),
        ("1h", None),
        ("", None),
    ],
)
def test_durations(text: str, ms: int | None) -> None:
    assert duration_ms(text) == ms


def test_names_are_one_kind_each() -> None:
    names = [name for kind in KINDS for name in (kind.name, *kind.aliases)]
    assert len(names) == len(set(names)) == len(BY_NAME)


@pytest.mark.parametrize(
    ("old", "name"),
    [
        ("io.kestra.core.tasks.executions.Fail", "fail"),
        ("io.kestra.plugin.fs.http.Request", "http-request"),
        ("io.kestra.core.tasks.flows.Flow", "subflow"),
    ],
)
def test_old_names_of_kinds_are_taken(old: str, name: str) -> None:
    assert BY_NAME[old].name == name


@pytest.mark.parametrize(
    ("old", "more", "kind"),
    [
        ("Schedule", "cron: '0 9 * * *'", "schedule"),
        ("Webhook", "key: a-key-0123456789", "webhook"),
        ("Flow", "namespace: o, flowId: g", "flow"),
    ],
)
def test_old_names_of_triggers_are_taken(old: str, more: str, kind: str) -> None:
    name = f"io.kestra.core.models.triggers.types.{old}"
    found = read_flow(
        HEAD + f"triggers: [{{id: t, type: {name}, {more}}}]\ntasks: [{{id: a, type: return}}]"
    )
    assert [one.type for one in found.triggers] == [kind]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abid:[]{}-&*!|>'\"\n #,?%@`\t0~<é", max_size=60))
@example("!!python/object:os.system {}")
@example("a: !!binary x")
@example("\x00")
def test_no_text_raises_anything_else(document: str) -> None:
    with contextlib.suppress(FlowError):
        read_flow(document)
