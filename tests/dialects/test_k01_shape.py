"""A task run has the keys of the example in seed 003, in their order, and its values, where these
are not of one run alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.dialects.bench import run_flow
from tests.scenarios.driver import Driver

Path = tuple[str | int, ...]

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
          "tags": {
            "format": "{{task.id}} > {{taskrun.value}} ⬅ {{taskrun.startDate}}"
          },
          "value": 45.0,
          "type": "counter"
        },
        {
          "name": "duration",
          "tags": {
            "format": "{{task.id}} > {{taskrun.value}} ⬅ {{taskrun.startDate}}"
          },
          "type": "timer",
          "value": "PT0.007213673S"
        }
      ],
      "state": {
        "current": "SUCCESS",
        "histories": [
          {
            "state": "CREATED",
            "date": "2021-05-04T12:02:54.121836Z"
          },
          {
            "state": "RUNNING",
            "date": "2021-05-04T12:02:54.121841Z"
          },
          {
            "state": "SUCCESS",
            "date": "2021-05-04T12:02:54.131892Z"
          }
        ],
        "duration": "PT0.010056S",
        "endDate": "2021-05-04T12:02:54.131892Z",
        "startDate": "2021-05-04T12:02:54.121836Z"
      }
    }
  ],
  "outputs": {
    "value": "1-1_return > s1 ⬅ 2021-05-04T12:02:53.938333Z"
  },
  "state": {
    "current": "SUCCESS",
    "histories": [
      {
        "state": "CREATED",
        "date": "2021-05-04T12:02:53.938333Z"
      },
      {
        "state": "RUNNING",
        "date": "2021-05-04T12:02:54.116336Z"
      },
      {
        "state": "SUCCESS",
        "date": "2021-05-04T12:02:54.144135Z"
      }
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
    type: io.kestra.core.tasks.flows.EachSequential
    value: '["s1"]'
    tasks:
      - id: 1-1_return
        type: io.kestra.core.tasks.debugs.Return
        format: "{{task.id}} > {{taskrun.value}} ⬅ {{taskrun.startDate}}"
"""

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
DURATION = re.compile(r"PT(\d+H)?(\d+M)?(\d+(\.\d{1,9})?S)?")
OWN_IDS = ("id", "executionId", "parentTaskRunId")
"""They are other ones in each run."""


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """All that is in a value and is no object or list, in its order, with the way to it."""
    if isinstance(value, dict):
        for key, one in value.items():  # pyright: ignore
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):  # pyright: ignore
            yield from leaves(one, (*path, number))
    else:
        yield path, value


def moment(text: str) -> datetime:
    """A date as the seed writes it."""
    assert DATE.fullmatch(text), text
    return datetime.fromisoformat(text)


def assert_state(state: Any) -> None:
    """What a state says beside its history follows from that."""
    dates = [moment(one["date"]) for one in state["histories"]]
    assert dates == sorted(dates)
    assert (moment(state["startDate"]), moment(state["endDate"])) == (dates[0], dates[-1])
    assert state["current"] == state["histories"][-1]["state"]
    assert DURATION.fullmatch(state["duration"])
    seconds = float(state["duration"].removeprefix("PT").removesuffix("S"))
    assert timedelta(seconds=seconds) == dates[-1] - dates[0]


def test_k01_a_task_run_is_as_the_seed_shows_it(driver: Driver) -> None:
    """The same keys in the same order, and the same values, but for what is of one run alone: ids,
    and moments, which follow on each other as they do there, and are equal where they are.
    """
    flow = run_flow(driver, FLOW)
    flow.completes(None)
    shown = json.loads(json.dumps(flow.only("1-1_return")))
    moments: dict[str, str] = {}
    ways, others = list(leaves(SEED)), list(leaves(shown))
    assert [way for way, _ in ways] == [way for way, _ in others]
    for (way, of_seed), (_, ours) in zip(ways, others, strict=True):
        assert type(ours) is type(of_seed), way
        if way[-1] in OWN_IDS:
            assert re.fullmatch(r"[0-9A-Za-z]+", ours), way
        elif way[-2:] == ("tags", "format"):
            assert ours == shown["outputs"]["value"]  # there: the template that it was made from
        elif isinstance(of_seed, str) and DURATION.fullmatch(of_seed):
            assert DURATION.fullmatch(ours), way
        elif isinstance(of_seed, str) and (found := DATE.search(of_seed)):
            date = ours[found.start() : found.end()]
            assert moments.setdefault(found[0], date) == date, way
            assert ours == of_seed.replace(found[0], date), way
        else:
            assert ours == of_seed, way
    assert len(moments) == 6
    in_order = [moment(moments[date]) for date in sorted(moments)]
    assert in_order == sorted(in_order)
    for task_run in (SEED, shown):
        assert_state(task_run["state"])
        assert_state(task_run["attempts"][0]["state"])
    assert shown["executionId"] == flow.id
    assert shown["parentTaskRunId"] == flow.only("1_each")["id"]


LOGS = """
id: each-sequential-nested
namespace: io.kestra.tests
tasks: [{id: 1-1_log, type: log, message: hello}]
"""


def test_k01_outputs_are_there_before_there_are_any(driver: Driver) -> None:
    """So that whoever reads them need not ask if they are."""
    flow = run_flow(driver, LOGS)
    shown = flow.only("1-1_log")
    assert shown["outputs"] is None
    flow.completes(None)
