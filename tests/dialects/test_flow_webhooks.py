"""Flows that are started by inbound webhooks."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.run_by_webhook import RunByWebhook
from penstock.core.definitions.webhooks import Webhook, opens
from penstock.flows.compiler import compile_flow
from penstock.flows.document import FlowError
from penstock.flows.reader import read_flow
from penstock.flows.schema import flow_schema
from tests.dialects.bench import FlowRun, deploy, start
from tests.flows.accepted import accepts
from tests.scenarios.driver import Driver

KEY = "orders-key-0123456789"
HEAD = "id: f\nnamespace: company.team\n"
SAYS = (
    "tasks:\n  - id: a\n    type: return\n"
    "    format: \"{{ trigger.body.x ?? 'nobody' }} {{ trigger.parameters.q[0] ?? '' }}\"\n"
)
HOOK = f"triggers:\n  - id: on-order\n    type: webhook\n    key: {KEY}\n"
FLOW = HEAD + SAYS + HOOK
NAME = "company.team.f.on-order"


def posted(driver: Driver, body: Any, **more: Any) -> FlowRun:
    """A request that starts a run, once the run's partition knows the webhook."""
    driver.wait_until_open()
    wf_run_id = driver.new_id()
    command = RunByWebhook(NAME, wf_run_id, body, **more)
    while (answer := driver.send(command)).code == "WEBHOOK_UNKNOWN":
        pass
    assert answer.ok, answer
    return FlowRun(driver, wf_run_id)


def test_a_request_starts_a_flow(driver: Driver) -> None:
    """Its templates know the request, and so does whoever looks at the execution."""
    deploy(driver, FLOW)
    flow = posted(driver, {"x": "Ada"}, parameters={"q": ["1"]}, headers={"x-event": ["made"]})
    flow.works().completes(None)
    assert flow.only("a")["outputs"] == {"value": "Ada 1"}
    shown = flow.execution
    assert shown["trigger"] == {
        "id": "on-order",
        "type": "webhook",
        "variables": {
            "body": {"x": "Ada"},
            "headers": {"x-event": ["made"]},
            "parameters": {"q": ["1"]},
        },
    }
    assert {"key": "system.trigger", "value": "on-order"} in shown["labels"]
    assert "trigger" not in shown.get("inputs", {})


def test_a_run_that_nobody_posted_for(memory: Driver) -> None:
    """It knows of no request."""
    flow = start(memory, deploy(memory, FLOW)).works()
    flow.completes(None)
    assert flow.only("a")["outputs"] == {"value": "nobody "}
    assert "trigger" not in flow.execution


def test_inputs_are_made_of_the_request(memory: Driver) -> None:
    """Below blocks `trigger` is the same; of a subflow the trigger is its caller."""
    flow = HEAD + (
        "inputs: [{id: n, type: INT}, {id: who, type: STRING, defaults: nobody}]\n"
        "tasks:\n  - id: s\n    type: sequential\n    tasks:\n"
        "      - {id: a, type: return, format: '{{ inputs.n + 1 }} {{ inputs.who }}"
        " {{ trigger.id }}'}\n"
        + HOOK
        + "    inputs: {n: '{{ trigger.body.n }}'}\n    headers: [X-Event]\n"
    )
    deploy(memory, flow)
    run = posted(memory, {"n": 41}).works()
    run.completes(None)
    assert run.only("a")["outputs"] == {"value": "42 nobody on-order"}
    assert run.execution["inputs"] == {"n": 41, "who": "nobody"}
    kept = memory.get(Webhook, NAME)
    assert kept is not None and kept.headers == ("x-event",)
    assert opens(kept, NAME, KEY) and not opens(kept, NAME, KEY + "x")


def test_it_compiles_to_one_command_without_its_key() -> None:
    """By either name of its type; a flow that is disabled has none."""
    *_, hook = compile_flow(read_flow(FLOW)).definitions
    assert isinstance(hook, PutWebhook) and KEY not in repr(hook)
    other = FLOW.replace("type: webhook", "type: io.kestra.plugin.core.trigger.Webhook")
    assert compile_flow(read_flow(other)).definitions[-1] == hook
    assert accepts(flow_schema(), other)
    off = compile_flow(read_flow(FLOW + "disabled: true\n")).definitions
    assert not any(isinstance(one, PutWebhook) for one in off)


@pytest.mark.parametrize(
    ("flow", "said"),
    [
        (FLOW.replace(KEY, "short"), "a key has 16-128"),
        (FLOW.replace(KEY, "\"{{ secret('KEY') }}\""), "a key has 16-128"),
        (FLOW.replace(f"    key: {KEY}\n", ""), "wants key"),
        (FLOW.replace("on-order", "on.order"), "stands in an address"),
        (FLOW.replace("on-order", "'on order'"), "stands in an address"),
        (FLOW + "    headers: [Cookie]\n", "may hold a credential"),
        (FLOW + "    headers: 7\n", "headers is a list"),
        (FLOW + "    inputs: {n: 1}\n", "the flow has no input 'n'"),
        (FLOW + "    inputs: {n: '{{'}\n", "column"),
        (FLOW + "inputs: [{id: n, type: INT}]\n", "input 'n' is required"),
        (FLOW + "    conditions: []\n", "has no 'conditions'"),
    ],
)
def test_a_mistake_is_told(flow: str, said: str) -> None:
    with pytest.raises(FlowError) as caught:
        compile_flow(read_flow(flow))
    assert said in str(caught.value)
