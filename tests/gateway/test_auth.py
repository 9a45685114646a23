"""Who is let in, as whom and to what: credentials, the tenant that they stand for, grants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.gateway.access import (
    ASKED_FOR_NOTHING,
    FINE,
    NAMED_BY,
    OPEN,
    OTHERWISE,
    RESOURCE_OF,
    beginning_of,
)
from penstock.gateway.app import ROUTES
from penstock.gateway.auth import CREDENTIAL_CHARS_MAX
from tests.gateway.keys import (
    ADMIN_KEY,
    client_of,
    everything,
    grant,
    guarded,
    put_key,
    put_principal,
)
from tests.gateway.served import Served, one_task, shape_of_error, wait_until


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that lets nobody in without a credential; the client is the admin's."""
    with guarded(Path(tmp_path_factory.mktemp("guarded"))) as made:
        yield made


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code."""
    return shape_of_error(answer)[:2]


def test_nobody_comes_in_without_a_credential(served: Served) -> None:
    """By any route but the open ones, whatever there is behind it."""
    with httpx.Client(base_url=served.url) as nobody:
        for one in ROUTES:
            path = re.sub(r"\{\w+:whole\}", "0", one.path).replace("{", "").replace("}", "")
            answer = nobody.request(one.method, path)
            if one.path in OPEN:
                assert answer.status_code != 401, path
            else:
                assert refused(answer) == (401, "UNAUTHENTICATED"), path
                assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_every_route_has_its_resource() -> None:
    """And nothing in the tables is about a route that is not there."""
    paths = {one.path for one in ROUTES}
    asked = {path for path in paths if path not in OPEN | ASKED_FOR_NOTHING}
    assert {beginning_of(path) for path in asked} == RESOURCE_OF.keys()
    assert {*OPEN, *ASKED_FOR_NOTHING, *FINE} <= paths
    assert NAMED_BY.keys() <= paths
    assert OTHERWISE.keys() <= {f"{one.method} {one.path}" for one in ROUTES}


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "Bearer",
        "Basic YWRtaW46YWRtaW4=",
        f"Bearer {ADMIN_KEY}x",
        f"Bearer {ADMIN_KEY[:-1]}",
        "Bearer psk_nobodyskey1_aaaaaaaaaaaaaaaaaaaaaaaa",
        "Bearer psk_../../etc_aaaaaaaaaaaaaaaaaaaaaaaa",
        "Bearer a.b.c",
        "Bearer " + "x" * (CREDENTIAL_CHARS_MAX + 1),
        f"Bearer {ADMIN_KEY} {ADMIN_KEY}",
    ],
)
def test_a_bad_credential_is_not_told_what_is_bad(served: Served, credential: str) -> None:
    with httpx.Client(base_url=served.url, headers={"Authorization": credential}) as client:
        answer = client.get("/v1/task-defs")
        status, code, message = shape_of_error(answer)
    assert (status, code) == (401, "UNAUTHENTICATED")
    assert ADMIN_KEY not in message and "psk_" not in message


def test_the_admin_key_may_do_everything(served: Served) -> None:
    told = served.good("GET", "/v1/whoami")
    assert (told["principal"], told["tenant"]) == ("admin", "default")
    assert served.good("GET", "/v1/whoami", tenant="acme")["tenant"] == "acme"
    for path in ("/v1/cluster", "/v1/dead-letters", "/metrics", "/v1/principals"):
        assert served.call("GET", path).status_code == 200


def test_a_key_is_good_until_it_is_revoked(served: Served) -> None:
    put_principal(served, "rita", everything("acme"))
    first, second = (put_key(served, "rita", f"ritaskey{number}") for number in (1, 2))
    with served.with_key(first) as one, served.with_key(second) as two:
        assert one.get("/v1/whoami").json()["principal"] == "rita"
        served.good("DELETE", "/v1/api-keys/ritaskey1")
        wait_until(lambda: one.get("/v1/whoami").status_code == 401)
        assert two.get("/v1/whoami").json()["tenant"] == "acme"
        served.good("DELETE", "/v1/principals/rita")
        wait_until(lambda: two.get("/v1/whoami").status_code == 401)
        put_principal(served, "rita", everything("acme"))
        assert two.get("/v1/whoami").status_code == 401
    shown = served.good("GET", "/v1/api-keys/ritaskey1")
    assert shown["revoked_at"] is not None and "hash" not in str(shown)
    listed = served.good("GET", "/v1/api-keys?owner=rita")["items"]
    assert [one["key_id"] for one in listed] == ["ritaskey1", "ritaskey2"]


def test_a_key_ends_at_its_time(served: Served) -> None:
    put_principal(served, "eve", everything("acme"))
    ended = put_key(served, "eve", "evesoldkey", expires_at="2020-01-01T00:00:00Z")
    later = put_key(served, "eve", "evesnewkey", expires_at="2999-01-01T00:00:00Z")
    with served.with_key(ended) as client:
        assert client.get("/v1/whoami").status_code == 401
    with served.with_key(later) as client:
        assert client.get("/v1/whoami").status_code == 200


def test_doctor_tells_whose_last_key_is_about_to_end(served: Served) -> None:
    soon = {"expires_at": in_days(3)}
    for name in ("last", "revoked", "gone", "ended", "renewed", "later"):
        put_principal(served, f"ending-{name}", everything("acme"))
    for name in ("last", "revoked", "gone", "renewed"):
        put_key(served, f"ending-{name}", f"soon0{name}000", **soon)
    put_key(served, "ending-renewed", "renewed0later")
    put_key(served, "ending-revoked", "revoked0long", expires_at=in_days(90))
    put_key(served, "ending-ended", "ended0long0ago", expires_at="2020-01-01T00:00:00Z")
    put_key(served, "ending-later", "later0than0soon", expires_at=in_days(30))
    served.good("DELETE", "/v1/api-keys/revoked0long")
    served.good("DELETE", "/v1/principals/ending-gone")
    wanted = [f"the last key of 'ending-{name}' ends in 2 days" for name in ("last", "revoked")]

    def told() -> list[str]:
        items = served.good("GET", "/v1/doctor")["items"]
        found = [one["what"] for one in items if one["check"] == "KEY" and one["wrong"]]
        return [one for one in found if "'ending-" in one]

    wait_until(lambda: told() == wanted)  # all partitions have heard of it


def in_days(days: int) -> str:
    """So many days from now."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_tenant_comes_from_the_credential(served: Served) -> None:
    """A header chooses among those that are granted; alone it is worth nothing."""
    with client_of(served, "uno", everything("one")) as uno:
        assert uno.get("/v1/whoami").json()["tenant"] == "one"
        for other in ("two", "default", "nobodys"):
            answer = uno.get("/v1/task-defs", headers={"Penstock-Tenant": other})
            assert refused(answer) == (403, "PERMISSION_DENIED")
    with client_of(served, "duo", everything("one"), everything("two")) as duo:
        for tenant in ("one", "two"):
            told = duo.get("/v1/whoami", headers={"Penstock-Tenant": tenant}).json()
            assert told["tenant"] == tenant
        assert refused(duo.get("/v1/whoami")) == (403, "PERMISSION_DENIED")
    with client_of(served, "none") as none:
        assert refused(none.get("/v1/whoami")) == (403, "PERMISSION_DENIED")


def test_who_may_read_may_not_write(served: Served) -> None:
    served.good("PUT", "/v1/task-defs?wait=all", {"name": "work"}, tenant="acme")
    with client_of(served, "reader", grant("acme", "ALL_RESOURCES", "READ")) as reader:
        assert reader.get("/v1/task-defs/work").status_code == 200
        answer = reader.put("/v1/task-defs", json={"name": "other"})
        assert refused(answer) == (403, "PERMISSION_DENIED")
        poll = reader.post("/v1/task-queues/work/poll", json={"worker": "w"})
        assert refused(poll) == (403, "PERMISSION_DENIED")
    with client_of(served, "writer", grant("acme", "TASK", "WRITE_METADATA")) as writer:
        assert writer.put("/v1/task-defs", json={"name": "other"}).status_code == 200
        assert refused(writer.get("/v1/task-defs/other")) == (403, "PERMISSION_DENIED")
        for path in ("/v1/wf-specs", "/v1/wf-runs", "/v1/principals", "/v1/cluster"):
            assert refused(writer.get(path)) == (403, "PERMISSION_DENIED")


def test_who_may_write_some_workflows_is_told_of_no_application_but_theirs(served: Served) -> None:
    application = {"name": "secret", "webhook_url": "https://secret.example/"}
    served.good("PUT", "/v1/applications?wait=all", application, tenant="acme")
    leave = grant("acme", "WORKFLOW", "WRITE_METADATA", "zz-*")
    with client_of(served, "stepper", leave) as stepper:
        told = [
            stepper.put(f"/v1/applications/{name}/workflows", json={"name": "x"})
            for name in ("secret", "nosuch")
        ]
        assert [refused(one) for one in told] == [(403, "PERMISSION_DENIED")] * 2
        own = stepper.put("/v1/applications/zz-nosuch/workflows", json={"name": "x"})
        assert refused(own) == (404, "APPLICATION_UNKNOWN")


def test_who_owns_a_tenant_has_nothing_of_the_cluster(served: Served) -> None:
    """Dead letters, metrics and principals tell of other tenants, too."""
    with client_of(served, "owner", everything("acme")) as owner:
        for path in ("/v1/cluster", "/v1/dead-letters", "/v1/doctor", "/v1/verify", "/metrics"):
            assert refused(owner.get(path)) == (403, "PERMISSION_DENIED"), path
        for path in ("/v1/principals", "/v1/api-keys"):
            assert refused(owner.get(path)) == (403, "PERMISSION_DENIED"), path
        put = {"name": "owner", "grants": [everything("*")]}
        assert refused(owner.put("/v1/principals", json=put)) == (403, "PERMISSION_DENIED")


def test_names_in_a_grant_count_wherever_something_is_shown(served: Served) -> None:
    """Another spec's runs are told of as runs that are not there."""
    headers = {"tenant": "named"}
    for name in ("order-a", "secret"):
        served.good("PUT", "/v1/task-defs?wait=all", {"name": name}, **headers)
        served.good("PUT", "/v1/wf-specs?wait=all", one_task(name, name), **headers)
        body = {"wf_spec": name, "wf_run_id": f"{name}-run"}
        served.good("POST", "/v1/wf-runs", body, **headers)
    grants = (
        grant("named", "WORKFLOW", "READ", "order-*"),
        grant("named", "TASK", "READ", "order-a"),
    )
    with client_of(served, "clerk", *grants) as clerk:

        def items(path: str) -> Any:
            answer = clerk.get(path)
            assert answer.status_code == 200, answer.text
            return answer.json()["items"]

        assert [one["name"] for one in items("/v1/task-defs")] == ["order-a"]
        assert [one["name"] for one in items("/v1/wf-specs")] == ["order-a"]
        assert [one["task_def"] for one in items("/v1/task-queues")] == ["order-a"]
        assert clerk.get("/v1/task-queues/order-a").json()["waiting"] == 1
        assert refused(clerk.get("/v1/task-queues/secret")) == (403, "PERMISSION_DENIED")
        assert [one["wf_run_id"] for one in items("/v1/wf-runs")] == ["order-a-run"]
        assert {one["wf_run_id"] for one in items("/v1/task-runs")} == {"order-a-run"}
        assert clerk.get("/v1/wf-specs/order-a").status_code == 200
        assert refused(clerk.get("/v1/wf-specs/secret")) == (403, "PERMISSION_DENIED")
        assert refused(clerk.get("/v1/wf-specs/nowhere")) == (403, "PERMISSION_DENIED")
        for one in ROUTES:
            if one.method == "GET" and one.path.startswith("/v1/wf-runs/{wf_run_id}"):
                path = one.path.replace("{thread:whole}", "0").replace("{position:whole}", "0")
                path = path.replace("{task_run}", "x")
                told = [
                    clerk.get(path.replace("{wf_run_id}", name)) for name in ("secret-run", "gone")
                ]
                assert {refused(answer) for answer in told} == {(404, "WF_RUN_UNKNOWN")}, path
                first, second = (answer.json()["error"]["message"] for answer in told)
                assert first.replace("secret-run", "x") == second.replace("gone", "x")
        assert clerk.get("/v1/wf-runs/order-a-run").status_code == 200


def test_a_past_is_told_to_who_sees_the_whole_family(served: Served) -> None:
    """It tells of the runs above and below. To others it is that of a run that is not there."""
    headers = {"tenant": "kin"}
    served.good("PUT", "/v1/task-defs?wait=all", {"name": "work"}, **headers)
    for name in ("open", "secret"):
        served.good("PUT", "/v1/wf-specs?wait=all", one_task(name, "work"), **headers)
    for body in (
        {"wf_spec": "secret", "wf_run_id": "p", "labels": {"customer": "acme"}},
        {"wf_spec": "open", "wf_run_id": "c", "parent": "p"},
        {"wf_spec": "open", "wf_run_id": "alone"},
    ):
        served.good("POST", "/v1/wf-runs", body, **headers)
    below = ("/recording", "/history?positions=true", "/history?at=2999-01-01T00:00:00Z")
    with client_of(served, "some", grant("kin", "WORKFLOW", "READ", "open")) as some:
        for path in below:
            told, unknown = (some.get(f"/v1/wf-runs/{run}{path}") for run in ("p.c", "p.x"))
            assert refused(told) == (404, "WF_RUN_UNKNOWN"), path
            assert "acme" not in told.text
            messages = [one.json()["error"]["message"] for one in (told, unknown)]
            assert messages[0].replace("p.c", "p.x") == messages[1]
            assert some.get(f"/v1/wf-runs/alone{path}").status_code == 200
        for path in ("", "?at=2999-01-01T00:00:00Z", "/history"):
            assert some.get(f"/v1/wf-runs/p.c{path}").status_code == 200
    with client_of(served, "both", grant("kin", "WORKFLOW", "READ", "open", "secret")) as both:
        for path in below:
            assert both.get(f"/v1/wf-runs/p.c{path}").status_code == 200
