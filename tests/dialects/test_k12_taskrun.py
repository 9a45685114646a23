"""`{{ taskrun }}` prints the id, the start date and the number of attempts of the task run, 0 while
the first one runs, and nothing else where there is nothing else; the log shows it.
"""

from __future__ import annotations

import json

from tests.dialects.bench import run_flow
from tests.scenarios.driver import Driver

SEED = """
id: taskrun
namespace: company.team

tasks:
  - id: return
    type: io.kestra.plugin.core.debug.Return
    format: "{{ taskrun }}"
"""


def test_k12_the_three_keys(driver: Driver) -> None:
    flow = run_flow(driver, SEED)
    flow.completes(None)
    shown = flow.only("return")
    said = json.loads(shown["outputs"]["value"])
    assert {*said} == {"id", "startDate", "attemptsCount"}
    assert said["id"] == shown["id"]
    assert said["attemptsCount"] == 0
    assert said["startDate"] == shown["state"]["startDate"]
    [line] = flow.lines()
    assert json.loads(line["message"]) == said
    assert (line["taskRunId"], line["attemptNumber"]) == (shown["id"], 0)


def test_k12_below_another(memory: Driver) -> None:
    """There is the id of the task run above, and for a value that and its number."""
    flow = run_flow(
        memory,
        "id: f\nnamespace: company.team\ntasks:\n  - id: each\n    type: for-each\n"
        "    values: [a]\n    tasks:\n      - id: s\n        type: sequential\n        tasks:\n"
        "          - {id: in, type: return, format: '{{ taskrun }}'}\n"
        "      - {id: direct, type: return, format: '{{ taskrun }}'}\n",
    )
    flow.completes(None)
    direct = json.loads(flow.only("direct")["outputs"]["value"])
    assert direct["parentId"] == flow.only("each")["id"]
    assert (direct["value"], direct["iteration"]) == ("a", 0)
    inside = json.loads(flow.only("in")["outputs"]["value"])
    assert inside["parentId"] == flow.only("s")["id"]
    assert "value" not in inside
