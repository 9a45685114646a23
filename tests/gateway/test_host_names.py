"""Whose page sends a request, where nobody is asked for a credential: a browser sends it for any
page that is open in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from penstock.config import Config
from penstock.gateway.access import OPEN
from penstock.gateway.app import ROUTES
from penstock.gateway.auth import Security
from penstock.processor.directory import CannotStart
from penstock.server.opening import names_of
from tests.gateway.keys import guarded
from tests.gateway.served import Served, serving, shape_of_error
from tests.gateway.spare import spare_beside

FOREIGN = "http://evil.example"
CHANGES = ("POST", "PUT", "DELETE")


@pytest.fixture
def plain(served: Served) -> Iterator[httpx.Client]:
    """A client that says no more than it is told to."""
    with httpx.Client(base_url=served.url, timeout=30.0) as client:
        yield client


def refused(answer: httpx.Response) -> tuple[int, str]:
    return shape_of_error(answer)[:2]


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:7070", "localhost.evil.example", "127.0.0.1.evil.example"),
        *(
            "localhost@evil.example",
            "evil.example@localhost",
            "evillocalhost",
            "127.0.0.1:x",
            "[::1",
        ),
        *("", ".", ":7070", "evil.example/localhost", "127.1", "evil.example, localhost"),
    ],
)
def test_a_name_that_is_not_its_own_is_refused(served: Served, host: str) -> None:
    """Whose owner may have it lead here: for reads as well."""
    for method in ("GET", "PUT"):
        answer = served.http.request(method, "/v1/task-defs", headers={"Host": host}, content="{}")
        assert refused(answer) == (403, "FOREIGN_HOST")
        assert "--allow-host" in answer.text


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:1", "localhost", "LocalHost:7070", "localhost.:80"),
        *("app.localhost", "10.1.2.3:7070", "[::1]", "[fe80::1]:7070"),
    ],
)
def test_its_own_names_and_addresses_are_good(served: Served, host: str) -> None:
    assert served.http.get("/v1/task-defs", headers={"Host": host}).status_code == 200


def test_every_route_looks_at_it(plain: httpx.Client) -> None:
    """But the open ones: probes and hooks come by any name, and webhooks have keys."""
    for one in ROUTES:
        path = re.sub(r"\{\w+:whole\}", "0", one.path).replace("{", "").replace("}", "")
        called = plain.request(one.method, path, headers={"Host": "evil.example"})
        if one.path in OPEN:
            assert called.status_code != 403, path
            continue
        assert refused(called) == (403, "FOREIGN_HOST"), path
        if one.method in CHANGES:
            sent = plain.request(one.method, path, headers={"Origin": FOREIGN})
            assert refused(sent) == (403, "FOREIGN_ORIGIN"), path


@pytest.mark.parametrize("origin", [FOREIGN, "null", "", "http://localhost:1", "http://[", "x"])
def test_a_page_of_others_changes_nothing(served: Served, origin: str) -> None:
    """As a browser sends it without asking first; from another port of this machine as well."""
    simple = {"Origin": origin, "Content-Type": "text/plain"}
    answer = served.http.put("/v1/task-defs", content='{"name": "of-a-page"}', headers=simple)
    assert refused(answer) == (403, "FOREIGN_ORIGIN")
    assert served.refused("GET", "/v1/task-defs/of-a-page")[1] == "TASK_DEF_UNKNOWN"
    assert served.http.get("/v1/task-defs", headers=simple).status_code == 200


def test_its_own_page_does(served: Served) -> None:
    """By whichever name it was loaded: also through a server that passes on what it gets."""
    port = httpx.URL(served.url).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost:5173"):
        own = {"Host": host, "Origin": f"http://{host}"}
        answer = served.http.put("/v1/task-defs", json={"name": "of-the-page"}, headers=own)
        assert answer.status_code < 300, answer.text


def test_further_names_can_be_allowed(tmp_path: Path) -> None:
    """As that of a proxy, which may call it by its address."""
    with serving(tmp_path, allow_hosts=("Flows.example",)) as served:

        def put(**headers: str) -> int:
            body = {"name": "allowed"}
            return served.http.put("/v1/task-defs", json=body, headers=headers).status_code

        page = "https://flows.example:8443"
        assert put(Host="flows.example") < 300
        assert put(Host="flows.example", Origin=page) < 300
        assert put(Origin=page) < 300
        assert put(Host="other.example") == put(Origin="https://a.flows.example") == 403


def test_where_credentials_are_asked_for_any_name_will_do(tmp_path: Path) -> None:
    """A page has none, and no browser adds one."""
    with guarded(tmp_path) as served:
        foreign = {"Host": "evil.example", "Origin": FOREIGN}
        put = served.http.put("/v1/task-defs", json={"name": "known"}, headers=foreign)
        assert put.status_code < 300
        foreign["Authorization"] = ""
        assert refused(served.http.get("/v1/task-defs", headers=foreign)) == (
            401,
            "UNAUTHENTICATED",
        )


def test_it_is_looked_at_where_a_request_comes_in(served: Served, tmp_path: Path) -> None:
    """The node that it goes on to is called by its own name, by no page."""
    served.a_task_def("by-another")
    served.a_wf_spec("by-another", "by-another")
    with (
        spare_beside(served, tmp_path, security=Security()) as spare,
        httpx.Client(base_url=spare.url, timeout=30.0) as client,
    ):
        run = {"wf_spec": "by-another"}
        own = client.post("/v1/wf-runs", json=run, headers={"Origin": spare.url})
        assert own.status_code == 201
        for header, of in (
            ({"Origin": served.url}, "FOREIGN_ORIGIN"),
            ({"Host": "x"}, "FOREIGN_HOST"),
        ):
            sent = client.post("/v1/wf-runs", json=run, headers=header)
            assert refused(sent) == (403, of)
            hop = header | {"Penstock-Forwarded-By": served.url}
            assert refused(client.post("/v1/wf-runs", json=run, headers=hop)) == (403, of)


def test_what_a_server_is_called() -> None:
    """Where it listens, and where it says that it does."""
    config = Config(data=Path("x"), host="Node-1", advertise="https://node-1.shop.svc:7070")
    assert names_of(config).own == {"node-1", "node-1.shop.svc"}
    for wrong in ("", "a b", "http://flows.example"):
        with pytest.raises(CannotStart):
            names_of(Config(data=Path("x"), allow_hosts=(wrong,)))
