"""Bulk jobs over HTTP."""

import time
from typing import Any

import pytest

from tests.gateway.served import Served, waiting_for_event


@pytest.fixture(scope="module", autouse=True)
def specs(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "bulk-go"})
    served.good("PUT", "/v1/wf-specs?wait=all", waiting_for_event("bulk-event", "bulk-go"))


def _ended(served: Served, bulk_id: str) -> Any:
    deadline = time.monotonic() + 30
    while (job := served.good("GET", f"/v1/bulk/{bulk_id}"))["ended_at"] is None:
        assert time.monotonic() < deadline, job
        time.sleep(0.01)
    return job


def test_many_runs_are_counted_stopped_and_killed(served: Served) -> None:
    ids = [served.run("bulk-event", labels={"bulk": "a"}) for _ in range(5)]
    body = {"filter": {"wf_spec": "bulk-event", "labels": {"bulk": "a"}}, "verb": "stop"}
    counted = served.good("POST", "/v1/bulk", body | {"dry_run": True})
    assert _ended(served, counted["bulk_id"])["matched"] == 5
    first = served.call("POST", "/v1/bulk", body, command_id="bulk-stop")
    again = served.call("POST", "/v1/bulk", body, command_id="bulk-stop")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["bulk_id"] == again.json()["bulk_id"]
    job = _ended(served, first.json()["bulk_id"])
    assert (job["status"], job["matched"], job["done"], job["refused"]) == ("COMPLETED", 5, 5, {})
    assert job["filter"]["labels"] == {"bulk": "a"}
    for wf_run_id in ids:
        assert served.good("GET", f"/v1/wf-runs/{wf_run_id}")["status"] == "HALTED"
    history = served.good("GET", f"/v1/wf-runs/{ids[0]}/history")["items"]
    assert job["bulk_id"] in [fact.get("bulk_id") for fact in history]
    kill = {"filter": {"wf_run_ids": [*ids, "nobody"]}, "verb": "kill"}
    killed = _ended(served, served.good("POST", "/v1/bulk", kill)["bulk_id"])
    assert (killed["done"], killed["refused"]) == (5, {"WF_RUN_UNKNOWN": 1})
    assert killed["refusals"][0]["wf_run_id"] == "nobody"


def test_jobs_are_listed_by_pages_and_cancelled(served: Served) -> None:
    made = set()
    for _ in range(3):
        body = {"filter": {"wf_spec": "bulk-nobody"}, "verb": "stop"}
        made.add(served.good("POST", "/v1/bulk", body)["bulk_id"])
    found, cursor = set(), ""
    while cursor is not None:
        asked = f"/v1/bulk?limit=2{f'&cursor={cursor}' if cursor else ''}"
        answer = served.good("GET", asked)
        found |= {item["bulk_id"] for item in answer["items"]}
        cursor = answer["cursor"]
    assert made <= found
    bulk_id = made.pop()
    _ended(served, bulk_id)
    assert served.refused("POST", f"/v1/bulk/{bulk_id}/cancel", {})[:2] == (409, "BULK_ENDED")
    other = served.refused("GET", f"/v1/bulk/{bulk_id}", tenant="other")
    assert other[:2] == (404, "BULK_UNKNOWN")


def test_a_wrong_job_is_refused(served: Served) -> None:
    for body, code in (
        ({"filter": {}, "verb": "kill"}, "BAD_FILTER"),
        ({"verb": "kill"}, "BAD_REQUEST"),
        ({"filter": {"spec": "a"}, "verb": "kill"}, "BAD_REQUEST"),
        ({"filter": {"status": ["SLEEPING"]}, "verb": "kill"}, "BAD_REQUEST"),
        ({"filter": {"all": True}, "verb": "explode"}, "VERB_UNKNOWN"),
        ({"filter": {"all": True}, "verb": "kill", "arguments": {"speed": 1}}, "BAD_VALUE"),
    ):
        assert served.refused("POST", "/v1/bulk", body)[:2] == (400, code)
    assert served.refused("GET", "/v1/bulk/nobody")[:2] == (404, "BULK_UNKNOWN")
    assert served.refused("POST", "/v1/bulk/nobody/cancel", {})[:2] == (404, "BULK_UNKNOWN")
