"""What templates look up below `inputs`, `vars` and `outputs` is declared, or refused with its
place; what only a run can tell is taken.
"""

from __future__ import annotations

import pytest

from penstock.builtin.http_request import HttpAnswer
from penstock.builtin.send_webhook import Delivered
from penstock.builtin.tasks import Returned
from penstock.flows.compiler import compile_flow
from penstock.flows.compiler.declared import GIVES
from penstock.flows.document import FlowError
from penstock.flows.kinds import KINDS
from penstock.flows.reader import read_flow

FLOW = """\
id: f
namespace: company.team
inputs:
  - {id: n, type: INT}
  - {id: order, type: JSON}
  - {id: items, type: ARRAY}
  - {id: due-date, type: DATE}
variables:
  greeting: hello
  limits: {small: 1, large: {most: 9}}
  list: [a, b]
triggers:
  - {id: hook, type: webhook, key: a-key-0123456789, inputs: {n: "{{ trigger.body.n }}",
     order: "{{ trigger.body }}", items: "{{ trigger.body.items }}", due-date: "{{ trigger.id }}"}}
  - {id: ended, type: flow, namespace: company.other, flowId: o, inputs: {n: "{{ outputs.theirs }}",
     order: "{{ trigger.outputs.any }}", items: "{{ outputs.x.y }}", due-date: "{{ state }}"}}
tasks:
  - {id: said, type: return, format: x}
  - {id: line, type: log, message: x}
  - {id: get, type: http-request, uri: "http://x"}
  - {id: posted, type: send-webhook, url: "http://x"}
  - {id: own, type: task, taskDef: mine}
  - {id: my-own, type: task, taskDef: mine}
  - {id: rest, type: sleep, duration: PT1S}
  - {id: agree, type: pause, onResume: [{id: by, type: STRING}, {id: how, type: JSON}]}
  - {id: wait, type: pause}
  - {id: sub, type: subflow, namespace: company.team, flowId: g}
  - {id: batches, type: for-each-item, namespace: company.team, flowId: g, items: "{{ [1] }}"}
  - {id: off, type: return, disabled: true}
  - {id: gone, type: sequential, disabled: true, tasks: [{id: within, type: return}]}
  - id: block
    type: sequential
    tasks:
      - {id: inner, type: return, format: x}
    errors:
      - {id: mended, type: return, format: x}
  - id: each
    type: for-each
    values: [a, b]
    tasks:
      - {id: one, type: return, format: x}
      - id: way
        type: if
        condition: "{{ inputs.n }}"
        then:
          - {id: yes, type: return, format: x}
      - id: deeper
        type: each-parallel
        value: [c]
        tasks:
          - {id: two, type: http-request, uri: "http://x"}
    errors:
      - {id: beside, type: return, format: x}
  - id: choose
    type: switch
    value: x
    cases:
      x: [{id: case, type: return, format: x}]
    defaults: [{id: none, type: return, format: x}]
  - id: loop
    type: loop-until
    condition: "{{ outputs.round.value == outputs.loop.iterationCount }}"
    tasks: [{id: round, type: return, format: x}]
  - id: graph
    type: dag
    tasks:
      - task: {id: d1, type: return, format: x}
      - task: {id: d2, type: return, format: x}
        dependsOn: [d1]
  - {id: reads, type: return, format: "SAID"}
errors:
  - {id: failed, type: return, format: x}
finally:
  - {id: last, type: return, format: x}
outputs:
  - {id: out, value: "{{ outputs.said.value }}"}
"""


ONE = "tasks: [{id: a, type: return}]\n"


def flow(said: str) -> str:
    return FLOW.replace("SAID", said.replace('"', '\\"'))


def mistakes(said: str) -> list[str]:
    with pytest.raises(FlowError) as refused:
        compile_flow(read_flow(flow(said)))
    return [str(mistake) for mistake in refused.value.mistakes]


DECLARED = [
    "{{ inputs.n }} {{ inputs['n'] }} {{ inputs.order }} {{ inputs.order.any.thing[0] }}",
    "{{ inputs.items[0].any }} {{ inputs[outputs.own.key] }} {{ inputs }} {{ inputs['due-date'] }}",
    "{{ vars.greeting }} {{ vars['limits'].small }} {{ vars.limits.large.most }} {{ vars }}",
    "{{ vars.list[0].x }} {{ vars[inputs.order.k] }} {{ vars.limits[inputs.order.k].most }}",
    "{{ render(vars.greeting) }} {{ n }} {{ trigger.anything.at.all }}",
    "{{ outputs.said.value }} {{ outputs['said']['value'] }} {{ outputs.said }} {{ outputs }}",
    "{{ outputs.line }} {{ outputs.rest }}",
    "{{ outputs.get.code }} {{ outputs.get.headers.location }} {{ outputs.get.body }}",
    "{{ outputs.posted.webhook_id }} {{ outputs.own.any.thing }} {{ outputs['my-own'].x }}",
    "{{ outputs.agree.onResume.by }} {{ outputs.agree.onResume.how.any }}",
    "{{ outputs.wait.onResume }} {{ outputs.wait.onResume.any }}",
    "{{ outputs.sub.executionId }} {{ outputs.sub.state }} {{ outputs.sub.outputs.any.thing }}",
    "{{ outputs.batches.numberOfBatches }} {{ outputs.batches.subflowOutputs[2].any }}",
    "{{ outputs.batches.subflowOutputs['2'].any }}",
    "{{ outputs.inner.value }} {{ outputs.mended.value }} {{ outputs.beside.value }}",
    "{{ outputs.one.a.value }} {{ outputs.one[taskrun.value].value }} {{ outputs.one.any }}",
    "{{ outputs.one['x y'].value }} {{ outputs.one[0].value }}",
    "{{ outputs.way.b.evaluationResult }} {{ outputs.way[0] }}",
    "{{ outputs.yes.a.value }} {{ outputs.two.a.c.code }} {{ outputs.two[inputs.n].c.headers.h }}",
    "{{ currentEachOutput(outputs.one).value }} {{ currentEachOutput(outputs.two).any }}",
    "{{ outputs.choose.value }} {{ outputs.choose.defaults }} {{ outputs.case.value }}",
    "{{ outputs.none.value }} {{ outputs.loop.iterationCount }} {{ outputs.round.value }}",
    "{{ outputs.d1.value }} {{ outputs.d2.value }} {{ outputs.failed.value }}",
    "{{ outputs.last.value }} {{ outputs.reads.value }}",
    "{{ outputs[task.id].any }} {{ outputs[inputs.order.name].any }}",
    "{{ parent.outputs.any }} {{ parents[0].outputs.any }} {{ parent.taskrun.value }}",
    # What a template can do without.
    "{{ inputs.nn ?? 1 }} {{ inputs.nn | default(1) }} {{ inputs.nn.x ??? 1 }}",
    "{{ outputs.zzz.value ?? inputs.nn ?? vars.q ?? 1 }} {{ (outputs.zzz.x ?? inputs.n) ~ 1 }}",
    "{{ currentEachOutput(outputs.zzz) ?? 1 }} {{ outputs.said.vlue | default('x') | upper }}",
    "{{ vars.q is defined ? vars.q : 1 }} {{ outputs.zzz is defined and outputs.zzz.value > 1 }}",
    "{% if outputs.zzz is defined %}{{ outputs.zzz.value }}{% endif %}",
    "{% if outputs.said.vlue is not null %}{{ outputs.said.vlue.x }}{% endif %}",
    "{% if outputs.own[task.id] is defined %}{{ outputs.own[task.id].x }}{% endif %}",
    "{% if inputs.nn is empty %}{{ inputs.nn }}{% endif %}",
    # What it sets itself, and what is no template.
    "{% set inputs = {'nn': 1} %}{{ inputs.nn }}",
    "{% for vars in [{'q': 1}] %}{{ vars.q }}{% endfor %}",
    "{% raw %}{{ inputs.nn }}{% endraw %}{# {{ inputs.nn }} #}",
]


@pytest.mark.parametrize("said", DECLARED)
def test_what_is_declared_or_need_not_be_there_is_taken(said: str) -> None:
    compile_flow(read_flow(flow(said)))


UNDECLARED = [
    ("inputs.nn", "inputs.nn", "did you mean 'inputs.n'?"),
    ("inputs.zz", "inputs.zz", "there are due-date, items, n, order"),
    ("inputs.n.x", "inputs.n.x", "there is nothing below 'inputs.n'"),
    ("inputs['nn'].x", "inputs.nn", "did you mean 'inputs.n'?"),
    ("vars.q", "vars.q", "there are greeting, limits, list"),
    ("vars.greting", "vars.greting", "did you mean 'vars.greeting'?"),
    ("vars.limits.smal", "vars.limits.smal", "did you mean 'vars.limits.small'?"),
    ("vars.limits.large.least", "vars.limits.large.least", "there are most"),
    ("outputs.zzz", "outputs.zzz", "there are agree, batches, beside, case, choose, d1, d2, fai"),
    ("outputs.zzz[0].x", "outputs.zzz", "and 18 more"),
    ("outputs.sad.value", "outputs.sad", "did you mean 'outputs.said'?"),
    ("outputs.said.vlue", "outputs.said.vlue", "did you mean 'outputs.said.value'?"),
    ("outputs.said.value.x", "outputs.said.value.x", "there is nothing below"),
    ("outputs.line.value", "outputs.line.value", "there is nothing below 'outputs.line'"),
    ("outputs.get.status", "outputs.get.status", "there are body, code, encoding, headers, uri"),
    ("outputs.agree.by", "outputs.agree.by", "there are onResume"),
    ("outputs.agree.onResume.bye", "outputs.agree.onResume.bye", "did you mean 'outputs.agree.on"),
    ("outputs.sub.output.y", "outputs.sub.output", "did you mean 'outputs.sub.outputs'?"),
    ("outputs.batches.count", "outputs.batches.count", "numberOfBatches, subflowOutputs"),
    ("outputs.one.a.vlue", "outputs.one.a.vlue", "did you mean 'outputs.one.a.value'?"),
    ("outputs.one[taskrun.value].vlue", "outputs.one[...].vlue", "did you mean 'outputs.one[..."),
    ("outputs.two.a.c.status", "outputs.two.a.c.status", "there are body, code"),
    ("outputs.loop.count", "outputs.loop.count", "there are iterationCount"),
    ("outputs.off.value", "outputs.off", "task 'off' is disabled"),
    ("outputs.within.value", "outputs.within", "task 'within' is disabled"),
    ("outputs.block.inner", "outputs.block", "task 'block' gives no outputs"),
    ("outputs.each", "outputs.each", "task 'each' gives no outputs"),
    ("outputs.graph.d1", "outputs.graph", "task 'graph' gives no outputs"),
    ("currentEachOutput(outputs.zzz).value", "outputs.zzz", "there are"),
    ("(inputs.nn | upper) ?? 1", "inputs.nn", "did you mean 'inputs.n'?"),
    ("inputs.n ?? 1 ~ vars.q", "vars.q", "there are"),
    ("outputs.said is defined ? inputs.nn : 1", "inputs.nn", "did you mean"),
    ("[{'k': inputs.nn}]", "inputs.nn", "did you mean"),
    ("inputs.order[inputs.nn]", "inputs.nn", "did you mean"),
]


@pytest.mark.parametrize(("expression", "path", "said"), UNDECLARED)
def test_what_nothing_declares_is_refused_with_its_place(
    expression: str, path: str, said: str
) -> None:
    found = mistakes("x {{ " + expression + " }}")
    assert len(found) == 1, found
    name = path.partition(".")[0]
    line = next(number for number, text in enumerate(FLOW.split("\n"), 1) if "SAID" in text)
    column = FLOW.split("\n")[line - 1].index("SAID") + 1
    column += ("x {{ " + expression).index(_written(expression, path, name))
    assert found[0].startswith(f"line {line}, column {column}: "), found
    assert f"reads {path!r}, which is never there; " in found[0]
    assert said in found[0]


def _written(expression: str, path: str, name: str) -> str:
    """The path as the expression has it, as far as both are written alike."""
    return path if path in expression else name


@pytest.mark.parametrize(
    ("expression", "meant"),
    [("inputs.due-date", "inputs['due-date']"), ("outputs.my-own.x", "outputs['my-own']")],
)
def test_a_name_with_a_dash_wants_brackets(expression: str, meant: str) -> None:
    assert f'did you mean "{meant}"?' in mistakes("{{ " + expression + " }}")[0]


def test_statements_want_it_too() -> None:
    found = mistakes(
        "{% set a = inputs.nn %}{% if vars.q %}{% for i in outputs.zzz %}{% endfor %}{% endif %}"
    )
    names = ("inputs.nn", "vars.q", "outputs.zzz")
    assert [name in one for one, name in zip(found, names, strict=True)] == [True] * 3


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("tasks: [{id: a, type: return, runIf: '{{ inputs.x }}'}]", "nothing below 'inputs'"),
        ("tasks: [{id: a, type: log, message: [x, '{{ inputs.x }}']}]", "nothing below 'inputs'"),
        ("variables: {x: '{{ vars.y }}'}\ntasks: [{id: a, type: return}]", "there are x"),
        (
            "tasks: [{id: a, type: if, condition: '{{ outputs.b }}', then: []}]",
            "there are a",
        ),
        (ONE + "errors: [{id: e, type: log, message: '{{ inputs.x }}'}]", "'inputs.x'"),
        (ONE + "finally: [{id: e, type: log, message: '{{ inputs.x }}'}]", "'inputs.x'"),
        (ONE + "outputs: [{id: o, value: '{{ outputs.b.value }}'}]", "'outputs.b'"),
    ],
)
def test_wherever_a_template_stands(rest: str, said: str) -> None:
    with pytest.raises(FlowError, match="which is never there") as refused:
        compile_flow(read_flow(f"id: f\nnamespace: company.team\n{rest}\n"))
    assert said in str(refused.value)


def test_without_variables_there_is_one_mistake() -> None:
    document = "id: f\nnamespace: c\ntasks: [{id: a, type: return, format: '{{ vars.x }}'}]\n"
    with pytest.raises(FlowError) as refused:
        compile_flow(read_flow(document))
    assert len(refused.value.mistakes) == 1


def test_what_each_kind_gives_is_said() -> None:
    """What the engine's own tasks return, and nothing for blocks that only have others below."""
    for kind, struct in {
        "return": Returned,
        "http-request": HttpAnswer,
        "send-webhook": Delivered,
    }.items():
        assert {*GIVES[kind].named} == {*struct.__struct_fields__}
    silent = {kind.name for kind in KINDS} - GIVES.keys() - {"pause"}
    assert silent == {
        *("sequential", "parallel", "dag", "allow-failure"),
        *("for-each", "each-sequential", "each-parallel"),
    }
