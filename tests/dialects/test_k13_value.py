"""A value is that of the direct children of an each-task; those below have it from a parent."""

from __future__ import annotations

from tests.dialects.bench import run_flow
from tests.scenarios.driver import Driver

FLOW = """
id: nested
namespace: company.team
tasks:
  - id: outer
    type: io.kestra.plugin.core.flow.ForEach
    values: ["s1", {"a": 1}]
    tasks:
      - id: direct
        type: return
        format: "{{ taskrun.value }}"
      - id: way
        type: io.kestra.plugin.core.flow.If
        condition: "{{ taskrun.value == 's1' }}"
        then:
          - id: below
            type: return
            format: "{{ parent.taskrun.value }} {{ taskrun.value ?? 'none' }}"
        else:
          - id: inner
            type: io.kestra.core.tasks.flows.EachSequential
            value: '[1, 2]'
            tasks:
              - id: both
                type: return
                format: "{{ parent.taskrun.value }} {{ taskrun.value }}"
"""


def test_k13_a_value_is_the_direct_childrens(driver: Driver) -> None:
    flow = run_flow(driver, FLOW)
    flow.completes(None)
    said = {
        name: [one["outputs"]["value"] for one in flow.task_runs(name)]
        for name in ("direct", "below", "both")
    }
    assert said["direct"] == ["s1", '{"a":1}']
    assert said["below"] == ["s1 none"]
    assert [one["value"] for one in flow.task_runs("way")] == ["s1", '{"a":1}']
    assert [one["value"] for one in flow.task_runs("both")] == ["1", "2"]
    assert "value" not in flow.only("below") and "value" not in flow.only("inner")
    assert said["both"] == ['{"a":1} 1', '{"a":1} 2']
