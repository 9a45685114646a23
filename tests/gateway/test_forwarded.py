"""What goes on to another node goes as it came; and what only nodes say to each other does nobody
any good.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from penstock.gateway.auth import Security
from penstock.gateway.cursors import cursor_text
from penstock.gateway.run_window import Begun, Mark
from tests.gateway.served import Served, one_task, shape_of_error
from tests.gateway.spare import spare_beside


@pytest.fixture(scope="module")
def through(
    served: Served, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, str]]:
    """A client of a node that owns nothing, and a run that waits."""
    served.a_task_def("forwarded")
    body = one_task("forwarded", "forwarded")
    found_by = {"name": "text", "type": "STR", "searchable": True}
    body["spec"]["threads"]["main"]["variables"] = [found_by]
    served.good("PUT", "/v1/wf-specs?wait=all", body)
    labels = {"x": "wait_ms=2000000"}
    run = served.run("forwarded", labels=labels, variables={"text": "wait_ms=7"})
    with (
        spare_beside(served, Path(tmp_path_factory.mktemp("spare")), security=Security()) as made,
        httpx.Client(base_url=made.url, timeout=30.0) as client,
    ):
        yield client, run


@pytest.mark.parametrize(
    ("headers", "of_run", "of_all"),
    [
        ([(b"User-Agent", b"caf\xe9")], 200, 200),
        ([(b"User-Agent", "caf\u00e9 \U0001f600".encode())], 200, 200),
        ([(b"X-Any", b"x" * 8_000)], 200, 200),
        ([(b"X-Any", b"1"), (b"X-Any", b"\xff")], 200, 200),
        ([(b"Penstock-Tenant", b"\xe9")], 400, 400),
        ([(b"Penstock-Tenant", b"default"), (b"Penstock-Tenant", b"other")], 200, 200),
        ([(b"Penstock-Tenant", b"other"), (b"Penstock-Tenant", b"default")], 404, 200),
    ],
)
def test_headers_go_on_as_they_came(
    served: Served,
    through: tuple[httpx.Client, str],
    headers: list[tuple[bytes, bytes]],
    of_run: int,
    of_all: int,
) -> None:
    """With any bytes, and as often: the owner, asked itself, answers the same."""
    client, run = through
    for path, status in ((f"/v1/wf-runs/{run}", of_run), ("/v1/wf-runs", of_all)):
        for one in (client, served.http):
            assert one.get(path, headers=headers).status_code == status, path
    if of_run == 200:
        started = client.post("/v1/wf-runs", json={"wf_spec": "forwarded"}, headers=headers)
        assert started.status_code == 201, started.text


def test_a_query_goes_on_as_it_came(served: Served, through: tuple[httpx.Client, str]) -> None:
    """Only the parameter that says how long to wait is another: what is left of it."""
    client, run = through

    def found(query: str) -> list[str]:
        answer = client.get(f"/v1/wf-runs?{query}")
        assert answer.status_code == 200, answer.text
        return [one["wf_run_id"] for one in answer.json()["items"]]

    assert found("label=x:wait_ms=2000000") == [run]
    assert found("wf_spec=forwarded&variable=text:wait_ms=7") == [run]
    assert found("label=x:wait_ms=1000000") == []
    long = f"/v1/wf-runs?label=x:wait_ms={'9' * 5_000}"
    assert client.get(long).status_code == served.http.get(long).status_code < 500
    for waits, status in (("1", 200), ("%31", 200), ("60001", 400), ("9" * 5_000, 400), ("x", 400)):
        answer = client.get(f"/v1/wf-runs/{run}?until=ended&wait_ms={waits}")
        assert answer.status_code == status, (waits, answer.text)
    assert client.get(f"/v1/wf-runs/{run}?until=ended&wait_ms=9999999&wait_ms=1").status_code == 200


@pytest.mark.parametrize(
    "part", [b"1", b"0,1,2", b"999999", b"-1", b"\xb2", b"1" * 5_000, b",", b""]
)
def test_what_nodes_ask_each_other_is_no_way_in(
    served: Served, through: tuple[httpx.Client, str], part: bytes
) -> None:
    """Of partitions that a cursor does not begin, or that there are not, there is nothing."""
    window = Mark(begins=(Begun(0),)).text
    values = cursor_text(msgspec.json.encode([(0, "")]))
    searched = f"wf_spec=forwarded&variable=text:wait_ms=7&cursor={values}"
    hop = [(b"Penstock-Forwarded-By", b"x"), (b"Penstock-Partitions", part)]
    for one in (served.http, through[0]):
        for path in (
            f"/v1/counts/wf-runs?cursor={window}",
            f"/v1/counts/wf-runs?{searched}",
            f"/v1/task-runs?cursor={window}",
            f"/v1/node-runs?cursor={window}",
            *(
                "/v1/wf-runs",
                "/v1/task-defs",
                "/v1/task-defs/forwarded",
                "/v1/cluster",
                "/v1/quota",
            ),
        ):
            answer = one.get(path, headers=hop)
            if answer.status_code >= 400:
                status, code, _ = shape_of_error(answer)
                assert status != 500, (path, code)


def test_who_says_which_partitions_is_told_of_all(through: tuple[httpx.Client, str]) -> None:
    """What a client says of them does not go on to the owner as a node's word."""
    client, _ = through
    plain = client.get("/v1/counts/wf-runs?wf_spec=forwarded")
    said = client.get("/v1/counts/wf-runs?wf_spec=forwarded", headers={"Penstock-Partitions": "1"})
    assert plain.status_code == 200 and said.json() == plain.json()
