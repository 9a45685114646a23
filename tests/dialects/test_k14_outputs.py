"""Outputs of task runs below values are found by these, outermost first."""

from __future__ import annotations

import json

from tests.dialects.bench import run_flow
from tests.scenarios.driver import Driver

FLOW = """
id: outputs
namespace: company.team
tasks:
  - id: 1_each
    type: io.kestra.core.tasks.flows.EachSequential
    value: '["s1", "s2"]'
    tasks:
      - id: 1-1_return
        type: io.kestra.core.tasks.debugs.Return
        format: "{{ taskrun.value }}"
      - id: 1-2_each
        type: io.kestra.core.tasks.flows.EachSequential
        value: '["a", "b"]'
        tasks:
          - id: deep
            type: return
            format: "{{ parents[0].taskrun.value }}-{{ taskrun.value }}"
          - id: current
            type: return
            format: "{{ currentEachOutput(outputs.deep).value }}"
  - id: plain
    type: return
    format: "{{ outputs['1-1_return'].s1.value }} {{ outputs.deep.s2.b.value }}"
  - id: all
    type: return
    format: "{{ outputs.deep }}"
outputs:
  - {id: one, type: STRING, value: "{{ outputs['1-1_return'].s2.value }}"}
"""


def test_k14_outputs_by_the_values_above(driver: Driver) -> None:
    flow = run_flow(driver, FLOW)
    flow.completes({"one": "s2"})
    assert flow.only("plain")["outputs"] == {"value": "s1 s2-b"}
    assert json.loads(flow.only("all")["outputs"]["value"]) == {
        "s1": {"a": {"value": "s1-a"}, "b": {"value": "s1-b"}},
        "s2": {"a": {"value": "s2-a"}, "b": {"value": "s2-b"}},
    }
    current = [one["outputs"]["value"] for one in flow.task_runs("current")]
    assert current == ["s1-a", "s1-b", "s2-a", "s2-b"]
