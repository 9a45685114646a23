"""No answer is larger than a few MiB, whatever it was asked for: a page ends with a cursor, and
what shows only a part says so.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import httpx
import pytest

from penstock import Client
from penstock.core.state.rows import Row, Rows
from penstock.core.state.run import Variable
from penstock.core.views.attempts import ATTEMPTS_SHOWN_MAX
from penstock.core.views.filling import PAGE_BYTES_MAX, Filling, fitting
from penstock.gateway import index_scan
from penstock.gateway.canonical import THREADS_SHOWN_MAX
from penstock.gateway.counted_rows import CountedReader, Enough
from penstock.processor import past_records
from penstock.store.memory import MemoryStore
from penstock.store.port import StorePosition
from penstock.store.rowstore import RowStore
from tests.controls import chain, declared, runs_each, task, threads, throws_event, variable
from tests.controls import event as waits_for_event
from tests.gateway.served import Served, wait_until

KIB = 1024
LARGE = 200 * KIB
MANY = 30
"""So many large values are more than a page has room for."""
MOST = PAGE_BYTES_MAX + LARGE + 64 * KIB


@pytest.fixture(scope="module", autouse=True)
def specs(served: Served) -> None:
    """`ba-each` has a thread for each value, with a large task; `ba-large` one large task."""
    served.a_task_def("ba-hook", input_vars=[{"name": "data", "type": "STR"}])
    served.good("PUT", "/v1/external-event-defs", {"name": "ba-go"})
    served.good("PUT", "/v1/workflow-event-defs?wait=all", {"name": "ba-told"})
    data, values = declared("data", "STR"), declared("values", "JSON_ARR")
    hook = task("ba-hook", inputs={"data": variable("data")})
    each = threads(
        chain(runs_each("one", variable("values")), variables=(data, values)),
        one=chain(hook, variables=(declared("INPUT", "INT"),)),
    )
    returns = threads(
        chain(runs_each("one", variable("values")), variables=(data, values)),
        one=chain(
            waits_for_event("ba-go"),
            returns=variable("data"),
            variables=(declared("INPUT", "INT"),),
        ),
    )
    told = chain(
        *(throws_event("ba-told", variable("data")) for _ in range(MANY)), variables=(data,)
    )
    for name, spec in (
        ("ba-each", each),
        ("ba-returns", returns),
        ("ba-large", chain(hook, variables=(data,))),
        ("ba-told", told),
    ):
        served.good("PUT", "/v1/wf-specs?wait=all", {"name": name, "spec": spec})


def a_run_of_many(served: Served, name: str = "ba-each", many: int = MANY) -> str:
    """A run of many threads, each with what is large."""
    return served.run(name, variables={"data": "x" * LARGE, "values": list(range(many))})


def pages_of(served: Served, path: str, **asked: Any) -> list[httpx.Response]:
    """All pages of a list, none of which is too large."""
    found: list[httpx.Response] = []
    while True:
        page = served.http.get(path, params=asked)
        assert page.status_code == 200, page.text
        assert len(page.content) <= MOST, f"a page of {len(page.content)} bytes of {path}"
        found.append(page)
        asked["cursor"] = page.json()["cursor"]
        if asked["cursor"] is None:
            return found
        assert page.json()["items"], "each page brings the list further"


def items_of(pages: list[httpx.Response]) -> list[Any]:
    """What they have, all together."""
    return [item for page in pages for item in page.json()["items"]]


def test_a_page_ends_with_the_item_that_fills_it() -> None:
    page = Filling(10, bytes_max=10)
    for item in ("aaaa", "bb"):
        page.add(item)
    assert (page.left, bytes(page.items[1])) == (0, b'"bb"')
    page = Filling(2)
    page.add(1)
    rest = page.rest()
    assert (page.left, rest.left) == (1, 1)
    rest.add(2)
    page.take(rest)
    assert (page.left, [bytes(one) for one in page.items]) == (0, [b"1", b"2"])


def test_what_does_not_fit_is_not_even_made() -> None:
    made: list[int] = []

    def items() -> Any:
        for number in range(100):
            made.append(number)
            yield {"text": "x" * (PAGE_BYTES_MAX // 4)}

    found, whole = fitting(items())
    assert (len(found), whole) == (4, False)
    assert len(made) == 5, "one more, to know that there is one"


def test_a_limit_of_deliveries_holds_within_a_run(served: Served) -> None:
    wf_run_id = a_run_of_many(served)
    page = served.good("GET", "/v1/webhook-deliveries?task_def=ba-hook&limit=1")
    assert len(page["items"]) == 1
    single = items_of(pages_of(served, "/v1/webhook-deliveries", task_def="ba-hook", limit=1))
    pages = pages_of(served, "/v1/webhook-deliveries", task_def="ba-hook", limit=1_000)
    assert len(pages) > 1
    mine = [one["guid"] for one in items_of(pages) if one["wf_run_id"] == wf_run_id]
    assert len(mine) == len(set(mine)) == MANY
    assert [one["guid"] for one in items_of(pages)] == [one["guid"] for one in single]
    wrong = "MjphbnktcnVuAGFueQBndWlk"  # a guid with a NUL in it
    refused = served.refused("GET", f"/v1/webhook-deliveries?task_def=ba-hook&cursor={wrong}")
    assert refused[:2] == (400, "BAD_REQUEST")


def test_every_list_of_a_run_ends_its_pages(served: Served) -> None:
    wf_run_id = a_run_of_many(served)
    pages = pages_of(served, f"/v1/wf-runs/{wf_run_id}/task-runs", limit=1_000)
    guids = [one["guid"] for one in items_of(pages)]
    assert len(pages) > 1 and len(set(guids)) == len(guids) == MANY
    found = pages_of(served, "/v1/task-runs", wf_spec="ba-each", limit=1_000)
    assert len(found) > 1
    mine = [one["guid"] for one in items_of(found) if one["wf_run_id"] == wf_run_id]
    assert sorted(mine) == sorted(guids) and len(set(mine)) == MANY


def test_a_run_shows_as_many_threads_as_have_room(served: Served) -> None:
    wf_run_id = a_run_of_many(served, "ba-returns")
    path = f"/v1/wf-runs/{wf_run_id}"
    for _ in range(MANY):
        served.good("POST", "/v1/external-events", {"wf_run_id": wf_run_id, "event_def": "ba-go"})
    whole = served.http.get(path, params={"until": "ended", "wait_ms": 20_000})
    assert whole.json()["status"] == "COMPLETED"
    assert len(whole.content) <= MOST and whole.json()["threads_truncated"]
    shown = whole.json()["threads"]
    rest = items_of(pages_of(served, f"{path}/threads", limit=1_000))
    assert 1 < len(shown) < len(rest) == MANY + 1
    assert rest[: len(shown)] == shown
    brief = served.good("GET", f"{path}?brief=true")
    assert brief == {key: value for key, value in whole.json().items() if "threads" not in key}
    assert served.refused("GET", f"{path}?brief=yes")[:2] == (400, "BAD_REQUEST")


def test_a_result_asks_for_no_threads(served: Served) -> None:
    wf_run_id = served.run("ba-told", variables={"data": "x"})
    asked: list[str] = []

    def note(request: httpx.Request) -> None:
        asked.append(str(request.url))

    with Client(served.url) as client:
        http: Any = client.connection
        http._http.event_hooks["request"].append(note)
        client.handle(wf_run_id).result(timeout=20)
        client.handle(wf_run_id).status()
    assert len(asked) == 2 and all("brief=true" in url for url in asked)


def test_a_run_of_many_small_threads_shows_the_first(served: Served) -> None:
    wf_run_id = served.run(
        "ba-returns", variables={"data": "x", "values": list(range(THREADS_SHOWN_MAX))}
    )
    path = f"/v1/wf-runs/{wf_run_id}"
    wait_until(lambda: served.good("GET", path)["threads_truncated"])  # they begin in chunks
    run = served.good("GET", path)
    assert [one["number"] for one in run["threads"]] == list(range(THREADS_SHOWN_MAX))


def test_a_task_run_shows_its_newest_attempts(served: Served) -> None:
    many = ATTEMPTS_SHOWN_MAX + 5
    served.a_task_def("ba-shaky")
    served.a_wf_spec("ba-shaky", "ba-shaky", max_attempts=many)
    wf_run_id = served.run("ba-shaky")
    for number in range(1, many):
        (given,) = served.poll("ba-shaky")
        assert given["attempt"] == number
        served.report(given, status="TASK_FAILED", error="no luck", logs="y" * 100)
    path = f"/v1/wf-runs/{wf_run_id}/task-runs"
    [shown] = served.good("GET", path)["items"]
    assert shown["attempts_truncated"]
    numbers = [one["number"] for one in shown["attempts"]]
    assert numbers == list(range(many - ATTEMPTS_SHOWN_MAX + 1, many + 1))
    assert shown == served.good("GET", f"{path}/{shown['guid']}")
    pages = pages_of(served, f"{path}/{shown['guid']}/attempts", limit=50)
    rest = items_of(pages)
    assert [len(page.json()["items"]) for page in pages] == [50, 50, 5]
    assert [one["number"] for one in rest] == list(range(1, many + 1))
    assert rest[-ATTEMPTS_SHOWN_MAX:] == shown["attempts"]
    with Client(served.url) as client:
        attempts = client.handle(wf_run_id).attempts(shown["guid"])
    assert [one.number for one in attempts] == list(range(1, many + 1))
    for view, key in (("kestra", "attemptsTruncated"), ("wundaflow", "attempts_truncated")):
        [seen] = served.good("GET", f"{path}?view={view}")["items"]
        assert (len(seen["attempts"]), seen[key]) == (ATTEMPTS_SHOWN_MAX, True)
    missing = served.refused("GET", f"{path}/none/attempts")
    assert missing[:2] == (404, "TASK_RUN_UNKNOWN")


def test_large_attempts_are_fewer(served: Served) -> None:
    """They count by their bytes, too."""
    served.a_task_def("ba-wordy")
    served.a_wf_spec("ba-wordy", "ba-wordy", max_attempts=MANY)
    wf_run_id = served.run("ba-wordy")
    for _ in range(MANY - 1):
        (given,) = served.poll("ba-wordy")
        served.report(given, status="TASK_FAILED", error="no", logs="z" * 64 * KIB)
    answer = served.http.get(f"/v1/wf-runs/{wf_run_id}/task-runs")
    [shown] = answer.json()["items"]
    assert len(answer.content) < 1_200 * KIB
    assert 1 < len(shown["attempts"]) < MANY and shown["attempts_truncated"]
    logs = served.good("GET", f"/v1/wf-runs/{wf_run_id}/logs")
    assert not logs["truncated"]


def test_events_of_a_run_are_looked_at_a_part_at_a_time(served: Served) -> None:
    wf_run_id = served.run("ba-told", variables={"data": "x" * LARGE})
    path, first, numbers = f"/v1/wf-runs/{wf_run_id}/workflow-events", 0, list[int]()
    while True:
        page = served.http.get(path, params={"from": first})
        assert len(page.content) <= MOST
        told = page.json()
        numbers += [one["number"] for one in told["items"]]
        first = told["following"]
        if not told["truncated"]:
            break
    assert numbers == list(range(MANY)) and first == MANY
    with Client(served.url) as client:
        assert [one.number for one in client.handle(wf_run_id).thrown()] == numbers


def test_large_rows_count_by_their_bytes() -> None:
    store = RowStore(MemoryStore())
    small = [Variable("t", "r", 0, f"small{number}", "x") for number in range(10)]
    large = [Variable("t", "r", 1, f"large{number}", "x" * LARGE) for number in range(10)]
    rows: dict[bytes, Row | None] = {row.own_key(): row for row in (*small, *large)}
    store.write(rows, StorePosition(1))

    def read(most: int, thread: int) -> int:
        found: list[Variable] = []
        with suppress(Enough):
            found += Rows(CountedReader(store.view(), most)).scan(Variable, "t", "r", thread)
        return len(found)

    assert (read(5, 0), read(11, 0)) == (5, 10)
    assert (read(50, 1), read(250, 1)) == (0, 2), "one is as a hundred"


def test_an_index_that_reads_much_ends_its_page(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are looked at and not wanted may be large, too."""
    for _ in range(3):
        a_run_of_many(served, many=5)
    monkeypatch.setattr(index_scan, "READ_BYTES_PER_PAGE_MAX", 3 * LARGE)
    path = "/v1/webhook-deliveries?task_def=ba-none"
    page, looks = served.good("GET", path), 1
    while page["cursor"] is not None:
        assert page["items"] == []
        page, looks = served.good("GET", f"{path}&cursor={page['cursor']}"), looks + 1
    assert looks > 3


def test_a_past_is_folded_from_so_many_bytes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/v1/wf-runs/{a_run_of_many(served, many=3)}?at=2999-01-01T00:00:00Z"
    assert len(served.good("GET", path)["threads"]) == 4
    monkeypatch.setattr(past_records, "PAST_BYTES_MAX", LARGE)
    status, code, message = served.refused("GET", path)
    assert (status, code) == (409, "PAST_UNKNOWN") and "bytes of the log" in message
