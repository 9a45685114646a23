"""What can be read but not be done is a mistake with its place, and never passed over."""

from __future__ import annotations

import pytest

from penstock.flows.compiler import compile_flow
from penstock.flows.document import FlowError
from penstock.flows.kinds import BY_NAME, Kind
from penstock.flows.reader import read_flow

HEAD = "id: f\nnamespace: company.team\n"
ONE = "tasks: [{id: a, type: return}]\n"


def mistakes(document: str) -> list[str]:
    with pytest.raises(FlowError) as refused:
        compile_flow(read_flow(document))
    return [str(mistake) for mistake in refused.value.mistakes]


def of_task(rest: str) -> str:
    return HEAD + f"tasks:\n  - {{id: a, {rest}}}\n"


def of_dag(*items: str) -> str:
    return (
        HEAD
        + "tasks:\n  - id: d\n    type: dag\n    tasks:\n"
        + "".join(
            f"      - {{task: {{id: {name}, type: return}}, dependsOn: {after}}}\n"
            for name, after in (item.split(" ", 1) for item in items)
        )
    )


SUB = "type: subflow, namespace: company.team, flowId: g"
REFUSED = [
    (of_task("type: return, logLevel: INFO"), 4, "has no 'logLevel'"),
    (of_task("type: sleep, duration: PT1S, timeout: PT1M"), 4, "a sleep has no timeout"),
    (of_task("type: sleep, duration: '{{ inputs.x }}'"), 4, "is a duration such as PT5M"),
    (of_task("type: sleep, duration: P90000000W"), 4, "too long a time"),
    (of_task("type: pause, retry: {type: constant, interval: PT1S}"), 4, "not tried again"),
    (of_task("type: pause, delay: PT1S, pauseDuration: PT1S"), 4, "another name of delay"),
    (of_task("type: pause, onResume: [{id: x, type: INT, defaults: 1}]"), 4, "no defaults"),
    (of_task("type: switch, value: x"), 4, "wants cases, or defaults"),
    (of_task("type: if, condition: '', then: []"), 4, "condition is empty"),
    (of_task("type: task, taskDef: t, inputs: [x]"), 4, "inputs is a mapping, not a list"),
    (of_task("type: subflow, namespace: company.team, flowId: f"), 4, "may not run itself"),
    (of_task(f"{SUB}, revision: 0"), 4, "revisions count from 1"),
    (of_task(f"{SUB}, revision: '{{{{ inputs.n }}}}'"), 4, "revision is a whole number"),
    (of_task(f"{SUB}, scheduleDate: soon"), 4, "scheduleDate 'soon' is no moment"),
    (of_task(f"{SUB}, wait: '{{{{ inputs.w }}}}'"), 4, "wait is true or false"),
    (of_task(f"{SUB}, labels: [{{key: x}}]"), 4, "a label is {key: ..., value: ...}"),
    (of_task(f"{SUB}, labels: {{x: [1]}}"), 4, "label 'x' is text, not a list"),
    (of_task(f"{SUB.replace('subflow', 'for-each-item')}, items: 'a {{{{ 1 }}}}'"), 4, "gives a"),
    (of_dag("a []", "b [c]"), 8, "the dag has no task 'c'"),
    (of_dag("first []", "b [frist]"), 8, "did you mean 'first'?"),
    (of_dag("a [b]", "b [c]", "c [a]"), 7, "wait for each other: "),
    (of_dag("a [a]"), 7, "wait for each other: a -> a"),
    (HEAD + ONE + "revision: 2\n", 4, "revision is counted by the engine"),
    (HEAD + ONE + "labels: {a: '{{ inputs.x }}'}\n", 4, "is no template"),
    (HEAD + ONE + "inputs: [{id: a.b, type: INT}]\n", 4, "input 'a.b': use "),
    (HEAD + ONE + "inputs: [{id: vars, type: INT}]\n", 4, "but not INDEX or INPUT or trigger or"),
    (HEAD + ONE + "inputs: [{id: a, type: ENUM}]\n", 4, "wants values"),
    (HEAD + ONE + "inputs: [{id: a, type: INT, values: [1]}]\n", 4, "no values"),
    (HEAD + ONE + "inputs: [{id: a, type: INT, defaults: x}]\n", 4, "is no INT"),
    (HEAD + ONE + "outputs: [{id: a, type: NUMBER, value: 1}]\n", 4, "type is one of"),
    (HEAD + ONE + "outputs: [{id: a, value: 1}, {id: a, value: 2}]\n", 4, "two outputs 'a'"),
    (HEAD + ONE + "retry: {type: exponential, interval: PT1S, delayFactor: x}\n", 4, "delayFactor"),
    (HEAD + ONE + "triggers: [{id: t, type: schedule}]\n", 4, "wants cron"),
    (HEAD + ONE + "triggers: [{id: t, type: schedule, cron: x}]\n", 4, "cron 'x'"),
    (
        HEAD + ONE + "triggers: [{id: t, type: schedule, cron: '0 9 * * *', timezone: no zone}]\n",
        4,
        "timezone 'no zone' is none",
    ),
    (
        HEAD + ONE + "triggers: [{id: t, type: schedule, cron: '0 9 * * *', backfill: {}}]\n",
        4,
        "has no 'backfill'",
    ),
    (
        HEAD + ONE + "triggers: [{id: t, type: schedule, cron: '0 9 * * *', inputs: {a: '{{ 1 }}'"
        "}}]\n",
        4,
        "no templates",
    ),
    (of_task("type: return, format: '{{ tasks.a.state }}'"), 4, "did you mean 'task'?"),
    (of_task("type: return, format: '{{ envs.home }}'"), 4, "reads 'envs', which is never there"),
    (of_task("type: return, runIf: '{{ globals.on }}'"), 4, "'globals', which is never there"),
    (of_task("type: return, format: '{{ vars.x }}'"), 4, "'vars', which is never there"),
    (of_task("type: return, format: '{{ trigger.body }}'"), 4, "'trigger', which is never there"),
    (of_task(f"{SUB}, labels: {{a: '{{{{ nope }}}}'}}"), 4, "'nope', which is never there"),
    (HEAD + ONE + "outputs: [{id: a, value: '{{ nope }}'}]\n", 4, "there are applications, "),
    (HEAD + ONE + "variables: {a: {b: '{{ nope }}'}}\n", 4, "'nope', which is never there"),
    (
        HEAD + ONE + "inputs: [{id: n, type: INT}]\n"
        "triggers: [{id: t, type: webhook, key: a-key-0123456789, inputs: {n: '{{ flow.id }}'}}]\n",
        5,
        "'flow', which is never there; there are trigger",
    ),
    (
        HEAD + ONE + "inputs: [{id: n, type: INT}]\n"
        "triggers: [{id: t, type: flow, namespace: o, flowId: g, inputs: {n: '{{ vars.x }}'}}]\n",
        5,
        "'vars', which is never there",
    ),
    (of_task("type: return, format: 'key {{ secret(\"k\") }}'"), 4, "only a worker knows a secret"),
    (of_task("type: return, runIf: '{{ secret(\"k\") }}'"), 4, "only a worker knows a secret"),
    (of_task("type: log, message: ['{{ secret(\"k\") }}']"), 4, "only a worker knows a secret"),
    (of_task("type: task, taskDef: t, inputs: {x: ['{{ secret(\"k\") }}']}"), 4, "only a worker"),
    (of_task("type: for-each, values: '{{ secret(\"k\") }}', tasks: []"), 4, "only a worker"),
    (HEAD + ONE + "outputs: [{id: a, value: '{{ secret(\"k\") }}'}]\n", 4, "only a worker"),
    (of_task("type: http-request, uri: x, headers: {'{{ 1': x}"), 4, "there is no }}"),
    (of_task("type: return, format: \"{{ inputs | jq('.a') }}\""), 4, "go over a list with {% for"),
    (of_task("type: pause, timeout: PT0S"), 4, "timeout is over at once"),
    (of_task("type: pause, delay: PT0S"), 4, "delay is over at once"),
    (of_task("type: return, timeout: PT0S"), 4, "timeout is over at once"),
    (of_task("type: return, timeout: PT0.0001S"), 4, "timeout is over at once"),
    (HEAD + ONE + "labels: {'': x}\n", 4, "a label needs a name"),
    (HEAD + ONE + "labels: [{key: '', value: x}]\n", 4, "a label needs a name"),
    (HEAD + ONE + f"labels: {{{', '.join(f'l{n}: x' for n in range(65))}}}\n", 4, "65 labels"),
    (of_task(f"{SUB}, labels: {{'': x}}"), 4, "a label needs a name"),
    (f"id: {'f' * 90}\nnamespace: {'n' * 90}\n{ONE}", 1, "too long"),
]


@pytest.mark.parametrize(("document", "line", "said"), REFUSED)
def test_a_mistake_is_told_with_its_line(document: str, line: int, said: str) -> None:
    found = mistakes(document)
    assert any(f"line {line}, " in one and said in one for one in found), found


def test_a_flow_that_is_too_large_is_told_before_it_is_deployed() -> None:
    """Its document is not, but what it compiles to."""
    text = "\u00e9" * 100_000
    tasks = "".join(f"  - {{id: t{number}, type: return, format: {text}}}\n" for number in range(3))
    [said] = mistakes(f"{HEAD}tasks:\n{tasks}")
    assert said.startswith("line 1, column 1: the spec has 6")


@pytest.mark.parametrize(
    ("kind", "name", "more"),
    [
        (kind, name, more)
        for kind, more in {
            "return": "",
            "log": "message: x",
            "fail": "",
            "http-request": "uri: x",
            "send-webhook": "url: x",
            "task": "taskDef: t",
        }.items()
        for name, known in BY_NAME[kind].properties.items()
        if known.secret
    ],
)
def test_a_secret_is_an_input_as_a_whole(kind: str, name: str, more: str) -> None:
    """Where the table of kinds says so, and nowhere else: what is deployed is told by itself."""
    secret = "'{{ secret(\"k\") }}'"
    given = f"{{k: {secret}}}" if BY_NAME[kind].properties[name].kind is Kind.MAP else secret
    besides = "" if more.startswith(f"{name}:") else more
    compile_flow(
        read_flow(of_task(", ".join(filter(None, (f"type: {kind}", besides, f"{name}: {given}")))))
    )


def test_names_that_a_run_may_have_are_taken() -> None:
    """By their place in the flow, or since the template can do without."""
    asks = "{{ n }} {{ vars.x }} {{ trigger.body ?? 1 }} {{ envs.home | default('x') }}"
    asks += "{% set own = 1 %}{{ own }}{% for i in [1] %}{{ i }}{{ loop.index }}{% endfor %}"
    asks += "{% if globals is defined %}{{ globals.x }}{% endif %}"
    inner = "{id: b, type: return, format: '{{ INPUT }} {{ INDEX }}'}"
    each = f"{{id: e, type: for-each, values: [1], tasks: [{inner}]}}"
    document = HEAD + f'tasks: [{{id: a, type: return, format: "{asks}"}}, {each}]\n'
    compile_flow(read_flow(document + "inputs: [{id: n, type: INT}]\nvariables: {x: 1}\n"))


def test_a_trigger_that_is_disabled_starts_nothing() -> None:
    flow = read_flow(
        HEAD + ONE + "triggers: [{id: t, type: schedule, cron: '0 9 * * *', disabled: true}]\n"
    )
    assert flow.triggers == ()
    [spec] = compile_flow(flow).definitions
    assert type(spec).__name__ == "PutWfSpec"
