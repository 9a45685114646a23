"""Schedules and the deletion of definitions over HTTP."""

import time
from typing import Any

import pytest

from penstock.core.commands.schedule_wf import ScheduleWf
from tests.gateway.served import Served, one_task, wait_until


def _wait(served: Served, path: str, status: str) -> dict[str, object]:
    deadline = time.monotonic() + 30
    while (read := served.good("GET", path))["status"] != status or not (
        read["next_at"] or status != "ACTIVE"
    ):
        assert time.monotonic() < deadline, read
        time.sleep(0.01)
    return read


def test_a_schedule_is_made_read_paused_and_deleted(served: Served) -> None:
    served.a_task_def("sched-work")
    served.a_wf_spec("sched-spec", "sched-work")
    body = {"wf_spec": "sched-spec", "cron": "0 4 * * MON", "time_zone": "Europe/Berlin"}
    made = served.good("POST", "/v1/schedules", {**body, "schedule_id": "sched-1"})
    again = served.good("POST", "/v1/schedules", {**body, "schedule_id": "sched-1"})
    assert (made["schedule_id"], made["repeated"], again["repeated"]) == ("sched-1", False, True)
    path = "/v1/schedules/sched-1"
    read = _wait(served, path, "ACTIVE")
    assert (read["cron"], read["misfire"], read["firings"]) == ("0 4 * * MON", "SKIP", [])
    assert served.good("POST", f"{path}/actions/pause", {})["status"] == "PAUSED"
    assert _wait(served, path, "PAUSED")["next_at"] == []
    served.good("POST", f"{path}/actions/resume", {})
    read = _wait(served, path, "ACTIVE")
    assert [pause["paused"] for pause in read["pauses"]] == [True, False]
    assert {(pause["principal"], pause["at"][-1]) for pause in read["pauses"]} == {
        ("anonymous", "Z")
    }
    assert read["parent"] is None
    served.good("DELETE", path)
    assert served.refused("GET", path)[:2] == (404, "SCHEDULE_UNKNOWN")
    assert served.refused("DELETE", path)[:2] == (404, "SCHEDULE_UNKNOWN")


def test_what_a_schedule_made_up_for_is_in_its_history(served: Served) -> None:
    served.a_task_def("sched-past")
    served.a_wf_spec("sched-past", "sched-past")
    times = {"start_at_ms": 978_307_200_000, "end_at_ms": 978_307_200_000}
    body = {"wf_spec": "sched-past", "cron": "0 0 1 1 *", "misfire": "RUN_ONCE", **times}
    made = served.good("POST", "/v1/schedules", body, command_id="sched-past")
    read = _wait(served, f"/v1/schedules/{made['schedule_id']}", "ENDED")
    [firing] = read["firings"]
    assert firing["due_at"] == "2001-01-01T00:00:00.000Z"
    [task] = served.poll("sched-past")
    assert task["wf_run_id"] == firing["wf_run_id"]


def test_a_schedule_of_one_moment(served: Served) -> None:
    served.a_task_def("sched-once")
    served.a_wf_spec("sched-once", "sched-once")
    body = {"wf_spec": "sched-once", "at_ms": 978_307_200_000, "misfire": "RUN_ONCE"}
    made = served.good("POST", "/v1/schedules", body, command_id="sched-once")
    read = _wait(served, f"/v1/schedules/{made['schedule_id']}", "ENDED")
    assert (read["at"], read["cron"]) == ("2001-01-01T00:00:00.000Z", None)
    [firing] = read["firings"]
    [task] = served.poll("sched-once")
    assert task["wf_run_id"] == firing["wf_run_id"]
    both = {**body, "cron": "0 0 * * *"}
    assert served.refused("POST", "/v1/schedules", both)[:2] == (400, "BAD_SCHEDULE")


def test_schedules_are_listed_by_pages(served: Served) -> None:
    served.a_task_def("sched-many")
    served.a_wf_spec("sched-many", "sched-many")
    ids = {f"many-{number}" for number in range(7)}
    for schedule_id in sorted(ids):
        body = {"wf_spec": "sched-many", "cron": "0 0 1 1 *", "schedule_id": schedule_id}
        served.good("POST", "/v1/schedules", body)
    found, cursor = [], ""
    while cursor is not None:
        asked = f"/v1/schedules?limit=2{f'&cursor={cursor}' if cursor else ''}"
        page = served.good("GET", asked)
        found += [item["schedule_id"] for item in page["items"]]
        cursor = page["cursor"]
    assert len(found) == len(set(found))
    assert ids <= set(found)


def test_a_wrong_schedule_is_refused(served: Served) -> None:
    served.a_task_def("sched-wrong")
    served.a_wf_spec("sched-wrong", "sched-wrong")
    body = {"wf_spec": "sched-wrong", "cron": "every day"}
    assert served.refused("POST", "/v1/schedules", body)[:2] == (400, "BAD_SCHEDULE")
    unknown = {"wf_spec": "sched-nowhere", "cron": "0 0 * * *"}
    assert served.refused("POST", "/v1/schedules", unknown)[:2] == (404, "SPEC_UNKNOWN")
    assert served.refused("GET", "/v1/schedules/a.b")[:2] == (400, "BAD_ID")


@pytest.mark.parametrize(
    "zone", ["Mars/X", "europe/BERLIN", "Europe", "../etc/passwd", "", "x" * 999]
)
@pytest.mark.parametrize("when", [{"cron": "0 0 * * *"}, {"at_ms": 2**41}])
def test_a_time_zone_that_is_none_is_refused(
    served: Served, zone: str, when: dict[str, Any]
) -> None:
    """Before it comes to the log, where nobody may look (R8)."""
    served.a_task_def("sched-zone")
    served.a_wf_spec("sched-zone", "sched-zone")
    body = {"wf_spec": "sched-zone", "schedule_id": "martian", "time_zone": zone, **when}
    status, code, message = served.refused("POST", "/v1/schedules", body)
    assert (status, code) == (400, "BAD_SCHEDULE")
    assert message.startswith(f"time_zone {zone[:80]!r} ")  # the dashboard marks the field by it
    assert "use a name such as 'Europe/Berlin'" in message
    assert served.refused("GET", "/v1/schedules/martian")[:2] == (404, "SCHEDULE_UNKNOWN")


def test_one_that_nobody_can_compute_has_failed_and_says_why(served: Served) -> None:
    """As one with a zone that there is not, which came by Kafka."""
    served.a_task_def("sched-failed")
    served.a_wf_spec("sched-failed", "sched-failed")
    served.append(ScheduleWf("sched-failed", "0 0 * * *", "sched-mars", time_zone="Mars/X"))
    wait_until(lambda: served.call("GET", "/v1/schedules/sched-mars").status_code == 200)
    read = _wait(served, "/v1/schedules/sched-mars", "FAILED")
    assert read["reason"] == "time zone 'Mars/X' is not known here"
    [found] = served.good("GET", "/v1/schedules?status=FAILED")["items"]
    assert found == read


def test_definitions_are_deleted(served: Served) -> None:
    served.a_task_def("gone-work")
    served.a_wf_spec("gone-spec", "gone-work")
    second = one_task("gone-spec", "gone-work", max_attempts=2)
    served.good("PUT", "/v1/wf-specs?wait=all", second)
    path = "/v1/wf-specs/gone-spec"
    assert served.refused("DELETE", path)[:2] == (400, "BAD_REQUEST")
    served.good("DELETE", f"{path}?version=2")
    assert served.good("GET", path)["version"] == 1
    assert served.good("GET", f"{path}?version=2")["deleted_at"]
    served.good("DELETE", f"{path}?version=1")
    names = [item["name"] for item in served.good("GET", "/v1/wf-specs")["items"]]
    assert "gone-spec" not in names
    for chosen in ({}, {"version": 1}, {"major": 0}, {"major": 0, "revision": 0}):
        body = {"wf_spec": "gone-spec", **chosen}
        assert served.refused("POST", "/v1/wf-runs", body)[:2] == (404, "SPEC_UNKNOWN")
    served.good("DELETE", "/v1/task-defs/gone-work")
    assert served.refused("GET", "/v1/task-defs/gone-work")[:2] == (404, "TASK_DEF_UNKNOWN")
    assert served.refused("DELETE", "/v1/task-defs/gone-work")[:2] == (404, "TASK_DEF_UNKNOWN")
    served.good("PUT", "/v1/external-event-defs", {"name": "gone-event"})
    served.good("DELETE", "/v1/external-event-defs/gone-event")
    gone = served.refused("DELETE", "/v1/external-event-defs/gone-event")
    assert gone[:2] == (404, "EVENT_DEF_UNKNOWN")


def test_schedules_are_found_by_their_wf_spec_and_status(served: Served) -> None:
    served.a_task_def("sched-find")
    served.a_wf_spec("sched-find", "sched-find")
    spaced = one_task("sched.ns.find", "sched-find")
    spaced["spec"]["namespace"] = "sched.ns"
    served.good("PUT", "/v1/wf-specs?wait=all", spaced)
    for number in range(4):
        wf_spec = "sched.ns.find" if number == 3 else "sched-find"
        body = {"wf_spec": wf_spec, "cron": "0 4 * * *", "schedule_id": f"sched-find-{number}"}
        served.good("POST", "/v1/schedules", body | {"paused": number == 0})

    def found(query: str) -> set[str]:
        items, more = set[str](), ""
        while True:
            page = served.good("GET", f"/v1/schedules?limit=1&{query}{more}")
            items |= {one["schedule_id"] for one in page["items"]}
            if page["cursor"] is None:
                return items
            more = f"&cursor={page['cursor']}"

    assert found("wf_spec=sched-find") == {f"sched-find-{number}" for number in range(3)}
    assert found("wf_spec=sched-find&status=PAUSED") == {"sched-find-0"}
    assert found("wf_spec=sched-find&status=ACTIVE") == {"sched-find-1", "sched-find-2"}
    assert len(found("wf_spec=sched-find&status=ACTIVE&status=PAUSED")) == 3
    assert found("wf_spec=sched.ns.find") == found("wf_spec=find") == {"sched-find-3"}
    assert found("wf_spec=ns.find") == set()
    assert served.refused("GET", "/v1/schedules?status=LATE")[:2] == (400, "BAD_REQUEST")
