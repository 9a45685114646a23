"""Bulk jobs that are refused: filters and verbs that can not be meant, too much at once."""

import pytest

from penstock.core.bulk.rows import ROWS_OF_BULK, BulkFilter
from penstock.core.limits import BULK_IDS_MAX, BULK_LIVE_MAX
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import ThreadStatus
from tests.scenarios.bulks import bulk, command
from tests.scenarios.driver import Driver
from tests.scenarios.story import refused


def ids_as_long_as(chars: int) -> tuple[str, ...]:
    """Ids of runs below others."""
    return tuple(f"{'a.' * (chars // 2)}{number:03}" for number in range(999))


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({}, "BAD_FILTER"),
        ({"all": True, "wf_spec": "waits"}, "BAD_FILTER"),
        ({"children": True}, "BAD_FILTER"),
        ({"version": 1}, "BAD_FILTER"),
        ({"wf_spec": "waits", "version": -1, "variable": ("a:1",)}, "BAD_FILTER"),
        ({"wf_spec": "waits", "version": 2**63 - 1, "variable": ("a:1",)}, "SPEC_UNKNOWN"),
        ({"wf_spec": "waits", "major": -1, "variable": ("a:1",)}, "BAD_FILTER"),
        ({"wf_spec": "waits", "major": 0, "revision": -9, "variable": ("a:1",)}, "BAD_FILTER"),
        ({"started_after_ms": -1}, "BAD_FILTER"),
        ({"ended_before_ms": 2**62}, "BAD_FILTER"),
        ({"wf_spec": ".."}, "BAD_NAME"),
        ({"wf_run_ids": ("not an id",)}, "BAD_ID"),
        ({"wf_run_ids": ("a",) * (BULK_IDS_MAX + 1)}, "LIMIT"),
        ({"wf_run_ids": tuple(f"{'a' * 60}.{number:060}" for number in range(999))}, None),
        (
            {"wf_run_ids": tuple(f"{'a' * 63}.{'b' * 63}.{number}" for number in range(999))},
            "TOO_LARGE",
        ),
        ({"labels": {f"label-{number}": "x" for number in range(65)}}, "LIMIT"),
        ({"labels": {"": "x"}}, "BAD_NAME"),
    ],
)
def test_a_filter_that_can_not_be_meant(memory: Driver, criteria, code) -> None:
    """All runs are meant only by who says so."""
    if code is None:
        bulk(memory, "stop", **criteria).completes(done=0, WF_RUN_UNKNOWN=999)
    else:
        refused(memory, command("stop", **criteria), code)
        assert all(memory.everywhere(kind) == [] for kind in ROWS_OF_BULK)


@pytest.mark.parametrize(
    ("verb", "arguments", "code"),
    [
        ("explode", {}, "VERB_UNKNOWN"),
        ("stop", {"thread": "first"}, "BAD_VALUE"),
        ("stop", {"speed": 1}, "BAD_VALUE"),
        ("stop", {"wf_run_id": "a"}, "BAD_VALUE"),
        ("retry-now", {"guid": "a"}, "BAD_VALUE"),
        ("set-labels", {"labels": {"big": "x" * 40_000}}, "TOO_LARGE"),
    ],
)
def test_a_verb_that_can_not_be_meant(memory: Driver, verb, arguments, code) -> None:
    """It is refused at once, not at each run."""
    refused(memory, command(verb, arguments=arguments, all=True), code)


def test_so_many_jobs_of_a_tenant_are_under_way(memory: Driver) -> None:
    """More are refused until one has ended."""
    jobs = [command("stop", all=True) for _ in range(BULK_LIVE_MAX + 1)]
    codes = [answer.code for answer in memory.send_together(*jobs)]
    assert codes == [None] * BULK_LIVE_MAX + ["LIMIT"]
    for _ in range(10):
        memory.pass_ms(100)
    bulk(memory, "stop", all=True).completes(done=0)


def test_a_criterion_counts_as_one(memory: Driver) -> None:
    """Each field of a filter is one, but for those that only say how the others are meant."""
    good = {
        "wf_run_ids": ("a",),
        "wf_spec": "a",
        "status": (ThreadStatus.RUNNING,),
        "ends": (EndState.COMPLETED,),
        "labels": {"a": "b"},
        **dict.fromkeys(("started_after_ms", "started_before_ms"), 1),
        **dict.fromkeys(("ended_after_ms", "ended_before_ms"), 1),
        **dict.fromkeys(("q", "namespace", "trigger_wf_run_id"), "a"),
    }
    of_a_spec = {"version", "major", "revision", "variable"}
    said = good.keys() | of_a_spec | {"all", "children", "child"}
    assert said == set(BulkFilter.__struct_fields__)
    for name, value in good.items():
        bulk(memory, "stop", **{name: value}).is_now("COMPLETED")
