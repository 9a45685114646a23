"""Quotas of tenants at the edge: what comes too fast is refused with a time to come again."""

from typing import Any

import pytest

from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.tenants import Quota, Tenant
from penstock.core.state.transitions import TaskStatus
from penstock.gateway.errors import ApiError
from penstock.gateway.quotas import KNOWN_S, Quotas
from tests.gateway.served import Served, shape_of_error

START = RunWf(wf_spec="any", wf_run_id="one")
PUT = PutTaskDef(name="any")


def put(served: Served, name: str, **quota: int) -> None:
    """Everywhere, and known to the node: it has not asked for this tenant's yet."""
    served.good("PUT", "/v1/tenants?wait=all", {"name": name, "quota": quota})


def test_a_tenant_is_put_shown_listed_and_deleted(served: Served) -> None:
    told = served.good(
        "PUT", "/v1/tenants", {"name": "shown", "quota": {"live_runs": 7}, "description": "x"}
    )
    assert (told["name"], told["version"], told["repeated"]) == ("shown", 1, False)
    shown = served.good("GET", "/v1/tenants/shown")
    assert (shown["quota"], shown["description"]) == ({"live_runs": 7}, "x")
    assert shown in served.good("GET", "/v1/tenants", tenant="another")["items"]
    served.good("DELETE", "/v1/tenants/shown")
    assert served.refused("GET", "/v1/tenants/shown")[:2] == (404, "TENANT_UNKNOWN")
    assert served.refused("PUT", "/v1/tenants", {"name": "A"})[:2] == (400, "BAD_NAME")
    unknown = {"name": "shown", "quota": {"bytes": 1}}
    assert served.refused("PUT", "/v1/tenants", unknown)[0] == 400


def test_what_comes_too_fast_is_refused_and_says_when_to_come_again(served: Served) -> None:
    put(served, "hasty", commands_per_second=1)
    served.good("PUT", "/v1/task-defs", {"name": "one"}, tenant="hasty")
    refused = served.call("PUT", "/v1/task-defs", {"name": "two"}, tenant="hasty")
    assert shape_of_error(refused)[:2] == (429, "QUOTA_EXCEEDED")
    assert refused.headers["Retry-After"] == "1"
    served.good("PUT", "/v1/task-defs", {"name": "two"}, tenant="calm")
    stop = served.refused("POST", "/v1/wf-runs/none/actions/stop", tenant="hasty")
    assert stop[:2] == (404, "WF_RUN_UNKNOWN")


def test_live_runs_are_held_by_the_fold(served: Served) -> None:
    put(served, "full", live_runs=0)
    refused = served.call("POST", "/v1/wf-runs", {"wf_spec": "any"}, tenant="full")
    assert shape_of_error(refused)[:2] == (429, "QUOTA_EXCEEDED")
    assert "Retry-After" not in refused.headers, "nobody knows when some have ended"


class Time:
    """A clock that is told what time it is."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def taken(quotas: Quotas, command: Any, times: int = 100) -> int:
    """How many come through, one right after the other."""
    for number in range(times):
        if not passes(quotas, command):
            return number
    return times


def passes(quotas: Quotas, command: Any) -> bool:
    """Whether it is taken."""
    try:
        quotas.check(command, "acme")
    except ApiError:
        return False
    return True


@pytest.fixture
def quotas(served: Served) -> tuple[Quotas, Time]:
    """Of a node, with a clock of their own, and the bounds of a tenant."""
    served.good(
        "PUT",
        "/v1/tenants?wait=all",
        {"name": "acme", "quota": {"commands_per_second": 20, "runs_per_second": 5}},
    )
    clock = Time()
    return Quotas(served.made.app.state.gateway.reads, clock), clock


def test_a_second_s_worth_comes_at_once_then_as_fast_as_the_rate(
    quotas: tuple[Quotas, Time],
) -> None:
    """Starts count as starts and as commands; what reports on work counts as neither."""
    held, clock = quotas
    assert taken(held, START) == 5
    assert taken(held, PUT) == 15
    clock.now_s += 0.5
    assert taken(held, START) == 2
    clock.now_s += 1_000
    assert taken(held, PUT) == 20
    report = ReportTask("run", "guid", 1, TaskStatus.TASK_SUCCESS)
    assert taken(held, report) == 100


def test_a_quota_that_is_changed_is_known_a_moment_later(
    served: Served, quotas: tuple[Quotas, Time]
) -> None:
    held, clock = quotas
    assert taken(held, PUT) == 20
    served.good("PUT", "/v1/tenants?wait=all", {"name": "acme", "quota": {}})
    assert taken(held, PUT) == 0
    clock.now_s += KNOWN_S
    assert taken(held, PUT) == 100
    rows = served.made.app.state.gateway.reads.definitions().rows
    row = rows.peek(Tenant, EVERYWHERE, "acme")
    assert row is not None and row.quota == Quota()
