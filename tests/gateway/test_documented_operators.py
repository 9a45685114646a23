"""What operators ask for: every answer is the documented one, which `served` looks after."""

from __future__ import annotations

import httpx
import pytest

from penstock.gateway.app import ROUTES
from penstock.gateway.openapi import document
from penstock.gateway.spread import answer_of
from penstock.log.port import Message
from tests.gateway.documented import Documented
from tests.gateway.served import Served, wait_until

NAME = "operated"


def test_the_past_of_a_run(served: Served) -> None:
    served.a_task_def(NAME)
    served.a_wf_spec(NAME, NAME)
    run_id = served.run(NAME)
    (task,) = served.poll(NAME)
    served.succeed(task)
    path = f"/v1/wf-runs/{run_id}"
    story = served.good("GET", path + "/history?positions=true")
    commands = [one for one in story["items"] if one["what"] == "COMMAND"]
    at = {one["command"]: one["log_position"] for one in commands}
    [ended] = [
        one
        for one in story["items"]
        if one["what"] == "TASK_ATTEMPT" and one["status"] == "TASK_SUCCESS"
    ]
    assert (ended["position"], ended["log_position"]) == (1, at["ReportTask"])
    assert served.good("GET", f"{path}/history?at={at['RunWf']}")["as_of"]["from"] == "index"
    assert served.good("GET", f"{path}?at={at['RunWf']}")["status"] == "RUNNING"
    assert "as_of" not in served.good("GET", path)
    assert "as_of" not in served.good("GET", path + "/history")


def test_dead_letters(served: Served) -> None:
    before = served.good("GET", "/v1/dead-letters")["total"]
    noise = Message(served.made.topics.commands, b"noise", b"\x00\x01noise")
    served.made.log.append_and_wait(noise)
    wait_until(lambda: served.good("GET", "/v1/dead-letters")["total"] > before)
    (letter,) = served.good("GET", "/v1/dead-letters?code=MALFORMED&limit=1")["items"]
    at = f"/v1/dead-letters/{letter['number']}"
    assert served.good("GET", at)["read"]["record"] is None
    assert served.refused("POST", at + "/retry")[1] == "NOT_RETRYABLE"
    assert served.refused("GET", "/v1/dead-letters/999999")[0] == 404


def test_the_engine_itself(served: Served) -> None:
    partitions = served.good("GET", "/v1/cluster")["partitions"]
    assert {one["status"] for one in partitions} == {"RUNNING"}
    assert all(one["equal"] for one in served.good("GET", "/v1/verify")["items"])
    examined = served.good("GET", "/v1/doctor")
    assert examined["wrong"] == sum(one["wrong"] for one in examined["items"])
    assert "penstock_partition_lag_records" in served.call("GET", "/metrics").text
    assert served.good("GET", "/v1/gone-addresses")["items"] == []
    for method in ("GET", "POST"):
        assert served.refused(method, "/v1/snapshots")[:2] == (404, "NOT_FOUND"), "it keeps none"
    assert served.refused("POST", "/v1/drain")[:2] == (404, "NOT_FOUND"), "a test is no server"
    assert served.refused("DELETE", f"/v1/gone-addresses/{NAME}")[1] == "ADDRESS_UNKNOWN"


@pytest.mark.parametrize("path", ["wf-runs", "schedules", "user-task-runs", "webhook-deliveries"])
def test_a_list_from_which_a_partition_is_missing(path: str) -> None:
    made = answer_of([], None, [2])
    asked = httpx.Request("GET", f"http://engine/v1/{path}")
    answer = httpx.Response(200, headers=dict(made.headers), content=made.body, request=asked)
    assert answer.json()["missing"] == [2]
    Documented(document(ROUTES)).check(answer)
