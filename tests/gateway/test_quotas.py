"""Tenants and quotas at the edge: what comes too fast is refused with a time to come again."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.quotas import BOUNDS, quota_of
from penstock.core.state.transitions import TaskStatus
from penstock.gateway.errors import ApiError
from penstock.gateway.quotas import KNOWN_S, Quotas
from tests.gateway.keys import client_of, everything, grant, guarded
from tests.gateway.served import Served, shape_of_error, wait_until, waiting_for_event

START = RunWf(wf_spec="any", wf_run_id="one")
PUT = PutTaskDef(name="any")


def put(served: Served, tenant: str, **quota: Any) -> None:
    """Everywhere, and known to the node: it has not asked for this one yet."""
    served.good("PUT", "/v1/quotas?wait=all", {"tenant": tenant, **quota})


def test_a_tenant_is_put_shown_listed_and_deleted(served: Served) -> None:
    told = served.good("PUT", "/v1/tenants", {"name": "shown", "description": "x"})
    assert (told["name"], told["version"], told["repeated"]) == ("shown", 1, False)
    shown = served.good("GET", "/v1/tenants/shown")
    assert shown["description"] == "x"
    assert shown in served.good("GET", "/v1/tenants", tenant="another")["items"]
    served.good("DELETE", "/v1/tenants/shown")
    assert served.refused("GET", "/v1/tenants/shown")[:2] == (404, "TENANT_UNKNOWN")
    assert served.refused("PUT", "/v1/tenants", {"name": "A"})[:2] == (400, "BAD_NAME")
    unknown = {"name": "shown", "quota": {"live_runs": 1}}
    assert served.refused("PUT", "/v1/tenants", unknown)[0] == 400


def test_quotas_are_put_shown_listed_and_deleted(served: Served) -> None:
    """A tenant's, and those of principals in it."""
    told = served.good("PUT", "/v1/quotas", {"tenant": "shown", "live_runs": 7})
    assert (told["tenant"], told["principal"], told["version"]) == ("shown", None, 1)
    put(served, "shown", principal="ada@x:1", runs_per_second=2)
    put(served, "shown-2", principal="ada@x:1", runs_per_second=3)
    whole = served.good("GET", "/v1/quotas/shown")
    assert [whole[bound] for bound in BOUNDS] == [None, None, 7]
    hers = served.good("GET", "/v1/quotas/shown?principal=ada%40x:1")
    assert (hers["principal"], hers["runs_per_second"]) == ("ada@x:1", 2)

    def listed(query: str) -> list[Any]:
        found = served.good("GET", f"/v1/quotas?{query}", tenant="another")["items"]
        return [one for one in found if one["tenant"].startswith("shown")]

    other = served.good("GET", "/v1/quotas/shown-2?principal=ada%40x:1")
    assert listed("") == [whole, hers, other]
    assert listed("tenant=shown") == [whole, hers]
    assert listed("principal=ada%40x:1") == [hers, other]
    first = served.good("GET", "/v1/quotas?tenant=shown&limit=1")
    assert first["items"] == [whole]
    rest = served.good("GET", f"/v1/quotas?tenant=shown&limit=1&cursor={first['cursor']}")
    assert (rest["items"], rest["cursor"]) == ([hers], None)
    served.good("DELETE", "/v1/quotas/shown?principal=ada%40x:1")
    assert listed("tenant=shown") == [whole]
    served.good("DELETE", "/v1/quotas/shown")
    served.good("DELETE", "/v1/quotas/shown-2?principal=ada%40x:1")
    assert listed("") == []


def test_quotas_that_can_not_be_are_refused(served: Served) -> None:
    assert served.refused("GET", "/v1/quotas/nobody")[:2] == (404, "QUOTA_UNKNOWN")
    assert served.refused("DELETE", "/v1/quotas/nobody?principal=ada")[:2] == (404, "QUOTA_UNKNOWN")
    for path in ("/v1/quotas/A", "/v1/quotas/a?principal=", "/v1/quotas/a?principal=engine"):
        assert served.refused("GET", path)[:2] == (400, "BAD_NAME"), path
        assert served.refused("DELETE", path)[:2] == (400, "BAD_NAME"), path
    for query in ("tenant=", "tenant=A", "principal=", "principal=a%20b"):
        assert served.refused("GET", f"/v1/quotas?{query}")[:2] == (400, "BAD_NAME"), query
    negative = {"tenant": "a", "live_runs": -1}
    assert served.refused("PUT", "/v1/quotas", negative)[:2] == (400, "BAD_VALUE")
    for body in ({}, {"tenant": "a", "bytes_per_second": 1}, {"tenant": "a", "live_runs": "1"}):
        assert served.refused("PUT", "/v1/quotas", body)[:2] == (400, "BAD_REQUEST"), body


def test_who_is_bounded_by_a_quota_does_not_put_it(tmp_path: Path) -> None:
    """It takes leave for QUOTA, of the cluster; a grant may name tenants. Each principal of a
    tenant has bounds of its own.
    """
    of_shop = grant("*", "QUOTA", "ALL_ACTIONS", "shop")
    with (
        guarded(tmp_path) as served,
        client_of(served, "owner", everything("shop")) as owner,
        client_of(served, "other", everything("shop")) as other,
        client_of(served, "keeper", of_shop) as keeper,
    ):
        body = {"tenant": "shop", "principal": "owner", "commands_per_second": 0}
        denied = owner.put("/v1/quotas", json=body)
        assert shape_of_error(denied)[:2] == (403, "PERMISSION_DENIED")
        assert owner.get("/v1/quotas").status_code == 403
        assert keeper.put("/v1/quotas?wait=all", json=body).status_code == 200
        elsewhere = keeper.put("/v1/quotas", json=body | {"tenant": "bank"})
        assert shape_of_error(elsewhere)[:2] == (403, "PERMISSION_DENIED")
        put(served, "bank", live_runs=1)
        assert keeper.get("/v1/quotas/bank").status_code == 403
        assert [one["tenant"] for one in keeper.get("/v1/quotas").json()["items"]] == ["shop"]

        def answers(client: httpx.Client) -> list[int]:
            told = [client.put("/v1/task-defs", json={"name": f"t{n}"}) for n in range(3)]
            return sorted({one.status_code for one in told})

        assert answers(owner) == [429]
        assert answers(other) == [200]


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


def taken(quotas: Quotas, command: Any, times: int = 100, *, principal: str = "ada") -> int:
    """How many come through, one right after the other."""
    for number in range(times):
        if not passes(quotas, command, principal):
            return number
    return times


def passes(quotas: Quotas, command: Any, principal: str) -> bool:
    """Whether it is taken."""
    try:
        quotas.check(command, "acme", principal)
    except ApiError:
        return False
    return True


@pytest.fixture
def quotas(served: Served) -> tuple[Quotas, Time]:
    """Of a node, with a clock of their own, and the bounds of a tenant."""
    put(served, "acme", commands_per_second=20, runs_per_second=5)
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
    put(served, "acme")
    assert taken(held, PUT) == 0
    clock.now_s += KNOWN_S
    assert taken(held, PUT) == 100
    row = quota_of(served.made.app.state.gateway.reads.definitions().rows, "acme")
    assert row is not None and [getattr(row, bound) for bound in BOUNDS] == [None] * 3


def test_a_principal_s_rate_holds_beside_its_tenant_s(
    served: Served, quotas: tuple[Quotas, Time]
) -> None:
    """What one of them refuses counts for none."""
    held, clock = quotas
    put(served, "acme", principal="ada", runs_per_second=2, commands_per_second=10)
    assert taken(held, START) == 2
    assert taken(held, START, principal="bob") == 3
    assert taken(held, PUT) == 8
    assert taken(held, PUT, principal="bob") == 7
    clock.now_s += 1
    assert taken(held, START, principal="bob") == 5
    assert taken(held, START) == 0
    assert taken(held, PUT) == 10


def test_who_is_bounded_reads_what_he_has_and_what_is_used_of_it(tmp_path: Path) -> None:
    """Of his own tenant, and of himself in it; nobody else's."""
    with (
        guarded(tmp_path) as served,
        client_of(served, "ada", everything("acme")) as ada,
        client_of(served, "reader", grant("acme", "TASK", "READ")) as reader,
    ):
        served.good("PUT", "/v1/quotas?wait=all", {"tenant": "other", "live_runs": 1})
        none = {"commands_per_second": None, "runs_per_second": None, "live_runs": None}
        [whole, own] = ada.get("/v1/quota").json()["items"]
        assert whole == {
            "tenant": "acme",
            "principal": None,
            **none,
            "used": dict.fromkeys(BOUNDS, 0),
        }
        assert own == whole | {"principal": "ada"}
        put(served, "acme", live_runs=90, runs_per_second=300)
        put(served, "acme", principal="ada", live_runs=30)
        ada.put("/v1/external-event-defs?wait=all", json={"name": "go"})
        ada.put("/v1/wf-specs?wait=all", json=waiting_for_event("waits", "go"))
        wait_until(lambda: ada.get("/v1/quota").json()["items"][1]["live_runs"] == 30)
        for _ in range(4):
            assert ada.post("/v1/wf-runs", json={"wf_spec": "waits"}).status_code == 201
        [whole, own] = ada.get("/v1/quota").json()["items"]
        assert [whole[bound] for bound in BOUNDS] == [None, 300, 90]
        assert [own[bound] for bound in BOUNDS] == [None, None, 30]
        assert (whole["used"]["live_runs"], own["used"]["live_runs"]) == (4, 4)
        assert whole["used"]["commands_per_second"] == 0, "without a bound nobody counts"
        [theirs, his] = reader.get("/v1/quota").json()["items"]
        assert (theirs["live_runs"], his["principal"], his["live_runs"]) == (90, "reader", None)
        assert reader.get("/v1/quotas/acme").status_code == 403


def test_what_has_come_just_now_is_told(served: Served, quotas: tuple[Quotas, Time]) -> None:
    held, clock = quotas
    assert taken(held, START, 3, principal="bob") == 3
    assert held.used("acme", "") == {"commands_per_second": 3, "runs_per_second": 3}
    clock.now_s += 0.5
    assert held.used("acme", "") == {"commands_per_second": 0, "runs_per_second": 1}
    assert held.used("acme", "nobody") == {}


def test_to_begin_anew_is_a_start(quotas: tuple[Quotas, Time]) -> None:
    held, _ = quotas
    assert taken(held, RestartWfRun(wf_run_id="one"), principal="bob") == 5
    assert taken(held, ReplayWfRun(wf_run_id="one"), principal="bob") == 0
