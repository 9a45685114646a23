"""A task run has the keys, the order of keys and the forms of seed 003."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.dialects.bench import run_flow
from tests.scenarios.driver import Driver

SEED: dict[str, Any] = json.loads("""
{
  "id": "5cBZ1JF8kim8fbFg13bumX",
  "executionId": "6s1egIkxu3gpzzILDnyxTn",
  "namespace": "io.kestra.tests",
  "flowId": "each-sequential-nested",
  "taskId": "1-1_return",
  "parentTaskRunId": "5ABxhOwhpd2X8DtwUPKERJ",
  "value": "s1",
  "attempts": [
    {
      "metrics": [
        {
          "name": "length",
          "tags": {"format": "{{task.id}} > {{taskrun.value}}"},
          "value": 45.0,
          "type": "counter"
        },
        {
          "name": "duration",
          "tags": {"format": "{{task.id}} > {{taskrun.value}}"},
          "type": "timer",
          "value": "PT0.007213673S"
        }
      ],
      "state": {
        "current": "SUCCESS",
        "histories": [
          {"state": "CREATED", "date": "2021-05-04T12:02:54.121836Z"},
          {"state": "RUNNING", "date": "2021-05-04T12:02:54.121841Z"},
          {"state": "SUCCESS", "date": "2021-05-04T12:02:54.131892Z"}
        ],
        "duration": "PT0.010056S",
        "endDate": "2021-05-04T12:02:54.131892Z",
        "startDate": "2021-05-04T12:02:54.121836Z"
      }
    }
  ],
  "outputs": {"value": "1-1_return > s1"},
  "state": {
    "current": "SUCCESS",
    "histories": [
      {"state": "CREATED", "date": "2021-05-04T12:02:53.938333Z"},
      {"state": "RUNNING", "date": "2021-05-04T12:02:54.116336Z"},
      {"state": "SUCCESS", "date": "2021-05-04T12:02:54.144135Z"}
    ],
    "duration": "PT0.205802S",
    "endDate": "2021-05-04T12:02:54.144135Z",
    "startDate": "2021-05-04T12:02:53.938333Z"
  }
}
""")

FLOW = """
id: each-sequential-nested
namespace: io.kestra.tests
tasks:
  - id: 1_each
    type: each-sequential
    value: '["s1"]'
    tasks:
      - id: 1-1_return
        type: return
        format: "1-1_return > {{ taskrun.value }}"
"""

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
DURATION = re.compile(r"PT(\d+H)?(\d+M)?(\d+(\.\d{1,9})?S)?")


def shape(value: Any) -> Any:
    """What of a value does not change from run to run: keys in their order, and forms of leaves."""
    if isinstance(value, dict):
        return [(key, shape(one)) for key, one in value.items()]  # pyright: ignore
    if isinstance(value, list):
        return [shape(one) for one in value]  # pyright: ignore
    if isinstance(value, str):
        return (
            "date" if DATE.fullmatch(value) else "a duration" if DURATION.fullmatch(value) else ""
        )
    return type(value).__name__


def test_k01_a_task_run_is_as_the_seed_shows_it(driver: Driver) -> None:
    flow = run_flow(driver, FLOW)
    flow.completes(None)
    shown = json.loads(json.dumps(flow.only("1-1_return")))
    assert shape(shown) == shape(SEED)
    for name in ("namespace", "flowId", "taskId", "value", "outputs"):
        assert shown[name] == SEED[name]
    assert [one["state"] for one in shown["state"]["histories"]] == [
        *("CREATED", "RUNNING", "SUCCESS"),
    ]
    assert shown["executionId"] == flow.id
    assert shown["parentTaskRunId"] == flow.only("1_each")["id"]


def test_k01_outputs_are_there_before_there_are_any(driver: Driver) -> None:
    """So that whoever reads them need not ask if they are."""
    flow = run_flow(driver, FLOW.replace("return", "log").replace("format", "message"))
    shown = flow.only("1-1_log")
    assert shown["outputs"] is None
    flow.completes(None)
