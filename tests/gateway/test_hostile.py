"""Every route is asked with hostile input: it answers with a code that is documented, never with a
defect, and what is refused has changed no row.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import httpx
import pytest

from penstock.core.limits import JSON_DEPTH_MAX, LABELS_MAX, VALUE_BYTES_MAX
from penstock.core.state.partition_state import AnswerExpiry, CommandAnswer, PartitionState
from penstock.gateway.app import ROUTES
from penstock.gateway.auth import Security
from penstock.gateway.json_in import NUMBER_CHARS_MAX, REQUEST_BYTES_MAX
from penstock.gateway.load import Limits
from penstock.gateway.openapi import document
from penstock.gateway.sent_events import MEDIA
from penstock.store.port import META
from tests.gateway.hostile import Operation, operations
from tests.gateway.served import Served, serving, shape_of_error
from tests.gateway.spare import spare_beside

OPERATIONS = operations(document(ROUTES))
SAMPLED = 2
"""One route in so many is asked through another node, too."""
BOOKKEEPING = (PartitionState, CommandAnswer, AnswerExpiry)
"""Clocks, and what refused commands were told: the only rows that a refusal writes."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of its own, with a run in it that anybody may try to harm."""
    limits = Limits(answer_timeout_s=5.0, read_timeout_s=0.05)
    with serving(tmp_path_factory.mktemp("hostile"), limits) as made:
        made.a_task_def("work", input_vars=[{"name": "n", "type": "JSON_OBJ"}])
        made.a_wf_spec("spec", "work", inputs={"n": {"from": "VALUE", "value": {}}})
        spec = made.good("GET", "/v1/wf-specs/spec")["spec"]
        spec["threads"]["main"]["variables"] = [{"name": "any", "type": "JSON_OBJ"}]
        made.good("PUT", "/v1/wf-specs?wait=all", {"name": "spec", "spec": spec})
        made.run("spec", wf_run_id="there")
        yield made


def digest(served: Served) -> str:
    """Of all rows, but for bookkeeping."""
    made = blake2b(digest_size=16)
    skipped = tuple(kind.key() for kind in BOOKKEEPING)
    for partition in sorted(
        served.made.processor.partitions(), key=lambda one: one.shard.partition
    ):
        view = partition.view()._view  # type: ignore[reportPrivateUsage] - rows of any kind
        for key, data in view.scan(b"", b"\xff" * 4):
            if not key.startswith(META) and not key.startswith(skipped):
                made.update(len(key).to_bytes(4, "big") + key + data)
    return made.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_hostile_input_is_refused_by_name(served: Served, operation: Operation) -> None:
    before, taken = digest(served), 0
    for asked in operation.hostile():
        with served.http.stream(
            operation.method, asked.url, content=asked.body, headers=list(asked.headers)
        ) as response:
            if response.headers["content-type"].partition(";")[0] != MEDIA:
                response.read()  # what goes on for ever is not waited for
        of = f"{operation} {asked.why}"
        assert response.status_code < 500, (of, response.text)
        if response.status_code >= 400:
            assert shape_of_error(response), of
        else:
            assert not asked.certain, (of, response.status_code, response.text[:200])
            taken += operation.method != "GET"
    assert taken or digest(served) == before, f"{operation}: a refusal has changed rows"


@pytest.fixture(scope="module")
def beside(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a node that owns nothing: all that it is asked goes on to the one that does."""
    with (
        spare_beside(served, tmp_path_factory.mktemp("beside"), security=Security()) as spare,
        httpx.Client(base_url=spare.url, timeout=30.0) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS[::SAMPLED], ids=str)
def test_hostile_input_goes_on_to_another_node(beside: httpx.Client, operation: Operation) -> None:
    """And is no defect of either: what is refused is refused by name."""
    for asked in operation.hostile():
        with beside.stream(
            operation.method, asked.url, content=asked.body, headers=list(asked.headers)
        ) as response:
            if response.headers["content-type"].partition(";")[0] != MEDIA:
                response.read()
        of = f"{operation} {asked.why}"
        if response.status_code >= 400:
            assert shape_of_error(response)[0] != 500, (of, response.text)
        else:
            assert not asked.certain, (of, response.status_code, response.text[:200])


def test_every_route_is_asked() -> None:
    """None is left out by the way in which requests are made."""
    assert len(OPERATIONS) == sum(getattr(one, "says", None) is not None for one in ROUTES)
    for operation in OPERATIONS:
        assert any(asked.certain for asked in operation.hostile()), str(operation)


def variables(value: str) -> str:
    """A start with a value, as JSON."""
    return f'{{"wf_spec":"spec","variables":{{"any":{value}}}}}'


def labelled(count: int) -> str:
    """A start with so many labels."""
    labels = ",".join(f'"{number}":""' for number in range(count))
    return f'{{"wf_spec":"spec","labels":{{{labels}}}}}'


def padded(text: str, size: int) -> str:
    """A body of so many bytes."""
    return text + " " * (size - len(text))


@pytest.mark.parametrize(
    ("at", "over", "code"),
    [
        (
            padded(variables("{}"), REQUEST_BYTES_MAX),
            padded(variables("{}"), REQUEST_BYTES_MAX + 1),
            "TOO_LARGE",
        ),
        (
            variables('{"a":"%s"}' % ("x" * (VALUE_BYTES_MAX - 8))),
            variables('{"a":"%s"}' % ("x" * (VALUE_BYTES_MAX - 7))),
            "BAD_VALUE",
        ),
        (
            variables('{"a":%s}' % ("[" * (JSON_DEPTH_MAX - 3) + "]" * (JSON_DEPTH_MAX - 3))),
            variables('{"a":%s}' % ("[" * (JSON_DEPTH_MAX - 2) + "]" * (JSON_DEPTH_MAX - 2))),
            "BAD_JSON",
        ),
        (
            variables('{"a":0.%s}' % ("1" * (NUMBER_CHARS_MAX - 2))),
            variables('{"a":0.%s}' % ("1" * (NUMBER_CHARS_MAX - 1))),
            "BAD_JSON",
        ),
        (
            '{"wf_spec":"spec","wf_run_id":"%s"}' % ("x" * 63),
            '{"wf_spec":"spec","wf_run_id":"%s"}' % ("x" * 64),
            "BAD_ID",
        ),
        (
            labelled(LABELS_MAX),
            labelled(LABELS_MAX + 1),
            "LIMIT",
        ),
    ],
    ids=["request", "value", "depth", "digits", "id", "labels"],
)
def test_one_over_each_limit(served: Served, at: str, over: str, code: str) -> None:
    """What is exactly as large as may be is taken, and one more is not."""
    refused = served.http.post("/v1/wf-runs", content=over)
    assert shape_of_error(refused)[1] == code
    taken: Any = served.http.post("/v1/wf-runs", content=at)
    assert taken.status_code == 201, taken.text
