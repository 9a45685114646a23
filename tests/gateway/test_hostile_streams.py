"""Every stream is asked for with hostile input: filters, cursors, positions, names and headers that
are none, or huge. Each is refused by a code before a stream begins, or changes nothing of it; and
none is open afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.gateway.app import ROUTES
from penstock.gateway.sent_events import MEDIA
from penstock.gateway.web import ApiRoute
from tests.controls import chain, event
from tests.gateway.served import Served, serving, shape_of_error, wait_until

THERE = {"{wf_run_id}": "there", "{task_def}": "there"}
PATHS = sorted(
    one.path
    for one in ROUTES
    if isinstance(one, ApiRoute) and one.says is not None and one.says.media == MEDIA
)
HUGE = "9" * 5_000
HUGEST = "9" * 70_000
OF_ALL = ("no-such=1", "cursor=none", "limit=1", f"{'x' * 300}=1", f"cursor={HUGE}", "%00=1")
BAD = {
    "/v1/changes/wf-runs/follow": (
        *("status=LATE", f"status={HUGE}", "label=x", f"label={HUGE}", "view=none"),
        *("started_after=yesterday", f"started_after={HUGE}", "started_before=2026-13-01"),
        *("variable=a:b", "parent=..%2Fx", "has_parent=maybe"),
    ),
    "/v1/wf-runs/{wf_run_id}/follow": (
        *("at_least=1", "at_least=9:-2", f"at_least={HUGE}", f"at_least=0:{HUGE}", "at_least=99:1"),
    ),
    "/v1/wf-runs/{wf_run_id}/logs/follow": (
        *("at_least=1", f"at_least=0:{HUGE}", "min_level=LOUD", f"min_level={HUGE}", "view=none"),
        *("attempt=-1", "attempt=one", f"attempt={HUGE}", "task_run=%00", f"task_run={HUGE}"),
    ),
    "/v1/changes/follow": (),
    "/v1/task-queues/{task_def}/follow": (),
}
NAMES = ("a%2Fb", "%00", "..%2F..%2Fx", "x" * 5_000, "%FF%FE", "%ED%A0%80", "none")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("hostile")) as made:
        made.a_task_def("there")
        made.good("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
        spec = {"name": "waits", "spec": chain(event("go"))}
        made.good("PUT", "/v1/wf-specs?wait=all", spec)
        made.run("waits", wf_run_id="there")
        yield made
        counted = made.made.app.state.gateway.streams.of_tenants
        wait_until(lambda: not counted)


def named(path: str, name: str = "there") -> str:
    """The path of what has this name."""
    for part in THERE:
        path = path.replace(part, name)
    return path


def refused(served: Served, url: str, **headers: str) -> tuple[int, str]:
    """Status and code; a stream that begins is none."""
    with served.http.stream("GET", url, headers=headers) as response:
        assert response.status_code >= 400, url[:200]
        response.read()
    return shape_of_error(response)[:2]


def test_all_streams_are_asked() -> None:
    assert set(PATHS) == set(BAD)


@pytest.mark.parametrize("path", PATHS)
def test_what_is_asked_for_badly_is_refused_by_a_code(served: Served, path: str) -> None:
    for query in (*OF_ALL, *BAD[path]):
        status, code = refused(served, f"{named(path)}?{query}")
        assert 400 <= status < 500 and code, (path, query[:80])


@pytest.mark.parametrize("path", [path for path in PATHS if "{" in path])
@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:12])
def test_what_is_not_there_is_not_followed(served: Served, path: str, name: str) -> None:
    status, code = refused(served, named(path, name))
    assert status in (400, 404) and code


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("tenant", ["../x", "A", "a" * 41, "a b", "x" * 5_000])
def test_a_tenant_that_is_none_follows_nothing(served: Served, path: str, tenant: str) -> None:
    status, code = refused(served, named(path), **{"Penstock-Tenant": tenant})
    assert status in (400, 403) and code


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("last", ["1", "-1", "none", HUGEST], ids=lambda last: last[:9])
def test_an_id_of_a_last_event_changes_nothing(served: Served, path: str, last: str) -> None:
    """No event has an id: a stream that is opened again begins anew, whatever a client sends."""
    with served.http.stream("GET", named(path), headers={"Last-Event-ID": last}) as stream:
        assert stream.status_code == 200
        if not path.endswith("logs/follow"):  # of which there are none
            assert next(line for line in stream.iter_lines() if line).startswith("event: ")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("part", ["150000,-1,x", "9" * 400, ",,,", "٣"])
def test_who_only_says_that_he_is_another_node(served: Served, path: str, part: str) -> None:
    """He is told of what is there, and no more."""
    headers = {"Penstock-Forwarded-By": "http://nobody", "Penstock-Partitions": part.encode()}
    with served.http.stream("GET", named(path), headers=headers) as response:
        assert response.status_code < 500
        if response.status_code != 200:
            response.read()
            assert shape_of_error(response)[1]
